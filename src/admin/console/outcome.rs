//! What came of something that a person did, as a response.

use axum::response::{IntoResponse, Redirect, Response};
use hyper::StatusCode;

use super::answer::{self, Frame};
use super::state::Unanswered;
use super::visitor::Visitor;

/// See the module.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    /// There is nothing of that name for this person.
    Missing,
    /// It is not what the form takes it for, or nothing is kept that this needs.
    Impossible,
    /// What was typed is wrong, for this reason.
    Wrong(String),
    /// The administrator keeps this for themselves.
    Locked,
}

/// Leads back to a page, or says what went wrong.
pub(super) fn answer(
    visitor: &Visitor,
    outcome: Result<Outcome, Unanswered>,
    back: &str,
) -> Response {
    let failure = |status, sentence, detail: &str| {
        answer::failure(Frame::of(visitor), status, sentence, detail)
    };
    match outcome {
        Ok(Outcome::Done) => Redirect::to(back).into_response(),
        Ok(Outcome::Missing) => answer::missing(visitor),
        Ok(Outcome::Impossible) => failure(StatusCode::CONFLICT, visitor.texts.impossible, ""),
        Ok(Outcome::Wrong(why)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            failure(status, visitor.texts.wrong_input, &why)
        }
        Ok(Outcome::Locked) => {
            let sentence = visitor.texts.settings_page.locked;
            failure(StatusCode::FORBIDDEN, sentence, "")
        }
        Err(why @ Unanswered::NoStore) => answer::unanswered(visitor, &why),
        Err(Unanswered::Failed(why)) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            failure(status, visitor.texts.not_done, &why)
        }
    }
}
