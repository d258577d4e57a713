//! One message of the history: what was decided, why, what would have changed it, and what a person may do about it; where
//! its octets are kept, also what it says.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::answer::{self, Frame};
use super::kept_message::{self, KeptMessage};
use super::known_message::Known;
use super::shown::ShownRow;
use super::state::Console;
use super::texts::Texts;
use super::verdict_change::{WhatIf, what_if};
use super::visitor::Visitor;
use crate::filter::{
    ALLOWED, ALLOWED_IF_PROVEN, BLOCKED, CORRECTED, Filter, KeptLesson, LEARNT, ListKind,
};
use crate::session::policy_of;
use crate::store::records::{HeldState, HistoryRow, RuleScore};

/// The widest bar of a reason, in units of the picture.
const BAR: f64 = 50.0;

/// A rule that hit.
pub(super) struct Reason {
    rule: String,
    /// Where its bar begins, and how wide it is: to the right for spam, to the left against it.
    bar: (String, String),
    pub(super) points: String,
    pub(super) description: String,
    /// Rules' descriptions are.
    pub(super) is_english: bool,
    /// Whether it speaks for spam.
    pub(super) is_for_spam: bool,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    row: ShownRow,
    reasons: Vec<Reason>,
    sender: Option<String>,
    is_authenticated: bool,
    can_be_taught: bool,
    is_held: bool,
    is_released: bool,
    is_allowed: bool,
    is_blocked: bool,
    thresholds: Option<ShownThresholds>,
    what_if: Option<WhatIf>,
    kept: Option<KeptMessage>,
}

impl MessagePage {
    /// The reasons at these places.
    fn named(&self, places: &[usize]) -> Vec<&Reason> {
        let found = places.iter().filter_map(|place| self.reasons.get(*place));
        found.collect()
    }
}

struct ShownThresholds {
    tag_at: String,
    drop_at: Option<String>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let (asking, own) = (visitor.clone(), Arc::clone(&console));
    let found = console.ask(move |store| {
        let Some(known) = Known::of(store, &asking, &id)? else {
            return Ok(None);
        };
        let settings = store.settings(&known.row.mailbox);
        let policy = policy_of(&settings.map_err(|error| error.to_string())?, &[]);
        let kept = kept_message::of(&own, store, asking.texts, &known)?;
        Ok(Some((known, policy, kept)))
    });
    let (known, policy, kept) = match found.await {
        Ok(Some(found)) => found,
        Ok(None) => return answer::missing(&visitor),
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let service = console.service();
    let filter = service.judge.rules();
    let held = known.held.as_ref().map(|(_, state)| *state);
    let thresholds = filter.map(|filter| policy.thresholds(filter.thresholds()));
    let points: Vec<f64> = by_weight(&known.row).iter().map(|hit| hit.score).collect();
    let scored = known.row.score.zip(thresholds);
    answer::page(&MessagePage {
        frame: Frame::of(&visitor),
        row: ShownRow::of(visitor.texts, filter, &known.row),
        reasons: reasons(visitor.texts, filter, &known.row),
        sender: known.sender.map(|it| it.as_str().to_owned()),
        is_authenticated: known.note.is_authenticated,
        can_be_taught: matches!(known.note.lesson, KeptLesson::Kept(_)),
        is_held: held == Some(HeldState::Held),
        is_released: held == Some(HeldState::Released),
        is_allowed: known.listed == Some(ListKind::Allow),
        is_blocked: known.listed == Some(ListKind::Block),
        thresholds: thresholds.map(|it| ShownThresholds {
            tag_at: format!("{:.1}", it.tag_at),
            drop_at: it.drop_at.map(|it| format!("{it:.1}")),
        }),
        what_if: scored.map(|(score, thresholds)| what_if(score, &points, thresholds)),
        kept,
    })
}

/// The rules that hit, those that weigh most first.
fn by_weight(row: &HistoryRow) -> Vec<&RuleScore> {
    let mut hits: Vec<_> = row.hits.iter().collect();
    hits.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()));
    hits
}

/// The same for a page.
pub(super) fn reasons(texts: &Texts, filter: Option<&Filter>, row: &HistoryRow) -> Vec<Reason> {
    let hits = by_weight(row);
    let most = hits.first().map_or(1.0, |hit| hit.score.abs().max(1.0));
    let reason = |hit: &RuleScore| {
        let meaning = filter.and_then(|filter| filter.meaning(&hit.rule));
        let of_rule = meaning.map(|(description, _)| description);
        let of_rule = of_rule.filter(|it| !it.is_empty());
        Reason {
            rule: hit.rule.to_string(),
            bar: {
                let width = hit.score.abs() / most * BAR;
                let begin = if hit.score > 0.0 { 0.0 } else { -width };
                (format!("{begin:.1}"), format!("{width:.1}"))
            },
            points: format!("{:+.1}", hit.score),
            description: of_rule
                .unwrap_or_else(|| without_rule(texts, &hit.rule))
                .to_owned(),
            is_english: of_rule.is_some(),
            is_for_spam: hit.score > 0.0,
        }
    };
    hits.into_iter().map(reason).collect()
}

/// What adds points without being a rule; or it is a rule that there is no more.
pub(super) fn without_rule(texts: &Texts, name: &str) -> &'static str {
    match name {
        LEARNT => texts.is_learned,
        ALLOWED | ALLOWED_IF_PROVEN => texts.is_allowed,
        BLOCKED => texts.is_blocked,
        CORRECTED => texts.is_corrected,
        _ => texts.rule_is_gone,
    }
}
