//! The number of learned messages, as ham and as spam.

/// Learned messages.
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

    /// Their sum.
    pub fn all(&self) -> u64 {
        self.ham + self.spam
    }
}
