//! A pause of filtering: until then messages pass as they come, and nothing of them is remembered as judged.
//!
//! In: for how long; out: whether it lasts. It outlives a reload, and not the process: after a restart mail is filtered.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// See the module.
#[derive(Debug, Default)]
pub struct Pause(Mutex<Option<SystemTime>>);

impl Pause {
    /// Pauses until this time, whatever was set before.
    pub fn begin(&self, until: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Ends it.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Until when, if it lasts at this time.
    pub fn until(&self, now: SystemTime) -> Option<SystemTime> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_ends_by_itself_and_when_somebody_ends_it() {
        let (pause, now) = (Pause::default(), SystemTime::UNIX_EPOCH);
        assert_eq!(pause.until(now), None);
        let until = now + Duration::from_secs(600);
        pause.begin(until);
        assert_eq!(pause.until(now), Some(until));
        assert_eq!(pause.until(until), None);
        pause.begin(until);
        pause.end();
        assert_eq!(pause.until(now), None);
    }
}
