//! The rules that give points, for the administrator; and what they say of a message that is pasted.
//!
//! In: a search, or a message; out: rules with their points, or a verdict. Nothing is kept of the message, and nothing is
//! learned of it.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::administrator::Administrator;
use super::answer::{self, Frame};
use super::state::Console;
use super::visitor::Visitor;
use crate::filter::{Filter, LEARNT, Verdict};

/// The most octets of a form with a message.
pub(super) const PASTED: usize = 1 << 20;

/// Rules of a page.
const PAGE: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

/// A rule, or a hit.
struct ShownRule {
    points: String,
    /// For the style sheet.
    class: &'static str,
    id: String,
    description: String,
    /// What a hit has found.
    matched: String,
}

/// The verdict on what was pasted.
struct Judged {
    score: String,
    verdict: &'static str,
    hits: Vec<ShownRule>,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    frame: Frame,
    q: String,
    /// `None`: they cannot be used.
    rules: Option<Vec<ShownRule>>,
    has_more: bool,
    /// Those that were changed here.
    changed: Vec<ShownChange>,
    judged: Option<Judged>,
}

/// A rule that was changed here.
struct ShownChange {
    id: String,
    description: String,
    before: String,
    now: Option<String>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Query(asked): Query<Asked>,
) -> Response {
    answer::page(&filled(&console, &visitor, asked.q, None))
}

#[derive(Debug, Deserialize)]
pub(super) struct Pasted {
    form: String,
    message: String,
}

/// Judges a message for no mailbox in particular.
pub(super) async fn judge(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Form(pasted): Form<Pasted>,
) -> Response {
    if !visitor.has_sent(&pasted.form) {
        return answer::old_form(&visitor);
    }
    let service = console.service();
    let most = console.judged_octets;
    let verdict = console.in_thread(move || {
        let message = pasted.message.as_bytes();
        let judged = &message[..message.len().min(most)];
        service.judge.rules().map(|filter| filter.judge(judged))
    });
    let verdict = match verdict.await {
        Ok(verdict) => verdict,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let judged = verdict.map(|verdict| shown(&visitor, &verdict));
    answer::page(&filled(&console, &visitor, String::new(), judged))
}

fn filled(console: &Console, visitor: &Visitor, q: String, judged: Option<Judged>) -> RulesPage {
    let service = console.service();
    let mut rules = service.judge.rules().map(|filter| found(filter, q.trim()));
    let count = rules.as_ref().map_or(0, Vec::len);
    if let Some(rules) = &mut rules {
        rules.truncate(PAGE);
    }
    RulesPage {
        frame: Frame::of(visitor),
        q,
        rules,
        has_more: count > PAGE,
        changed: service.judge.rules().map_or_else(Vec::new, changed),
        judged,
    }
}

fn changed(filter: &Filter) -> Vec<ShownChange> {
    let points = |score: f64| format!("{score:+.1}");
    let changed = filter.changed_rules().iter().map(|it| ShownChange {
        id: it.id.to_string(),
        description: it.description.to_string(),
        before: points(it.before),
        now: it.score.map(points),
    });
    changed.collect()
}

/// The rules that have this in their name or description, the heaviest first.
fn found(filter: &Filter, q: &str) -> Vec<ShownRule> {
    let q = q.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&q);
    let mut rules: Vec<_> = filter
        .described_rules()
        .filter(|(id, description, _)| has(id) || has(description))
        .collect();
    rules.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then(a.0.cmp(b.0)));
    rules
        .into_iter()
        .map(|(id, description, score)| ShownRule {
            points: format!("{score:+.1}"),
            class: class(score),
            id: id.to_owned(),
            description: description.to_owned(),
            matched: String::new(),
        })
        .collect()
}

fn shown(visitor: &Visitor, verdict: &Verdict) -> Judged {
    let texts = visitor.texts;
    let hits = verdict.hits.iter().map(|hit| ShownRule {
        points: format!("{:+.1}", hit.score),
        class: class(hit.score),
        id: hit.rule.to_string(),
        description: match &*hit.rule {
            LEARNT => texts.is_learned.to_owned(),
            _ => hit.description.to_string(),
        },
        matched: hit.text.clone(),
    });
    Judged {
        score: format!("{:.1}", verdict.score),
        verdict: texts.action(verdict.action),
        hits: hits.collect(),
    }
}

fn class(score: f64) -> &'static str {
    match score > 0.0 {
        true => "tag",
        false => "pass",
    }
}
