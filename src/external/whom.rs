//! Who is asked about a message.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// Everybody who is configured.
    Everybody,
    /// Scanners that look for viruses: nobody else is needed.
    VirusScanners,
}
