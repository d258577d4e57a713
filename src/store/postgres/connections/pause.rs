//! The pause after a failure to reach the server: nobody dials, and after it one caller does; the others get the error of
//! the last attempt at once.

use std::time::{Duration, Instant};

/// The first pause.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(4);

/// How long one caller dials at most.
const TURN: Duration = Duration::from_secs(5);

/// See the module. There is none at first.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<Failed>);

#[derive(Debug)]
struct Failed {
    until: Instant,
    pause: Duration,
    why: String,
    /// Whether one caller dials until then.
    is_dialled: bool,
}

impl Pause {
    /// Why the caller who asks now does not dial.
    pub(super) fn reason(&mut self, now: Instant) -> Option<String> {
        let failed = self.0.as_mut()?;
        if now < failed.until {
            return Some(failed.why.clone());
        }
        failed.until = now + TURN;
        failed.is_dialled = true;
        None
    }

    /// The server could not be reached. Nodes that lost it together come back one after the other.
    pub(super) fn failed(&mut self, now: Instant, why: String) {
        let pause = match &self.0 {
            None => FIRST,
            Some(failed) if failed.is_dialled => (failed.pause * 2).min(LONGEST),
            // Those that dialled before the first failure say nothing new.
            Some(_) => return,
        };
        let until = now + pause.mul_f64(1.0 - fastrand::f64() / 4.0);
        self.0 = Some(Failed {
            until,
            pause,
            why,
            is_dialled: false,
        });
    }

    /// It could.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let mut pause = Pause::default();
        let mut now = Instant::now();
        assert_eq!(pause.reason(now), None);
        for most in [250, 500, 1000, 2000, 4000, 4000] {
            let most = Duration::from_millis(most);
            pause.failed(now, "gone".to_owned());
            pause.failed(now, "gone".to_owned());
            assert!(pause.reason(now + most.mul_f64(0.74)).is_some());
            now += most;
            // One dials, and the others do not wait for it.
            assert_eq!(pause.reason(now), None);
            assert!(pause.reason(now).is_some());
        }
        // One that was given up, with its caller.
        now += TURN;
        assert_eq!(pause.reason(now), None);
        pause.failed(now, "gone".to_owned());
        pause.end();
        assert_eq!(pause.reason(now), None);
    }
}
