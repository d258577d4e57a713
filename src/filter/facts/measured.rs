//! The facts of one message, each measured when a rule first asks for it.

use std::cell::OnceCell;

use super::{Fact, FactValue};
use crate::filter::aspects::Aspects;
use crate::filter::message_view::MessageView;

/// Units of work for a fact. What it reads letter by letter is counted there.
const FACT_WORK: u64 = 100;

/// See the module.
#[derive(Debug)]
pub(in crate::filter) struct Facts<'m, 'a> {
    facts: &'m [&'static Fact],
    mail: &'m MessageView<'a>,
    values: Vec<OnceCell<FactValue>>,
    aspects: Aspects,
}

impl<'m, 'a> Facts<'m, 'a> {
    /// These facts of a message.
    pub(in crate::filter) fn new(facts: &'m [&'static Fact], mail: &'m MessageView<'a>) -> Self {
        // Which of them are asked for is not known yet.
        mail.work.spend(FACT_WORK * facts.len() as u64);
        let mut values = Vec::new();
        values.resize_with(facts.len(), OnceCell::new);
        Self {
            facts,
            mail,
            values,
            aspects: Aspects::of(mail),
        }
    }

    /// What the message has. A fact that needs something else does not hold.
    pub(in crate::filter) fn aspects(&self) -> Aspects {
        self.aspects
    }

    /// The value of a fact, by its index.
    pub(in crate::filter) fn value(&self, fact: usize) -> &FactValue {
        self.values[fact].get_or_init(|| match self.mail.work.is_in_vain() {
            true => FactValue::No,
            false => self.facts[fact].of(self.mail),
        })
    }
}
