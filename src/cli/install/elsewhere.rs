//! Other Unix systems, whose service managers popgate does not know.

use std::path::Path;

pub(super) use super::packages::{install, uninstall};
use crate::cli::exit::{Ended, Error};

fn unknown() -> Error {
    Error::Usage(
        "how this system starts a person's programs is not known here: let it start `popgate serve`".to_owned(),
    )
}

pub(super) fn install_for_person(_: Option<&Path>) -> Result<String, Error> {
    Err(unknown())
}

pub(super) fn start_for_person(_: Option<&Path>) -> Result<(), Error> {
    Err(unknown())
}

pub(super) fn uninstall_for_person() -> Ended {
    Err(unknown())
}
