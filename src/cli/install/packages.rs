//! A service of the whole machine, where packages bring it.

use super::super::exit::{Ended, Error};

/// Says so.
pub(super) fn install() -> Ended {
    Err(Error::Usage(
        "a service of the whole machine comes with the packages: see deploy/install.md; `popgate install --user` lets popgate \
         start at the login of this account alone"
            .to_owned(),
    ))
}

/// Says so.
pub(super) fn uninstall() -> Ended {
    Err(Error::Usage(
        "a service of the whole machine comes with the packages, and goes with them; `popgate uninstall --user` removes what \
         `install --user` has installed for this account"
            .to_owned(),
    ))
}
