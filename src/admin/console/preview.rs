//! What a held message looks like, and its source: responses of their own, which load nothing and run nothing.
//!
//! In: a message whose octets are kept; out: its page without scripts, forms, links and remote pictures, or its first
//! octets as plain text. Both are sandboxed by their own policy; the page's elements, attributes and properties of style
//! are only those that are known to do no more than look.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use ammonia::{Builder, UrlRelative};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;

use super::answer;
use super::held_actions;
use super::known_message::Known;
use super::protection::Sandboxed;
use super::reading::{self, Source};
use super::state::Console;
use super::texts::Texts;
use super::visitor::Visitor;
use crate::store::quarantine::Kept;

/// Octets of the source that are shown: the download has the rest.
const SOURCE: u64 = 1 << 20;

/// Properties of style that load nothing, whatever their value.
const PROPERTIES: [&str; 26] = [
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-style",
    "border-top",
    "border-width",
    "color",
    "direction",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "height",
    "line-height",
    "max-width",
    "padding",
    "text-align",
    "text-decoration",
    "text-transform",
    "vertical-align",
    "width",
];

/// Attributes of how things look.
const LOOKS: [&str; 12] = [
    "align",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "color",
    "dir",
    "face",
    "height",
    "style",
    "valign",
    "width",
];

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    let addresses = ["cite", "href", "hreflang", "longdesc", "usemap"];
    for tag in ["a", "blockquote", "q", "del", "ins", "img"] {
        builder.rm_tag_attributes(tag, &addresses);
    }
    builder
        .rm_tags(["map", "area"])
        .add_tags(["font"])
        .add_generic_attributes(LOOKS)
        .filter_style_properties(HashSet::from(PROPERTIES))
        .url_schemes(HashSet::from(["data"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(None);
    builder
});

/// The page of a message.
pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let most = console.judged_octets as u64;
    let service = console.service();
    let read = beginning(console, visitor.clone(), id, most, move |message| {
        let filter = service.judge.rules();
        filter.map(|filter| document(reading::source(filter, &message)))
    });
    match read.await {
        Ok(document) => {
            let head = [(CONTENT_TYPE, "text/html; charset=utf-8")];
            sandboxed((head, document.flatten().unwrap_or_default()))
        }
        Err(failure) => failure,
    }
}

/// The source of a message.
pub(super) async fn source(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let texts = visitor.texts;
    let read = beginning(console, visitor, id, SOURCE, move |message| {
        cut(texts, message)
    });
    match read.await {
        Ok(text) => {
            let head = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
            sandboxed((head, text.unwrap_or_default()))
        }
        Err(failure) => failure,
    }
}

/// What is made of the first octets of a message; a response where there are none.
async fn beginning<T: Send + 'static>(
    console: Arc<Console>,
    visitor: Visitor,
    id: String,
    octets: u64,
    made: impl FnOnce(Vec<u8>) -> T + Send + 'static,
) -> Result<Option<T>, Response> {
    let (asking, own) = (visitor.clone(), Arc::clone(&console));
    let read = console.ask(move |store| {
        let known = Known::of(store, &asking, &id)?;
        let kept = known.and_then(|known| known.held).map(|(id, _)| id);
        let kept = kept.map(|id| held_actions::find(&own, &id)).transpose()?;
        let kept: Option<Kept> = kept.flatten();
        let message = kept.map(|kept| kept.beginning(octets)).transpose();
        let message = message.map_err(|error| error.to_string())?;
        Ok(message.map(made))
    });
    match read.await {
        Ok(Some(made)) => Ok(Some(made)),
        Ok(None) => Err(answer::missing(&visitor)),
        Err(why) => Err(answer::unanswered(&visitor, &why)),
    }
}

fn sandboxed(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(Sandboxed);
    response
}

/// The octets, with a line that says where they are cut.
fn cut(texts: &Texts, mut message: Vec<u8>) -> Vec<u8> {
    if message.len() as u64 >= SOURCE {
        message.extend_from_slice(format!("\n\n{}\n", texts.message_page.source_cut).as_bytes());
    }
    message
}

/// A whole document, black on white as mail is written.
fn document(source: Source) -> String {
    let body = match source {
        Source::Page(page) => SANITISER.clean(&page).to_string(),
        Source::Text(text) => format!("<pre>{}</pre>", ammonia::clean_text(&text)),
    };
    format!(
        "<!doctype html>\n<html lang=\"und\"><head><meta charset=\"utf-8\"><title>popgate</title>\
         <style>body{{color:#000;background:#fff;font:1rem/1.4 sans-serif;overflow-wrap:anywhere}}\
         pre{{white-space:pre-wrap;font:1rem/1.4 monospace}}img{{max-width:100%}}</style></head><body>{body}</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loads_leads_or_runs_is_gone() {
        let hostile = "<style>@import 'http://evil.example/s'</style><meta http-equiv=refresh content='0;url=http://evil.example'>\
            <base href=http://evil.example/><p style=\"color: red; background: url(http://evil.example/b); position: fixed\" \
            onclick=x()>Hello</p><img src=http://evil.example/p alt=tracked><img src=\"data:image/gif;base64,R0lGOD\">\
            <img srcset='http://evil.example/2 2x'><a href=http://evil.example/l>link</a><form action=http://evil.example/f>\
            <input name=a></form><iframe src=http://evil.example></iframe><svg><image href=http://evil.example/i></svg>\
            <table background=http://evil.example/t><tr><td bgcolor=red>cell</table><script>x()</script>\
            <video poster=http://evil.example/v></video><object data=http://evil.example/o></object>\
            <q cite=http://evil.example/q>quoted</q><math><mi xlink:href=http://evil.example>m</mi></math>";
        let shown = document(Source::Page(hostile.to_owned()));
        for never in [
            "evil.example",
            "onclick",
            "<form",
            "<input",
            "position",
            "<script",
            "http-equiv",
            "<base",
        ] {
            assert!(!shown.contains(never), "{never}: {shown}");
        }
        for kept in [
            "Hello",
            "color:red",
            "data:image/gif",
            "tracked",
            "<a>link</a>",
            "bgcolor=\"red\"",
            "quoted",
        ] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
        let text = document(Source::Text("<b>\r\n</pre><script>".to_owned()));
        assert!(
            text.contains("<pre>&lt;b&gt;") && !text.contains("<script>"),
            "{text}"
        );
    }
}
