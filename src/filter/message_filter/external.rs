//! Whether others are asked about a message, and about what: its header and what is known of the mailbox decide.
//!
//! In: what is known of the mailbox, and a header; out: what others may be asked about, or why they are not. A message
//! whose header has settled what happens to it needs nobody's opinion, which is also why it may be released early.

use core::net::IpAddr;

use super::{Filter, HeaderStage};
use crate::filter::context::Context;
use crate::filter::facts::{self, Boundary};
use crate::filter::list_pattern::ListPattern;
use crate::filter::message_view::{MessageView, domain_of};
use crate::filter::sender_lists::Says;
use crate::message::{Content, Headers, Wanted, Work};

/// Reply addresses that are asked about.
const REPLIES: usize = 3;

/// Links that are looked at for their hosts.
const LINKS: usize = 500;

/// Why nobody is asked about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotAsked {
    /// Its header decides, as for a sender who is allowed or blocked.
    Settled,
    /// The mailbox has got wanted mail of the sender before.
    Known,
    /// The receiving server, which is certain, vouches for the sender.
    Authenticated,
}

impl NotAsked {
    /// All.
    pub const ALL: [Self; 3] = [Self::Settled, Self::Known, Self::Authenticated];

    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Known => "known",
            Self::Authenticated => "authenticated",
        }
    }
}

/// What others may be asked about, by a message's header. Names are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The only address in From.
    pub from: Option<String>,
    /// Addresses in Reply-To that are not that one.
    pub reply_to: Vec<String>,
    /// The envelope sender, as the last server noted it in Return-Path.
    pub return_path: Option<String>,
    /// The address of the host that handed the message over to the receiving domain.
    pub boundary: Option<IpAddr>,
    /// What that host called itself.
    pub helo: Option<String>,
    /// The addresses of the hosts that had the message before, by fields that anybody may have written.
    pub earlier: Vec<IpAddr>,
}

impl Subject {
    /// The domain of the sender.
    pub fn from_domain(&self) -> Option<String> {
        domain_of(self.from.as_deref()?)
    }

    /// The domain of the envelope sender.
    pub fn return_path_domain(&self) -> Option<String> {
        domain_of(self.return_path.as_deref()?)
    }
}

impl Filter {
    /// What others may be asked about the message with this header. `stage` is what the header rules have found, if that is
    /// known already.
    ///
    /// # Errors
    /// Why nobody is asked.
    pub fn asks_about(
        &self,
        context: &Context,
        header: &[u8],
        stage: Option<&HeaderStage>,
        asks_of_authenticated: bool,
    ) -> Result<Subject, NotAsked> {
        let headers = Headers::of(header);
        let (content, work) = (Content::default(), Work::new(self.budget()));
        if self.may_pass_by_header(context) {
            let judged = match stage {
                Some(_) => None,
                None => Some(self.judge_header(header)),
            };
            if self.passes_with(context, &headers, stage.or(judged.as_ref())) {
                return Err(NotAsked::Settled);
            }
        }
        let (lists, brands) = (&self.lists, &self.brands);
        let mail = MessageView::new(b"", &headers, &content, lists, brands, context, &work)
            .trusting_results_of(self.authserv_ids.as_deref());
        let listed = Self::listed(context, &mail).map(|it| it.says);
        if matches!(listed, Some(Says::Allowed | Says::Blocked)) {
            return Err(NotAsked::Settled);
        }
        if facts::is_sender_known(&mail) {
            return Err(NotAsked::Known);
        }
        if !asks_of_authenticated
            && facts::is_checked_by_trusted(&mail)
            && facts::is_sender_authenticated(&mail)
        {
            return Err(NotAsked::Authenticated);
        }
        Ok(subject(&mail))
    }

    /// The hosts that a message's links lead to, and the addresses in its links, each once: as many as the work suffices for.
    pub fn hosts_of_links(&self, raw: &[u8], most: usize, work: &Work<'_>) -> Vec<String> {
        let wanted = Wanted {
            text: true,
            tags: true,
            ..Wanted::default()
        };
        let content = Content::of(raw, wanted, work);
        let headers = Headers::of(raw);
        let context = Context::default();
        let (lists, brands) = (&self.lists, &self.brands);
        let mail = MessageView::new(raw, &headers, &content, lists, brands, &context, work);
        let mut hosts: Vec<String> = Vec::new();
        for link in mail.links().iter().take(LINKS) {
            let host = link.host().filter(|_| link.is_web());
            if let Some(host) = host
                && !hosts.iter().any(|it| it == host)
            {
                hosts.push(host.to_owned());
                if hosts.len() == most {
                    break;
                }
            }
        }
        hosts
    }
}

fn subject(mail: &MessageView<'_>) -> Subject {
    let mut addresses = mail.from().iter().filter_map(|from| from.addr.as_deref());
    let only = addresses.find(|address| address.contains('@'));
    let only = only.filter(|_| !addresses.any(|address| address.contains('@')));
    let from = only.map(ListPattern::normal);
    let replies = mail.headers.addresses("reply-to");
    let replies = replies.filter_map(|it| it.addr.as_deref());
    let replies = replies
        .filter(|it| it.contains('@'))
        .map(ListPattern::normal);
    let mut returns = mail.headers.addresses("return-path");
    let return_path = returns.find_map(|it| it.addr.as_deref());
    let (boundary, helo, earlier) = match facts::boundary(mail) {
        Some(Boundary {
            address,
            helo,
            earlier,
        }) => (Some(address), Some(helo), earlier),
        None => (None, None, Vec::new()),
    };
    Subject {
        reply_to: replies
            .filter(|it| Some(it) != from.as_ref())
            .take(REPLIES)
            .collect(),
        from,
        return_path: return_path
            .filter(|it| it.contains('@'))
            .map(ListPattern::normal),
        boundary,
        helo,
        earlier,
    }
}
