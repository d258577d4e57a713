//! The tokens of HTML, with the feedback that a tree builder gives the tokenizer.
//!
//! In: a source; out: its tokens, to a sink, which says where raw text begins and whether it is in foreign content,
//! where `<style>` is an ordinary element and CDATA sections are text (HTML standard 13.2.5.42, 13.2.6.5).

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, Error, ForwardingEmitter, Span, State, Tokenizer};

/// Takes tokens.
pub(super) trait Sink {
    /// Takes a token; false stops the tokenizer.
    fn take(&mut self, event: &CallbackEvent<'_>) -> bool;
    /// The tokenizer state after the start tag that was just taken.
    fn raw_text(&mut self) -> Option<State>;
    /// Whether the innermost open element is foreign.
    fn is_foreign(&self) -> bool;
}

/// Tokenizes a source.
pub(super) fn read<S: Sink>(source: &str, sink: &mut S) {
    let emitter = Tokens(CallbackEmitter::new(Events(sink)));
    // The iterator yields an item only to stop; without one, all of the source is read.
    let _ = Tokenizer::new_with_emitter(source, emitter).next();
}

/// Stops the tokenizer.
struct End;

struct Events<'s, S>(&'s mut S);

impl<S: Sink> Callback<End, ()> for Events<'_, S> {
    fn handle_event(&mut self, event: CallbackEvent<'_>, _: Span<()>) -> Option<End> {
        (!self.0.take(&event)).then_some(End)
    }
}

struct Tokens<'s, S: Sink>(CallbackEmitter<Events<'s, S>, End>);

impl<S: Sink> ForwardingEmitter for Tokens<'_, S> {
    type Token = End;

    fn inner(&mut self) -> &mut impl Emitter<Token = End> {
        &mut self.0
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        let _ = self.0.emit_current_tag();
        self.0.callback_mut().0.raw_text()
    }

    /// Parse errors are not reported: otherwise octets would be looked at twice.
    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_error(&mut self, _: Error) {}

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.0.callback_mut().0.is_foreign()
    }
}
