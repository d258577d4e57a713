//! The pause after a failure to reach the server, in which nobody dials.

use std::time::{Duration, Instant};

/// The first pause.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(4);

/// See the module. There is none at first.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<Failed>);

#[derive(Debug)]
struct Failed {
    until: Instant,
    pause: Duration,
    why: String,
}

impl Pause {
    /// Why nobody dials now.
    pub(super) fn reason(&self, now: Instant) -> Option<String> {
        let failed = self.0.as_ref()?;
        (now < failed.until).then(|| failed.why.clone())
    }

    /// The server could not be reached. Nodes that lost it together come back one after the other.
    pub(super) fn failed(&mut self, now: Instant, why: String) {
        let pause = match &self.0 {
            None => FIRST,
            // Another caller's dialling began before the pause.
            Some(failed) if now < failed.until => failed.pause,
            Some(failed) => (failed.pause * 2).min(LONGEST),
        };
        let until = now + pause.mul_f64(1.0 - fastrand::f64() / 4.0);
        self.0 = Some(Failed { until, pause, why });
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
            assert_eq!(pause.reason(now), None);
        }
        pause.failed(now, "gone".to_owned());
        pause.end();
        assert_eq!(pause.reason(now), None);
    }
}
