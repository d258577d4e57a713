//! Answers that are rewritten line by line: LIST and UIDL of all messages, CAPA, and AUTH alone.

use bytes::Bytes;

use super::input::FromUpstream;
use super::pending::Response;
use super::state::Exchange;
use crate::pop3::capa;
use crate::pop3::line::trim_end;
use crate::session::failure::Failure;

impl Exchange<'_> {
    /// Processes one line.
    pub(super) fn take_text_line(&mut self) -> Result<bool, Failure> {
        // The final dot may lack its line end.
        let is_last = self.upstream.as_ref().is_some_and(|upstream| {
            upstream.ended && matches!(&upstream.buffer[..], b"." | b".\r")
        });
        let taken = match is_last {
            true => self.take_last_line()?,
            false => self.take_line()?,
        };
        let Some(line) = taken else {
            return Ok(false);
        };
        self.count(line.len())?;
        let text = trim_end(line.bytes());
        if matches!(
            self.response,
            Response::Capabilities | Response::OwnCapabilities
        ) {
            self.note_capability(text);
            self.note_expiry(text);
        }
        if text == b"." {
            self.check_nothing_follows(0)?;
            match self.response {
                Response::OwnCapabilities | Response::ListingAhead(_) => self.answered(),
                Response::UniqueIds => self.unique_ids_complete(),
                Response::Sizes => self.sizes_complete(),
                _ => self.end_listing(line),
            }
            return Ok(true);
        }
        match &self.response {
            Response::UniqueIds => self.note_unique_id(text),
            Response::Sizes => self.note_size(text),
            _ => {}
        }
        self.note_row(text);
        self.note_listing_row(text);
        if let Some(mut shown) = self.shown(text) {
            shown.extend_from_slice(b"\r\n");
            // The upstream's line is relayed if it is unchanged.
            match shown == line.bytes()[..] {
                true => self.output.relay(line),
                false => self.output.add(Bytes::from(shown)),
            }
        }
        Ok(true)
    }

    /// The final dot of a listing for the client.
    fn end_listing(&mut self, line: FromUpstream) {
        match self.response {
            Response::Capabilities
                if self.phase.is_authorization() && self.client.offers_starttls() =>
            {
                self.output.add(Bytes::from_static(b"STLS\r\n"));
            }
            Response::Listing(listing) => self.add_own_rows(listing),
            _ => {}
        }
        self.relay_line(line);
        self.answered();
    }

    /// The line for the client, without its end; `None` if it is omitted.
    fn shown(&self, text: &[u8]) -> Option<Vec<u8>> {
        let exposed = self.client.exposes_passwords();
        match &self.response {
            Response::Listing(listing) => match self.phase.transaction() {
                Some(transaction) => transaction.view.line(text, *listing),
                None => Some(text.to_vec()),
            },
            Response::Capabilities => {
                let shown = capa::carried(text);
                let shown = match exposed {
                    true => shown.and_then(capa::without_plain_logins),
                    false => shown,
                };
                shown.map(String::into_bytes)
            }
            Response::Mechanisms => {
                let mechanism = String::from_utf8_lossy(text);
                let shows = capa::mechanism_shows_secrets(&mechanism);
                let passes = capa::mechanism_passes(&mechanism) && !(shows && exposed);
                passes.then(|| text.to_vec())
            }
            _ => None,
        }
    }
}
