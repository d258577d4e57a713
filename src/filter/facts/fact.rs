//! What a fact is: a name and a measurement of a message.

use crate::filter::aspects::Aspects;
use crate::filter::message_view::MessageView;

/// A property of a message: true or false, or a number.
#[derive(Debug)]
pub struct Fact {
    /// Its name in rules.
    pub name: &'static str,
    /// What it means, for people.
    pub about: &'static str,
    measure: Measure,
    /// Whether it is about what is known beyond the message.
    pub(in crate::filter) is_of_context: bool,
    /// Whether it needs nothing of the message but its header.
    pub(in crate::filter) is_of_header: bool,
    /// What a message must have: without it the fact does not hold, or is 0.
    pub(in crate::filter) needs: Aspects,
}

/// How a fact is computed.
#[derive(Debug)]
enum Measure {
    /// True, with the words of the message that prove it, or false.
    Holds(fn(&MessageView<'_>) -> Option<String>),
    /// A number.
    Number(fn(&MessageView<'_>) -> f64),
}

/// The value of a fact for a message.
#[derive(Debug, Clone, PartialEq)]
pub enum FactValue {
    /// True, with the words that prove it.
    Yes(String),
    /// False.
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
            is_of_context: false,
            is_of_header: false,
            needs: Aspects::NONE,
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
            is_of_context: false,
            is_of_header: false,
            needs: Aspects::NONE,
        }
    }

    /// It is about what is known beyond the message.
    pub(super) const fn of_context(self) -> Self {
        Self {
            is_of_context: true,
            ..self
        }
    }

    /// It needs nothing of the message but its header, and looks at that however much work was done before: it is the same
    /// whether more of the message has come or not.
    pub(super) const fn of_header(self) -> Self {
        Self {
            is_of_header: true,
            ..self
        }
    }

    /// It does not hold, or is 0, without links.
    pub(super) const fn of_links(self) -> Self {
        self.needing(Aspects::LINKS)
    }

    /// It does not hold, or is 0, without HTML.
    pub(super) const fn of_pages(self) -> Self {
        self.needing(Aspects::PAGES)
    }

    /// It does not hold, or is 0, without files.
    pub(super) const fn of_files(self) -> Self {
        self.needing(Aspects::FILES)
    }

    /// It is about what popgate itself found out about a message.
    pub(super) const fn of_findings(self) -> Self {
        self.needing(Aspects::FINDINGS).of_context()
    }

    /// It does not hold, or is 0, without these.
    pub(super) const fn needing(self, needs: Aspects) -> Self {
        Self { needs, ..self }
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self.measure, Measure::Number(_))
    }

    /// Computes it.
    pub fn of(&self, mail: &MessageView<'_>) -> FactValue {
        match self.measure {
            Measure::Holds(measure) => measure(mail).map_or(FactValue::No, FactValue::Yes),
            Measure::Number(measure) => FactValue::Number(measure(mail)),
        }
    }
}
