//! Reads a few tokens of any HTML, through all states of the tokenizer of the standard (HTML standard 13.2.5).
//!
//! In: a source, and in which raw text it begins, if in any; out: its first tokens, to a sink, and how much of the
//! source these are.

use std::cell::Cell;
use std::convert::Infallible;

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, Error, ForwardingEmitter, Reader, Span, State, Tokenizer};

use super::sink::{Event, Raw, Sink};
use crate::message::charset::as_utf_8;

/// What was read.
pub(super) struct Read {
    /// How much of the source.
    pub(super) octets: usize,
    /// The raw text that follows.
    pub(super) raw: Option<Raw>,
    /// Whether there may be more tokens, and the sink wants them.
    pub(super) goes_on: bool,
}

/// Reads so many tokens other than texts.
pub(super) fn read<S: Sink>(source: &str, raw: Option<Raw>, count: usize, sink: &mut S) -> Read {
    let (octets, after) = (Cell::new(0), Cell::new(None));
    let mut emitter = CallbackEmitter::new(Events {
        sink,
        left: count,
        name: Vec::new(),
    });
    if let Some(raw) = &raw {
        emitter.set_last_start_tag(Some(&raw.name));
    }
    let emitter = Tokens {
        emitter,
        after: &after,
    };
    let reader = Counted {
        source: source.as_bytes(),
        at: &octets,
    };
    let mut tokenizer = Tokenizer::new_with_emitter(reader, emitter);
    if let Some(raw) = raw {
        tokenizer.set_state(raw.state);
    }
    // The iterator yields an item only to stop; without one, all of the source is read.
    let goes_on = matches!(tokenizer.next(), Some(Ok(Stop::Enough)));
    Read {
        octets: octets.get(),
        raw: after.take(),
        goes_on,
    }
}

/// A source of which it is known how much was read.
struct Counted<'s> {
    source: &'s [u8],
    at: &'s Cell<usize>,
}

impl Reader for Counted<'_> {
    type Error = Infallible;

    fn read_byte(&mut self) -> Result<Option<u8>, Infallible> {
        let octet = self.source.get(self.at.get()).copied();
        self.at.set(self.at.get() + usize::from(octet.is_some()));
        Ok(octet)
    }

    fn try_read_string(&mut self, wanted: &[u8], has_case: bool) -> Result<bool, Infallible> {
        let rest = &self.source[self.at.get()..];
        let is_next = rest.get(..wanted.len()).is_some_and(|next| match has_case {
            true => next == wanted,
            false => next.eq_ignore_ascii_case(wanted),
        });
        if is_next {
            self.at.set(self.at.get() + wanted.len());
        }
        Ok(is_next)
    }

    fn read_until<'b>(
        &'b mut self,
        needle: &[u8],
        _: &'b mut [u8; 4],
    ) -> Result<Option<&'b [u8]>, Infallible> {
        let rest = &self.source[self.at.get()..];
        if rest.is_empty() {
            return Ok(None);
        }
        let length = match *needle {
            [one] => memchr::memchr(one, rest),
            [one, two] => memchr::memchr2(one, two, rest),
            [one, two, three] => memchr::memchr3(one, two, three, rest),
            _ => rest.iter().position(|octet| needle.contains(octet)),
        };
        // What is looked for is a chunk by itself.
        let length = length.unwrap_or(rest.len()).max(1);
        self.at.set(self.at.get() + length);
        Ok(Some(&rest[..length]))
    }
}

/// Why the tokenizer stopped.
enum Stop {
    /// So many tokens were wanted.
    Enough,
    /// The sink wants no more.
    Ended,
}

struct Events<'s, S> {
    sink: &'s mut S,
    left: usize,
    /// The name of the last start tag.
    name: Vec<u8>,
}

impl<S: Sink> Callback<Stop, ()> for Events<'_, S> {
    fn handle_event(&mut self, event: CallbackEvent<'_>, _: Span<()>) -> Option<Stop> {
        let is_whole = matches!(
            event,
            CallbackEvent::CloseStartTag { .. }
                | CallbackEvent::EndTag { .. }
                | CallbackEvent::Comment { .. }
                | CallbackEvent::Doctype { .. }
        );
        let goes_on = match event {
            CallbackEvent::OpenStartTag { name } => {
                name.clone_into(&mut self.name);
                self.sink.take(Event::OpenStartTag(name))
            }
            CallbackEvent::AttributeName { name } => self.sink.take(Event::AttributeName(name)),
            CallbackEvent::AttributeValue { value } => {
                self.sink.take(Event::AttributeValue(&as_utf_8(value)))
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                self.sink.take(Event::CloseStartTag(self_closing))
            }
            CallbackEvent::EndTag { name } => self.sink.take(Event::EndTag(name)),
            CallbackEvent::String { value } => self.sink.take(Event::Text(&as_utf_8(value))),
            CallbackEvent::Comment { value } => self.sink.take(Event::Comment(&as_utf_8(value))),
            CallbackEvent::Doctype { force_quirks, .. } => {
                self.sink.take(Event::Doctype(force_quirks))
            }
            CallbackEvent::Error(_) => true,
        };
        if !goes_on {
            return Some(Stop::Ended);
        }
        self.left = self.left.saturating_sub(usize::from(is_whole));
        (is_whole && self.left == 0).then_some(Stop::Enough)
    }
}

struct Tokens<'s, S: Sink> {
    emitter: CallbackEmitter<Events<'s, S>, Stop>,
    /// The raw text after the last tag.
    after: &'s Cell<Option<Raw>>,
}

impl<S: Sink> ForwardingEmitter for Tokens<'_, S> {
    type Token = Stop;

    fn inner(&mut self) -> &mut impl Emitter<Token = Stop> {
        &mut self.emitter
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        let _ = self.emitter.emit_current_tag();
        let events = self.emitter.callback_mut();
        let state = events.sink.raw_text();
        self.after.set(state.map(|state| Raw {
            state,
            name: events.name.clone(),
        }));
        state
    }

    /// Parse errors are not reported: otherwise octets would be looked at twice.
    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_error(&mut self, _: Error) {}

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.emitter.callback_mut().sink.is_foreign()
    }
}
