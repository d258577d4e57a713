//! `popgate install` and `popgate uninstall`: popgate starts by itself from then on, or no longer.

#[cfg(windows)]
mod windows;

#[cfg(windows)]
use windows as system;
#[cfg(windows)]
pub(super) use system::{install, uninstall};
