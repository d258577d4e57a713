//! Who is asked about a message.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// Everybody who is configured.
    Everybody,
    /// Scanners that look for viruses.
    VirusScanners,
    /// Those that do not.
    SpamScanners,
}

impl Whom {
    /// Whether a scanner is one of them.
    pub(super) fn has_scanner(self, looks_for_viruses: bool) -> bool {
        match self {
            Self::Everybody => true,
            Self::VirusScanners => looks_for_viruses,
            Self::SpamScanners => !looks_for_viruses,
        }
    }
}
