//! What the driver reports to the exchange (bytes that were read, writes that are done, connections that were
//! made or lost), and what it takes from it to write.

use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use memchr::memchr;

use super::action::UpstreamLogin;
use super::event::Event;
use super::input::UpstreamInput;
use super::output::ClientOutput;
use super::pending::Response;
use super::state::Exchange;
use crate::pop3::line::{LfToCrlf, ends_in_bare_lf};
use crate::pop3::secret;
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

impl Exchange<'_> {
    /// The upstream is connected, and greeted with this line; `rest` followed it. If popgate logs in, `login`
    /// has the credentials.
    pub fn connected(
        &mut self,
        mut greeting: BytesMut,
        rest: BytesMut,
        login: Option<UpstreamLogin>,
        now: Instant,
    ) {
        self.now = now;
        let mut line = greeting.len();
        let bare_lf = ends_in_bare_lf(&greeting);
        greeting.unsplit(rest);
        let mut upstream = UpstreamInput::new(greeting, now);
        if bare_lf {
            // A server that ends its very greeting in bare LF does so throughout, and clients want CRLF
            // (RFC 1939 section 3): all lines of this server are changed, and no other server's.
            upstream.translate = Some(LfToCrlf::default());
            let added = upstream.translate_from(0);
            // The LF that ends the greeting became CRLF.
            line += 1;
            self.events.push(Event::BareLf);
            self.push_edit(added);
        }
        let greeting = upstream.take(line);
        self.consumed += greeting.len() as u64;
        self.upstream = Some(upstream);
        match login {
            Some(login) => self.begin_login(login, &greeting),
            None if self.is_logging_in() => self.resume_login(&greeting),
            None => self.output.relay(greeting),
        }
    }

    /// The buffer to read the client's bytes into; [`Self::client_received`] reports them.
    pub fn client_buffer(&mut self) -> &mut BytesMut {
        &mut self.client.buffer
    }

    /// The client sent this many octets, or closed its side if 0.
    pub fn client_received(&mut self, octets: usize, now: Instant) {
        self.now = now;
        if octets == 0 {
            self.client.ended = true;
        }
        self.client.heard = now;
        // What the client may wait for now is owed from now on.
        if self.owes_nothing()
            && let Some(upstream) = &mut self.upstream
        {
            upstream.owes_since(now);
        }
        let buffer = &self.client.buffer;
        let has_begun = !buffer.is_empty() && memchr(b'\n', buffer).is_none();
        self.client.line_since = has_begun.then(|| self.client.line_since.unwrap_or(now));
    }

    /// Octets that the client has sent and that are not processed.
    pub fn client_octets(&self) -> usize {
        self.client.buffer.len()
    }

    /// The client's line is not read further.
    pub fn line_refused(&mut self, refusal: Refusal) {
        self.reject(refusal);
    }

    /// Whether the client has closed its sending side.
    pub fn client_has_ended(&self) -> bool {
        self.client.ended
    }

    /// The buffer to read the upstream's bytes into; [`Self::upstream_received`] reports them.
    pub fn upstream_buffer(&mut self) -> Option<&mut BytesMut> {
        self.upstream.as_mut().map(|upstream| &mut upstream.buffer)
    }

    /// The upstream sent this many octets, the last ones in its buffer, or closed its side if 0.
    pub fn upstream_received(&mut self, octets: usize, now: Instant) {
        self.now = now;
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        upstream.ended |= octets == 0;
        let added = upstream.translate_from(upstream.buffer.len() - octets);
        upstream.heard_before = upstream.heard;
        upstream.heard = now;
        upstream.break_silence();
        let waited = now.saturating_duration_since(upstream.heard_before);
        if !self.pending.is_empty() {
            self.waited_for_upstream(waited);
        }
        self.push_edit(added);
    }

    /// Nothing is read from the upstream for now: its silence means nothing.
    pub fn upstream_not_read(&mut self) {
        if let Some(upstream) = &mut self.upstream {
            upstream.read_since = None;
        }
    }

    /// The upstream's connection broke.
    ///
    /// Many servers close without TLS's close_notify, or reset the connection after QUIT: whether anything is
    /// missing then follows from what they owe.
    pub fn upstream_broke(&mut self, error: io::Error) {
        let closed = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        );
        if let Some(upstream) = &mut self.upstream {
            upstream.ended = true;
            upstream.error = (!closed).then_some(error);
        }
    }

    /// The driver could not talk to the upstream. A login that popgate makes ends by that, and the client
    /// may try again; any other session ends.
    ///
    /// # Errors
    /// The failure, if it ends the session.
    pub fn upstream_failed(&mut self, failure: Failure) -> Result<(), Failure> {
        match self.is_logging_in() {
            true => {
                self.login_failed(failure);
                Ok(())
            }
            false => Err(failure),
        }
    }

    /// The output for the client.
    pub fn client_output(&mut self) -> &mut ClientOutput {
        &mut self.output
    }

    /// All output is written; `waited` is how long the driver waited for the client, if it did.
    pub fn client_written(&mut self, waited: Option<Duration>, now: Instant) {
        self.now = now;
        if let Some(waited) = waited {
            // Waiting for a slow client counts neither as idle time, nor as the upstream's delay, nor as hold
            // time of the next message.
            self.client.heard = now;
            if let Some(upstream) = &mut self.upstream {
                upstream.heard = now;
            }
            self.turn += waited;
            if let Response::Held(held) = &mut self.response {
                held.hold.extend(waited);
            }
        }
        for delivered in std::mem::take(&mut self.delivered) {
            let since = now.saturating_duration_since(delivered.turn);
            let event = Event::Delivered(delivered.fetch, delivered.decided, since);
            self.events.push(event);
            self.events
                .extend(delivered.first.map(Event::DeliveredFirst));
        }
    }

    /// Takes the output for the upstream. It may contain a password: overwrite it after sending.
    pub fn take_upstream_output(&mut self) -> BytesMut {
        std::mem::take(&mut self.upstream_output)
    }

    /// Takes what has happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        // An idle session keeps no memory for them.
        std::mem::take(&mut self.events)
    }

    /// TLS with the client is established.
    pub fn tls_started(&mut self) {
        // An attacker on the network could have injected commands after STLS, which would be executed as the
        // client's own under TLS (CVE-2011-0411): they are discarded.
        secret::wipe(&mut self.client.buffer);
        self.client.security.tls = true;
        self.answered();
    }

    /// popgate is stopping: a client that is fetching may continue to its QUIT.
    pub fn drain(&mut self, now: Instant) {
        self.draining.get_or_insert(now);
    }
}
