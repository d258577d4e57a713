//! Sockets: listening, streams with and without TLS, quotas, and the signal to stop.
//!
//! In: addresses; out: bound listeners and byte streams. It knows nothing of POP3.

pub mod certificate;
pub mod client_offer;
pub mod drain;
pub mod handover;
pub mod heartbeat;
pub mod http;
pub mod keyed_turns;
pub mod listen;
pub mod places;
pub mod proxy_protocol;
pub mod quota;
pub mod stream;
pub mod tls;
pub mod tls_error;
pub mod turns;
pub mod workers;

pub use drain::{Drain, DrainSignal};
pub use handover::Handover;
pub use keyed_turns::{KeyedTurn, KeyedTurns};
pub use stream::Stream;
