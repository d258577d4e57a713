//! What a fact is: a name and a measurement of a message.

use crate::filter::message_view::MessageView;

/// Something that is true of a message, or a number.
#[derive(Debug)]
pub struct Fact {
    /// What rules call it.
    pub name: &'static str,
    /// What it means, for people.
    pub about: &'static str,
    measure: Measure,
}

/// How a fact is found out.
#[derive(Debug)]
enum Measure {
    /// Holds, as these words of the message show, or does not.
    Holds(fn(&MessageView<'_>) -> Option<String>),
    /// How many, or how much.
    Number(fn(&MessageView<'_>) -> f64),
}

/// What a fact is in one message.
#[derive(Debug, Clone, PartialEq)]
pub enum FactValue {
    /// It holds, as these words show.
    Yes(String),
    /// It does not.
    No,
    /// A number.
    Number(f64),
}

impl Fact {
    pub(super) const fn holds(
        name: &'static str,
        about: &'static str,
        measure: fn(&MessageView<'_>) -> Option<String>,
    ) -> Self {
        Self {
            name,
            about,
            measure: Measure::Holds(measure),
        }
    }

    pub(super) const fn number(
        name: &'static str,
        about: &'static str,
        measure: fn(&MessageView<'_>) -> f64,
    ) -> Self {
        Self {
            name,
            about,
            measure: Measure::Number(measure),
        }
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self.measure, Measure::Number(_))
    }

    /// Finds it out.
    pub fn of(&self, mail: &MessageView<'_>) -> FactValue {
        match self.measure {
            Measure::Holds(measure) => measure(mail).map_or(FactValue::No, FactValue::Yes),
            Measure::Number(measure) => FactValue::Number(measure(mail)),
        }
    }
}
