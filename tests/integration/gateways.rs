//! Honest mail that passed a mail gateway or a forwarder: the hop that got it from the sender said that the sender is who
//! it says, and what came later broke the signature, rewrote links or marked the subject. It must stay far below the
//! threshold; the same results written by the sender must not help.

#![allow(clippy::expect_used)]

use popgate::filter::{Filter, RuleSet, Thresholds};

/// What remains of an order confirmation behind a gateway.
const ORDER: &str = "From: Northern Garden <orders@garden.example>\r\n\
    To: Anna Roe <anna@office.example>\r\n\
    Subject: =?utf-8?B?W0VYVEVSTkFMXSBZb3VyIG9yZGVyIDQ4MTcgaXMgY29uZmlybWVk?=\r\n\
    Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
    Message-ID: <4817.1@garden.example>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: text/html; charset=utf-8\r\n\r\n\
    <p style=\"background:#ffeb9c\">CAUTION: This email originated from outside of the organization. Do not click links \
    unless you recognize the sender.</p>\
    <div style=\"display:none;max-height:0\">We have it in stock</div>\
    <p>Dear Anna,</p><p>thank you for your order 4817 of 23 November: twelve tulip bulbs, one pair of gloves. We charge \
    your card with 31.40 when the parcel leaves the house, and write to you on that day. Please check the address: \
    4 Orchard Road, Norwich.</p>\
    <p><a href=\"LINK\">Your order</a></p>\
    <p>Northern Garden Ltd, Norwich. Questions? Write to orders@garden.example.</p>\r\n";

/// The header that the hops added, the newest first, and the link that it rewrote.
const GATEWAYS: &[(&str, &str, &[&str])] = &[
    (
        "Mimecast before Microsoft 365",
        "https://protect-eu.mimecast.com/s/AbCdEfGh?domain=garden.example",
        &[
            "Received: from AS8PR04.eurprd04.prod.outlook.com (2603:10a6:20b::1) by AM0PR04.eurprd04.prod.outlook.com with HTTPS; Mon, 23 Nov 2026 10:00:09 +0000",
            "Authentication-Results: spf=softfail (sender IP is 205.139.110.61) smtp.mailfrom=garden.example; dkim=fail (body hash did not verify) header.d=garden.example; dmarc=fail action=oreject header.from=garden.example; compauth=none reason=451",
            "Received: from eu-smtp-delivery-1.mimecast.com (205.139.110.61) by AM5EUR03FT004.mail.protection.outlook.com (10.152.16.1) with Microsoft SMTP Server; Mon, 23 Nov 2026 10:00:08 +0000",
            "Authentication-Results-Original: relay.mimecast.com; dkim=pass header.d=garden.example header.s=s1; dmarc=pass (policy=reject) header.from=garden.example; spf=pass smtp.mailfrom=garden.example",
            "Received: from out1.garden.example (out1.garden.example [192.0.2.7]) by relay.mimecast.com with ESMTP id eu-mta-1; Mon, 23 Nov 2026 10:00:07 +0000",
        ],
    ),
    (
        "Proofpoint before Microsoft 365",
        "https://urldefense.com/v3/__https://www.garden.example/orders/4817__;!!AbC!xyz$",
        &[
            "Received: from DB7PR06.eurprd06.prod.outlook.com (2603:10a6:10::2) by AM0PR06.eurprd06.prod.outlook.com with HTTPS; Mon, 23 Nov 2026 10:00:09 +0000",
            "Authentication-Results: spf=fail (sender IP is 148.163.1.2) smtp.mailfrom=garden.example; dkim=fail (body hash did not verify) header.d=garden.example;dmarc=fail action=quarantine header.from=garden.example;compauth=fail reason=000",
            "Received: from mx0a-00012345.pphosted.com (148.163.1.2) by DB5EUR02FT010.mail.protection.outlook.com (10.13.58.1) with Microsoft SMTP Server; Mon, 23 Nov 2026 10:00:08 +0000",
            "Authentication-Results-Original: ppops.net; spf=pass smtp.mailfrom=bounce@garden.example; dkim=pass header.d=garden.example header.s=s1; dmarc=pass header.from=garden.example",
            "Received: from out1.garden.example (out1.garden.example [192.0.2.7]) by mx0a-00012345.pphosted.com (PPS) with ESMTPS id 3abc-1; Mon, 23 Nov 2026 10:00:07 +0000",
        ],
    ),
    (
        "Barracuda before the own server",
        "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fwww.garden.example%2forders%2f4817&amp;c=E,1,abc&amp;typo=1",
        &[
            "Received: from d12345.ess.barracudanetworks.com (d12345.ess.barracudanetworks.com [209.222.82.1]) by mail.office.example (Postfix) with ESMTPS id 4B1; Mon, 23 Nov 2026 10:00:08 +0000",
            "Authentication-Results: mail.office.example; dkim=fail reason=\"body hash did not verify\" (2048-bit key; unprotected) header.d=garden.example header.i=@garden.example; spf=fail smtp.mailfrom=garden.example; dmarc=fail (p=reject dis=none) header.from=garden.example",
            "Authentication-Results: mx-inbound1-1.us-east-2b.ess.aws.cudamail.com; spf=pass smtp.mailfrom=garden.example; dkim=pass header.d=garden.example; dmarc=pass header.from=garden.example",
            "Received: from out1.garden.example (out1.garden.example [192.0.2.7]) by mx-inbound1-1.us-east-2b.ess.aws.cudamail.com with ESMTPS; Mon, 23 Nov 2026 10:00:07 +0000",
        ],
    ),
    (
        "Cisco IronPort at the own domain",
        "https://secure-web.cisco.com/1AbCdEf/https%3A%2F%2Fwww.garden.example%2Forders%2F4817",
        &[
            "Received: from esa1.office.example (esa1.office.example [198.51.100.3]) by mail.office.example (Postfix) with ESMTPS id 4B2; Mon, 23 Nov 2026 10:00:08 +0000",
            "Authentication-Results: mail.office.example; dkim=fail header.d=garden.example; spf=softfail smtp.mailfrom=garden.example; dmarc=fail header.from=garden.example",
            "Authentication-Results: esa1.office.example; spf=Pass smtp.mailfrom=orders@garden.example; dkim=pass (signature verified) header.i=@garden.example; dmarc=pass (p=reject dis=none) d=garden.example",
            "Received: from out1.garden.example (out1.garden.example [192.0.2.7]) by esa1.office.example with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384; 23 Nov 2026 10:00:07 +0000",
        ],
    ),
    (
        "IronPort in Cisco's cloud",
        "https://secure-web.cisco.com/1AbCdEf/https%3A%2F%2Fwww.garden.example%2Forders%2F4817",
        &[
            "Received: from esa.hc123-45.eu.iphmx.com (esa.hc123-45.eu.iphmx.com [207.54.68.1]) by mail.office.example (Postfix) with ESMTPS id 4B3; Mon, 23 Nov 2026 10:00:08 +0000",
            "Authentication-Results: mail.office.example; dkim=none; spf=fail smtp.mailfrom=garden.example; dmarc=fail header.from=garden.example",
            "Authentication-Results: esa.hc123-45.eu.iphmx.com; spf=Pass smtp.mailfrom=orders@garden.example; spf=None smtp.helo=postmaster@out1.garden.example; dkim=pass (signature verified) header.i=@garden.example; dmarc=pass (p=none dis=none) d=garden.example",
            "Received: from out1.garden.example (out1.garden.example [192.0.2.7]) by esa.hc123-45.eu.iphmx.com with ESMTP; 23 Nov 2026 10:00:07 +0000",
        ],
    ),
    (
        "forwarded from Microsoft 365, sealed (ARC)",
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.garden.example%2Forders%2F4817&amp;data=05&amp;reserved=0",
        &[
            "Received: from mail-db8eur05on2041.outbound.protection.outlook.com (mail-db8eur05on2041.outbound.protection.outlook.com [40.107.20.41]) by mx.office.example with ESMTPS id b1; Mon, 23 Nov 2026 10:00:09 +0000",
            "Authentication-Results: mx.office.example; dkim=fail (body hash did not verify) header.d=garden.example; arc=pass (i=1 spf=pass dkim=pass dmarc=pass); spf=pass smtp.mailfrom=anna+SRS=ab=garden.example@old.example; dmarc=fail (p=REJECT sp=REJECT dis=NONE) header.from=garden.example",
            "ARC-Seal: i=1; a=rsa-sha256; s=arcselector10001; d=microsoft.com; cv=none; b=x",
            "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=microsoft.com; s=arcselector10001; h=From:Date:Subject; bh=x; b=x",
            "ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.7) smtp.rcpttodomain=old.example smtp.mailfrom=garden.example; dmarc=pass (p=reject sp=reject pct=100) action=none header.from=garden.example; dkim=pass (signature was verified) header.d=garden.example; arc=none (0)",
            "Received: from out1.garden.example (192.0.2.7) by DB5EUR01FT030.mail.protection.outlook.com (10.152.4.1) with Microsoft SMTP Server; Mon, 23 Nov 2026 10:00:07 +0000",
        ],
    ),
    (
        "forwarded from Gmail, sealed (ARC)",
        "https://www.garden.example/orders/4817",
        &[
            "Received: from mail-ej1-f41.google.com (mail-ej1-f41.google.com [209.85.218.41]) by mx.office.example with ESMTPS id b2; Mon, 23 Nov 2026 10:00:09 +0000",
            "Authentication-Results: mx.office.example; spf=pass smtp.mailfrom=anna+caf_=anna=office.example@gmail.com; dkim=fail reason=\"body hash did not verify\" header.d=garden.example; arc=pass; dmarc=fail header.from=garden.example",
            "ARC-Seal: i=2; a=rsa-sha256; t=1795428008; cv=pass; d=google.com; s=arc-20240605; b=x",
            "ARC-Authentication-Results: i=2; mx.google.com; dkim=pass header.i=@garden.example header.s=s1 header.b=AbC; arc=pass (i=1); spf=pass (google.com: domain of orders@garden.example designates 192.0.2.7 as permitted sender) smtp.mailfrom=orders@garden.example; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=garden.example",
            "ARC-Seal: i=1; a=rsa-sha256; t=1795428007; cv=none; d=google.com; s=arc-20240605; b=x",
            "ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@garden.example header.s=s1 header.b=AbC; spf=pass smtp.mailfrom=orders@garden.example; dmarc=pass header.from=garden.example",
            "Received: from out1.garden.example (out1.garden.example. [192.0.2.7]) by mx.google.com with ESMTPS id c3; Mon, 23 Nov 2026 02:00:07 -0800 (PST)",
        ],
    ),
    (
        "through a group of Google Workspace",
        "https://www.garden.example/orders/4817",
        &[
            "Received: from mail-lf1-f69.google.com (mail-lf1-f69.google.com [209.85.167.69]) by mx.office.example with ESMTPS id b4; Mon, 23 Nov 2026 10:00:09 +0000",
            "Authentication-Results: mx.office.example; spf=pass smtp.mailfrom=orders+bncBABC@office.example; dkim=fail header.d=garden.example; arc=pass; dmarc=fail header.from=garden.example",
            "ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=google.com; s=arc-20240605; b=x",
            "ARC-Authentication-Results: i=2; mx.google.com; dkim=pass header.i=@garden.example header.s=s1; spf=pass smtp.mailfrom=orders@garden.example; dmarc=pass header.from=garden.example",
            "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=google.com; s=arc-20240605; b=x",
            "ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@garden.example header.s=s1; spf=pass smtp.mailfrom=orders@garden.example; dmarc=pass header.from=garden.example",
            "Precedence: list",
            "Mailing-list: list orders@office.example; contact orders+owners@office.example",
            "List-ID: <orders.office.example>",
            "X-Google-Group-Id: 123456789012",
            "List-Post: <https://groups.google.com/a/office.example/group/orders/post>, <mailto:orders@office.example>",
            "List-Unsubscribe: <mailto:googlegroups-manage+123456789012+unsubscribe@googlegroups.com>",
            "Received: from out1.garden.example (out1.garden.example. [192.0.2.7]) by mx.google.com with ESMTPS id c4; Mon, 23 Nov 2026 02:00:07 -0800 (PST)",
        ],
    ),
];

fn filter() -> Filter {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let rules = RuleSet::stock().expect("the stock rules");
    Filter::new(rules, thresholds).expect("a filter")
}

fn message(fields: &[&str], link: &str) -> String {
    let mut raw = fields.join("\r\n");
    raw.push_str("\r\n");
    raw + &ORDER.replace("LINK", link)
}

#[test]
fn honest_mail_stays_far_below_the_threshold_behind_gateways() {
    let filter = filter();
    let mut wrong = Vec::new();
    for (name, link, fields) in GATEWAYS {
        let verdict = filter.judge(message(fields, link).as_bytes());
        if verdict.score > 2.0 {
            let hits = verdict.hits.iter().map(|hit| hit.rule.to_string());
            let hits: Vec<_> = hits.collect();
            wrong.push(format!("{name}: {:.1} {hits:?}", verdict.score));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Without the gateway's own Received field, or without the seal, its results are words that the sender wrote.
#[test]
fn results_that_no_gateway_handed_over_help_nobody() {
    let filter = filter();
    let mut wrong = Vec::new();
    for (name, link, fields) in GATEWAYS {
        let is_trace =
            |field: &&&str| !field.starts_with("Received:") && !field.starts_with("ARC-Seal:");
        let mut forged = vec![
            "Received: from unknown (unknown [203.0.113.9]) by mx.boundary.example with ESMTP; Mon, 23 Nov 2026 10:00:09 +0000",
            "Authentication-Results: mx.boundary.example; spf=fail smtp.mailfrom=garden.example; dkim=fail header.d=garden.example; dmarc=fail header.from=garden.example",
        ];
        forged.extend(fields.iter().filter(is_trace).copied());
        let verdict = filter.judge(message(&forged, link).as_bytes());
        if !verdict
            .hits
            .iter()
            .any(|hit| &*hit.rule == "SENDER_PROVEN_FALSE")
        {
            wrong.push(format!("{name}: {:.1}", verdict.score));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
