//! Responses of many lines: how each begins, and those that are relayed, or discarded, as they come.
//!
//! A listing ends with a dot line in either line end, a message only in CRLF, dot, CRLF, or by `silent_end`.

use bytes::Bytes;

use super::input::FromUpstream;
use super::mailbox_view::Listing;
use super::pending::{Lines, Response};
use super::silent_end::check_one_answer;
use super::state::Exchange;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::listing_end::EndOfListing;
use crate::pop3::{Command, UpstreamNumber};
use crate::session::failure::Failure;

impl Exchange<'_> {
    pub(super) fn begin_lines(&mut self, command: Command<UpstreamNumber>, line: FromUpstream) {
        self.note_transaction(&command);
        let view = self.phase.transaction().map(|it| &it.view);
        let is_transparent = view.is_none_or(|view| view.is_transparent());
        self.response = match command {
            command if command.fetches() => return self.begin_retrieval(&command, line),
            Command::Capa => {
                self.begin_capabilities();
                Response::Capabilities
            }
            Command::AuthList => Response::Mechanisms,
            Command::List(None) if !is_transparent => Response::Listing(Listing::List),
            Command::Uidl(None) if !is_transparent => Response::Listing(Listing::Uidl),
            Command::List(None) | Command::Uidl(None) | Command::LangList => {
                Response::Rows(EndOfListing::default())
            }
            // Headers of messages: a dot line with another line end may be a sender's.
            _ => Response::Lines(Lines {
                end: EndOfAnswer::new(),
                is_complete: false,
                message: None,
            }),
        };
        self.relay_line(line);
    }

    /// Relays lines up to the final dot.
    pub(super) fn take_lines(&mut self) -> Result<bool, Failure> {
        let owes_more = self.owes_more();
        let (Response::Lines(lines), Some(upstream)) = (&mut self.response, &self.upstream) else {
            return Ok(false);
        };
        let buffer = &upstream.buffer;
        let (taken, ended) = match &mut lines.message {
            _ if lines.is_complete => (buffer.len(), true),
            message => {
                // What may be the end of a message in bare LF is given its CRLF when that is known.
                let kept = message.as_ref().map_or(0, |it| it.ends.may_be_end(buffer));
                let relayed = &buffer[..buffer.len() - kept];
                let end = lines.end.find(relayed);
                let taken = end.unwrap_or(relayed.len());
                if let Some(message) = message {
                    if owes_more {
                        check_one_answer(&message.ends, message.stated, buffer, taken)?;
                    }
                    message.ends.see(&relayed[..taken]);
                }
                (taken, end.is_some())
            }
        };
        if taken == 0 {
            return Ok(false);
        }
        let retrieval = lines.message.as_ref().map(|message| message.retrieval);
        self.count(taken)?;
        if ended {
            self.check_nothing_follows(taken)?;
        }
        let bytes = self.consume(taken);
        self.copy_relayed(bytes.bytes());
        self.output.relay(bytes);
        if ended {
            if let Some(retrieval) = retrieval {
                self.note_strict_end();
                self.delivered(retrieval);
                self.end_relayed();
            }
            self.answered();
        }
        Ok(ended)
    }

    /// Relays a listing.
    pub(super) fn take_rows(&mut self) -> Result<bool, Failure> {
        let (Response::Rows(end), Some(upstream)) = (&mut self.response, &self.upstream) else {
            return Ok(false);
        };
        let buffer = &upstream.buffer;
        let found = end.find(buffer);
        let taken = found.unwrap_or(buffer.len());
        let in_crlf = end.in_crlf(&buffer[..taken]);
        let lacks_line_end = upstream.ended && found.is_none() && end.lacks_line_end();
        if found.is_some() {
            self.check_nothing_follows(taken)?;
        }
        self.count(taken)?;
        let bytes = self.consume(taken);
        let last = bytes.bytes().last().copied();
        self.note_rows(bytes.bytes());
        match in_crlf {
            Some(text) => self.output.add(Bytes::from(text)),
            None => self.output.relay(bytes),
        }
        if lacks_line_end {
            let line_end: &[u8] = if last == Some(b'\r') { b"\n" } else { b"\r\n" };
            self.output.add(Bytes::from_static(line_end));
        }
        let ended = found.is_some() || lacks_line_end;
        if ended {
            self.answered();
        }
        Ok(ended)
    }

    /// Reads a message that is replaced.
    pub(super) fn discard(&mut self) -> Result<bool, Failure> {
        let owes_more = self.owes_more();
        let (Response::Discarded(discarded), Some(upstream)) = (&mut self.response, &self.upstream)
        else {
            return Ok(false);
        };
        let buffer = &upstream.buffer;
        let (taken, ended) = match discarded.is_complete {
            true => (buffer.len(), true),
            false => {
                let kept = discarded.ends.may_be_end(buffer);
                let read = &buffer[..buffer.len() - kept];
                let end = discarded.end.find(read);
                let taken = end.unwrap_or(read.len());
                if owes_more {
                    check_one_answer(&discarded.ends, None, buffer, taken)?;
                }
                discarded.ends.see(&read[..taken]);
                (taken, end.is_some())
            }
        };
        let (retrieval, notice) = (discarded.retrieval, discarded.notice.clone());
        if ended {
            self.check_nothing_follows(taken)?;
            self.note_strict_end();
        }
        let _ = self.consume(taken);
        self.count(taken)?;
        match notice {
            Some(notice) if ended => self.send_notice(retrieval, notice),
            None if ended && retrieval.is_read_ahead() => self.read_ahead_answered(),
            None if ended => self.prefetched_too_long(),
            _ => {}
        }
        if retrieval.is_read_ahead() {
            self.drained(taken);
        }
        Ok(ended)
    }

    /// A message has ended, by CRLF, dot, CRLF unless its silent end was noted.
    pub(super) fn note_strict_end(&mut self) {
        if let Some(upstream) = &mut self.upstream {
            upstream.note_strict_end();
        }
    }
}
