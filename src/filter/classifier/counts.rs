//! How many messages were learnt, as ham and as spam.

/// Messages learnt.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// As ham.
    pub ham: u64,
    /// As spam.
    pub spam: u64,
}

impl Counts {
    pub(super) fn of(&mut self, is_spam: bool) -> &mut u64 {
        if is_spam {
            &mut self.spam
        } else {
            &mut self.ham
        }
    }

    /// Both.
    pub fn all(&self) -> u64 {
        self.ham + self.spam
    }
}
