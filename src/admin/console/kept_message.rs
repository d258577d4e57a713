//! What is shown of a message whose octets are kept: what it says, and what it would be judged as now.
//!
//! In: what is known of a message; out: values for its page. It is judged with the rules, lists, senders and settings of
//! now; nothing is remembered of that.

use super::held_actions;
use super::known_message::Known;
use super::reading::{self, Reading};
use super::state::Console;
use super::texts::Texts;
use crate::filter::{LEARNT, Verdict};
use crate::session::context_of;
use crate::store::Store;

/// So small a difference of points is none.
const SAME: f64 = 0.05;

/// See the module.
pub(super) struct KeptMessage {
    /// Under which id it is held.
    pub(super) id: String,
    pub(super) kibibytes: u64,
    pub(super) reading: Reading,
    pub(super) now: Now,
}

/// What it would be judged as.
pub(super) struct Now {
    pub(super) verdict: &'static str,
    pub(super) score: String,
    /// What has changed since: a rule, its points then and now, its description.
    pub(super) changes: Vec<ChangedReason>,
}

/// A reason that has other points now.
pub(super) struct ChangedReason {
    pub(super) rule: String,
    pub(super) description: String,
    pub(super) before: String,
    pub(super) today: String,
}

/// Reads it, if it is kept. Blocks.
pub(super) fn of(
    console: &Console,
    store: &dyn Store,
    texts: &'static Texts,
    known: &Known,
) -> Result<Option<KeptMessage>, String> {
    let service = console.service();
    let Some((filter, (id, _))) = service.judge.rules().zip(known.held.as_ref()) else {
        return Ok(None);
    };
    let Some(kept) = held_actions::find(console, id)? else {
        return Ok(None);
    };
    let message = kept.beginning(console.judged_octets as u64);
    let message = message.map_err(|error| error.to_string())?;
    let context = context_of(&service, store, &known.row.mailbox);
    let context = context.map_err(|error| error.to_string())?;
    let verdict = filter.judge_in(&context, &message);
    Ok(Some(KeptMessage {
        id: id.to_string(),
        kibibytes: kept.size.div_ceil(1024),
        reading: reading::read(filter, &message),
        now: Now {
            verdict: texts.action(verdict.action),
            score: format!("{:.1}", verdict.score),
            changes: changes(texts, known, &verdict),
        },
    }))
}

fn changes(texts: &Texts, known: &Known, verdict: &Verdict) -> Vec<ChangedReason> {
    let points =
        |score: Option<f64>| score.map_or_else(|| "–".to_owned(), |it| format!("{it:+.1}"));
    let before = |rule: &str| {
        let found = known.row.hits.iter().find(|it| *it.rule == *rule);
        found.map(|it| it.score)
    };
    let today = verdict.hits.iter().filter_map(|hit| {
        let then = before(&hit.rule);
        let is_same = then.is_some_and(|it| (it - hit.score).abs() < SAME);
        (!is_same).then(|| ChangedReason {
            rule: hit.rule.to_string(),
            description: match &*hit.rule {
                LEARNT => texts.is_learned.to_owned(),
                _ => hit.description.to_string(),
            },
            before: points(then),
            today: points(Some(hit.score)),
        })
    });
    let gone = known.row.hits.iter().filter_map(|hit| {
        let is_there = verdict.hits.iter().any(|it| it.rule == hit.rule);
        (!is_there).then(|| ChangedReason {
            rule: hit.rule.to_string(),
            description: String::new(),
            before: points(Some(hit.score)),
            today: points(None),
        })
    });
    today.chain(gone).collect()
}
