//! How much mail came and what became of it, which rules hit, and which of them people overruled.
//!
//! In: the counts of a mailbox, or of all; out: pictures and tables.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::answer::{self, Frame};
use super::charts::{Chart, DAYS};
use super::mailbox_choice::{self, Choice};
use super::message::without_rule;
use super::period::last_days;
use super::state::Console;
use super::texts::Texts;
use super::visitor::Visitor;
use crate::filter::Filter;
use crate::store::records::Timestamp;
use crate::store::{HistoryCounts, RuleHits, RuleStatistics};

/// Rules of a table.
const RULES: usize = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    mailbox: String,
}

/// A rule, as it is shown.
struct ShownRule {
    id: String,
    /// The address of the messages that it hit.
    messages: String,
    /// What it says of them, in English; or what it is if it is no rule, or none any more.
    meaning: String,
    is_english: bool,
    hits: u64,
    share: String,
    called_ham: u64,
    called_spam: u64,
}

/// What became of the messages of a time, in per cent.
struct Share {
    title: &'static str,
    tagged: String,
    held: String,
    corrected: String,
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct StatisticsPage {
    frame: Frame,
    mailboxes: Choice,
    charts: [Chart; 2],
    shares: [Share; 2],
    rules: Vec<ShownRule>,
    wrong: Vec<ShownRule>,
    corrections: u64,
    has_more_corrections: bool,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    let now = Timestamp::now();
    let asking = visitor.clone();
    let counted = console.ask(move |store| {
        let of = mailbox_choice::of(store, &asking, &asked.mailbox)?;
        if of.is_unknown {
            return Ok((of, Vec::new(), RuleStatistics::default()));
        }
        let since = last_days(now, DAYS);
        let mailbox = of.mailbox.as_ref();
        let hours = store.history_hours(mailbox, since);
        let hours = hours.map_err(|error| error.to_string())?;
        let rules = store.history_rules(mailbox, since);
        let rules = rules.map_err(|error| error.to_string())?;
        Ok((of, hours, rules))
    });
    let (mailboxes, hours, rules) = match counted.await {
        Ok(counted) => counted,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let charts = [
        Chart::of_hours(visitor.texts, &hours, now),
        Chart::of_days(visitor.texts, &hours, now),
    ];
    let service = console.service();
    let arrived = charts[1].sum.arrived;
    let (most_hits, wrong) = chosen(&rules);
    let shown = |rules: Vec<&RuleHits>| {
        let rules = rules.into_iter();
        let shown = rules.map(|it| {
            let filter = service.judge.rules();
            shown(it, filter, &mailboxes, arrived, visitor.texts)
        });
        shown.collect::<Vec<_>>()
    };
    answer::page(&StatisticsPage {
        frame: Frame::of(&visitor),
        shares: [share(&charts[0]), share(&charts[1])],
        rules: shown(most_hits),
        wrong: shown(wrong),
        corrections: rules.corrections,
        has_more_corrections: rules.has_more_corrections,
        charts,
        mailboxes,
    })
}

/// Those with the most hits, and those of the most corrected messages.
fn chosen(rules: &RuleStatistics) -> (Vec<&RuleHits>, Vec<&RuleHits>) {
    let most_hits = rules.rules.iter().take(RULES).collect();
    let corrected = |it: &RuleHits| it.called_ham + it.called_spam;
    let mut wrong: Vec<_> = rules.rules.iter().filter(|it| corrected(it) > 0).collect();
    wrong.sort_by_key(|it| std::cmp::Reverse((corrected(it), it.called_ham)));
    wrong.truncate(RULES);
    (most_hits, wrong)
}

fn shown(
    rule: &RuleHits,
    filter: Option<&Filter>,
    mailboxes: &Choice,
    arrived: u64,
    texts: &Texts,
) -> ShownRule {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("rule", &rule.rule);
    query.append_pair("days", &DAYS.to_string());
    if !mailboxes.name.is_empty() {
        query.append_pair("mailbox", &mailboxes.name);
    }
    let meaning = filter.and_then(|filter| filter.meaning(&rule.rule));
    ShownRule {
        id: rule.rule.to_string(),
        messages: format!("/messages?{}", query.finish()),
        meaning: meaning.map_or_else(
            || without_rule(texts, &rule.rule).to_owned(),
            |(meaning, _)| meaning.to_owned(),
        ),
        is_english: meaning.is_some(),
        hits: rule.hits,
        share: per_cent(rule.hits, arrived),
        called_ham: rule.called_ham,
        called_spam: rule.called_spam,
    }
}

fn share(chart: &Chart) -> Share {
    let HistoryCounts {
        arrived,
        tagged,
        held,
        corrected,
    } = chart.sum;
    Share {
        title: chart.title,
        tagged: per_cent(tagged, arrived),
        held: per_cent(held, arrived),
        corrected: per_cent(corrected, arrived),
    }
}

/// With one digit after the point; of nothing there is no share.
fn per_cent(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => {
            let tenths = (part.saturating_mul(2000) / whole).div_ceil(2);
            format!("{}.{} %", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded() {
        for (part, whole, wanted) in [
            (0, 0, "–"),
            (0, 7, "0.0 %"),
            (1, 3, "33.3 %"),
            (2, 3, "66.7 %"),
            (7, 7, "100.0 %"),
            (1, 1_000_000, "0.0 %"),
        ] {
            assert_eq!(per_cent(part, whole), wanted, "{part} of {whole}");
        }
    }
}
