//! Changes of rules by the administrator: another score, off, on again.
//!
//! In: a form; out: the file of changes written anew, and everything read anew as at SIGHUP. If that is refused, the file
//! is as it was. The file belongs to this node: other nodes have their own.

use std::path::Path;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::administrator::Administrator;
use super::answer::{self, Frame};
use super::outcome::{self, Outcome};
use super::state::{Console, Unanswered};
use super::texts::Texts;
use super::visitor::is_page;
use crate::filter::rule_changes::{SCORE_LIMIT, read, written};
use crate::filter::{Filter, RuleChange};
use crate::metrics::ConsoleAction;
use crate::store::durable_write;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RuleDeed {
    Score,
    Off,
    /// As it is without the change.
    Undo,
}

#[derive(Debug, Deserialize)]
pub(super) struct RuleForm {
    form: String,
    #[serde(rename = "do")]
    deed: RuleDeed,
    rule: String,
    #[serde(default)]
    score: String,
    #[serde(default)]
    back: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    rule: String,
}

/// One rule.
struct ShownRule {
    id: String,
    description: String,
    score: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "rule_change.html")]
struct RuleChangePage {
    frame: Frame,
    rule: ShownRule,
    /// Where the change is written.
    file: String,
}

/// Asks for the change.
pub(super) async fn page(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Query(asked): Query<Asked>,
) -> Response {
    let service = console.service();
    let rule = service.judge.rules().and_then(|it| found(it, &asked.rule));
    let file = service.rule_changes.as_deref().map(Path::display);
    match rule {
        Some(rule) => answer::page(&RuleChangePage {
            frame: Frame::of(&visitor),
            rule,
            file: file.map(|it| it.to_string()).unwrap_or_default(),
        }),
        None => answer::missing(&visitor),
    }
}

fn found(filter: &Filter, id: &str) -> Option<ShownRule> {
    let points = |score: f64| format!("{score:+.1}");
    let changed = filter.changed_rules().iter().find(|it| *it.id == *id);
    let active = filter.described_rules().find(|(of, ..)| *of == id);
    let description = match (&active, changed) {
        (Some((_, description, _)), _) => (*description).to_owned(),
        (None, Some(changed)) => changed.description.to_string(),
        (None, None) => return None,
    };
    Some(ShownRule {
        id: id.to_owned(),
        description,
        score: active.map(|(.., score)| points(score)),
        before: changed.map(|it| points(it.before)),
    })
}

/// Changes a rule.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Form(form): Form<RuleForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        return answer::old_form(&visitor);
    }
    let back = match is_page(&form.back) {
        true => form.back.clone(),
        false => "/rules".to_owned(),
    };
    let (own, texts) = (Arc::clone(&console), visitor.texts);
    let done = console.in_thread(move || change(&own, texts, &form));
    let done = done.await.and_then(|done| done.map_err(Unanswered::Failed));
    outcome::answer(&visitor, done, &back)
}

fn change(console: &Console, texts: &Texts, form: &RuleForm) -> Result<Outcome, String> {
    let texts = &texts.rules_page;
    let score = match form.deed {
        RuleDeed::Score => match form.score.trim().replace(',', ".").parse::<f64>() {
            Ok(score) if score.is_finite() && score.abs() <= SCORE_LIMIT && score != 0.0 => {
                Some(score)
            }
            _ => return Ok(Outcome::Wrong(texts.wrong_score.to_owned())),
        },
        RuleDeed::Off | RuleDeed::Undo => None,
    };
    let service = console.service();
    let Some(path) = service.rule_changes.clone() else {
        return Err(texts.no_place.to_owned());
    };
    let Some(filter) = service.judge.rules() else {
        return Err(texts.no_filter.to_owned());
    };
    let is_active = filter.described_rules().any(|(id, ..)| id == form.rule);
    let is_changed = filter.changed_rules().iter().any(|it| *it.id == *form.rule);
    if !is_active && !is_changed {
        return Ok(Outcome::Missing);
    }
    let _turn = console.rule_turn();
    let before = text_of(&path).map_err(|error| unwritable(texts.unwritable, &path, &error))?;
    let mut changes = match read(&path.display().to_string(), before.as_deref().unwrap_or("")) {
        Ok(changes) => changes,
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Err(problems.join("\n"));
        }
    };
    changes.retain(|it| it.id != form.rule);
    if form.deed != RuleDeed::Undo {
        let id = form.rule.clone();
        changes.push(RuleChange { id, score });
    }
    changes.sort_by(|a, b| a.id.cmp(&b.id));
    let write = |text: &str| durable_write::replace(&path, text.as_bytes());
    write(&written(&changes)).map_err(|error| unwritable(texts.unwritable, &path, &error))?;
    let reloaded = console.reload();
    if let Err(why) = reloaded.unwrap_or_else(|| Err(vec![texts.no_reload.to_owned()])) {
        // What was there worked.
        let restored = write(before.as_deref().unwrap_or(""));
        restored.map_err(|error| unwritable(texts.unwritable, &path, &error))?;
        return Err(format!("{}\n{}", texts.not_reloaded, why.join("\n")));
    }
    tracing::info!(rule = form.rule, deed = ?form.deed, score, "a rule is changed");
    console.did(ConsoleAction::Rule, 1);
    Ok(Outcome::Done)
}

fn text_of(path: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unwritable(sentence: &str, path: &Path, error: &std::io::Error) -> String {
    format!("{sentence} {}: {error}", path.display())
}
