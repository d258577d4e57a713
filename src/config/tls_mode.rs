//! TLS towards a server: always, where it is offered, or never.

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314); port 995.
    Implicit,
    /// STLS after the greeting (RFC 2595), or no session at all; port 110.
    Starttls,
    /// STLS if the server offers it, else plain text; port 110.
    Opportunistic,
    /// Plain text; port 110.
    Off,
}

impl TlsMode {
    /// The default port.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Implicit => 995,
            Self::Starttls | Self::Opportunistic | Self::Off => 110,
        }
    }

    /// Reads a setting.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "implicit" => Ok(Self::Implicit),
            "starttls" => Ok(Self::Starttls),
            "opportunistic" => Ok(Self::Opportunistic),
            "off" => Ok(Self::Off),
            _ => Err(format!(
                "`{text}` is not known; write \"implicit\", \"starttls\", \"opportunistic\" or \"off\""
            )),
        }
    }
}
