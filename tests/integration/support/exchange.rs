//! An exchange that is driven by hand, with the settings of a test.

use popgate::rewrite::MarkStyle;
use popgate::session::exchange::{ClientSecurity, HoldLimits, LoginBy};

use super::{Settings, filter};
use crate::fuzz::exchange_driver::Setup;
pub use crate::fuzz::exchange_driver::{Driven, PLAIN};
use crate::fuzz::test_setup::PREFETCH;

/// An exchange with a test's settings, which are leaked for its lifetime: the tests are few.
pub fn driven(settings: &Settings, login_by: LoginBy, security: ClientSecurity) -> Driven {
    let style = MarkStyle {
        headers: settings.headers,
        subject_mark: "[SPAM] ".to_owned(),
        console: None,
    };
    let setup = Setup {
        limits: Box::leak(Box::new(settings.limits)),
        timeouts: Box::leak(Box::new(settings.timeouts)),
        quarantine_suffix: Box::leak(Box::default()),
        style: Box::leak(Box::new(style)),
        hold: HoldLimits {
            bytes: settings.hold_bytes,
            time: settings.hold_time,
        },
        prefetch: &PREFETCH,
        read_ahead: settings.prefetch,
        filter: filter(settings.drop_at),
        piece: settings.piece,
        remembered: None,
    };
    Driven::new(&setup, login_by, security)
}
