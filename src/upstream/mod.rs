//! The connection to the provider's POP3 server: routing, dialling, verified TLS, up to its greeting.
//!
//! In: configured upstreams and the client's data; out: a stream and the greeting, or a typed error. It never
//! weakens the configured protection, never connects to a server that is not allowed, and sends nothing after
//! the greeting.
//!
//! RFC 8314 (implicit TLS), RFC 2595 (STLS), RFC 1939 section 4 (greeting), RFC 8305 (several
//! addresses).

mod configured_addresses;
mod dial;
mod error;
mod greeting;
mod happy_eyeballs;
mod loop_detection;
mod old_offer;
mod platform_roots;
mod provider_file;
mod resolver;
mod route;
mod server_in_user_name;
mod server_key;
mod tls;
mod token;
mod token_consent;
mod token_error;
mod token_redirect;
mod token_response;
mod tunnel;

pub use dial::{Connected, DialLimits, Dialled, Dialler, Dials, OnBehalf};
pub use error::DialError;
pub use loop_detection::{LoopDetection, OwnConnection};
pub use old_offer::OldOffer;
pub use provider_file::{ProviderFileError, ProviderFiles};
pub use resolver::{ChosenBy, Resolver};
pub use route::{Route, Router};
pub use server_in_user_name::NameError;
pub use server_key::key_digest;
pub use tls::{ByKey, TlsConfigError, client_config, pin_of, recorder};
pub use token::{DeviceConsent, TokenService};
pub use token_consent::{BrowserConsent, ConsentError};
pub use token_error::{Denial, TokenError};
pub use token_redirect::RedirectListener;
pub use token_response::Fresh;
pub use tunnel::{Tunnel, TunnelConfigError};
