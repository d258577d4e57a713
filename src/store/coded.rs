//! Values as a database keeps them: closed sets and scores as whole numbers. Both databases have the same.
//!
//! In: a value, or a number that a column has; out: the other one. The numbers never change their meaning.

use super::records::{HeldState, Label, ListKind, MessageState, Timestamp};
use crate::filter::Action;

const DAY: i64 = 24 * 60 * 60;

/// A closed set whose members are numbers in a database.
pub(super) trait Coded: Copy + PartialEq + 'static {
    /// In the order of their numbers, from 0.
    const ALL: &'static [Self];

    fn code(self) -> i64 {
        let place = Self::ALL.iter().position(|it| *it == self);
        place
            .and_then(|place| i64::try_from(place).ok())
            .unwrap_or(-1)
    }

    /// `None` if no member has this number.
    fn decode(code: i64) -> Option<Self> {
        let place = usize::try_from(code).ok()?;
        Self::ALL.get(place).copied()
    }
}

impl Coded for MessageState {
    const ALL: &'static [Self] = &[
        Self::Judged,
        Self::Delivered,
        Self::Held,
        Self::Hidden,
        Self::Released,
        Self::Deleted,
        Self::Discarded,
    ];
}

impl Coded for Action {
    const ALL: &'static [Self] = &[Self::Pass, Self::Tag, Self::Drop];
}

impl Coded for Label {
    const ALL: &'static [Self] = &[Self::Ham, Self::Spam];
}

impl Coded for HeldState {
    const ALL: &'static [Self] = &[Self::Held, Self::Released, Self::Deleted];
}

impl Coded for ListKind {
    const ALL: &'static [Self] = &[Self::Allow, Self::Block];
}

/// In thousandths. A score is finite and small; what is not is cut off.
#[allow(clippy::cast_possible_truncation)] // `as` cuts off
pub(super) fn optional_thousandths(value: Option<f64>) -> Option<i64> {
    value.map(|value| (value * 1000.0).round() as i64)
}

pub(super) fn from_thousandths(value: Option<i64>) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)] // scores are small
    value.map(|value| value as f64 / 1000.0)
}

pub(super) fn octets(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What [`octets`] made.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The day of a time.
pub(super) fn day(time: Timestamp) -> i64 {
    time.seconds().div_euclid(DAY)
}
