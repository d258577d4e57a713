//! Any octets as a message: it is judged, and marking it changes nothing but what marking may change.

use std::sync::{Arc, OnceLock};

use popgate::config::HeaderMode;
use popgate::filter::classifier::LearnedState;
use popgate::filter::{Filter, RuleSet, Thresholds, Verdict};
use popgate::message::header::fields;
use popgate::message::header::header_end;
use popgate::pop3::dot::{stuff, unstuff};
use popgate::rewrite::{Mark, MarkStyle, MarkText, Piece, Plan, notice};

const ID: &str = "69290000-123456789abc";

fn filter() -> &'static Filter {
    static FILTER: OnceLock<Filter> = OnceLock::new();
    FILTER.get_or_init(|| {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: Some(10.0),
        };
        let learned = LearnedState::default().with_shipped();
        let filter = Filter::new(RuleSet::stock().unwrap(), thresholds).unwrap();
        filter.with_learned(Arc::new(learned))
    })
}

pub fn run(data: &[u8]) {
    let verdict = filter().judge(data);
    assert!(verdict.score.is_finite());
    assert!(verdict.bytes_judged <= data.len());
    // In two stages, as it arrives; every other input, for speed.
    if data.len().is_multiple_of(2)
        && let Some(end) = header_end(data)
    {
        let stage = filter().judge_header(&data[..end]);
        let after = filter().judge_after(None, stage, data);
        assert_eq!(after.score, verdict.score, "in two stages");
    }
    marked(data, &verdict);
    let notice = notice(data, &verdict, ID, None);
    assert!(notice.ends_with(b"\r\n") && header_end(&notice).is_some());
}

fn marked(data: &[u8], verdict: &Verdict) {
    let style = MarkStyle {
        headers: HeaderMode::Always,
        subject_mark: "[SPAM] ".to_owned(),
        console: None,
    };
    let wire = stuff(data).into_owned();
    let end = header_end(&wire);
    for mark in [Mark::Spam(verdict), Mark::Ham(verdict)] {
        let is_spam = matches!(mark, Mark::Spam(_));
        let plan = Plan::new(&wire, end.is_some(), &MarkText::new(&mark, ID, &style));
        let mut sent = Vec::new();
        let mut kept = 0;
        for piece in plan.apply(wire.len()) {
            match piece {
                Piece::Original(range) => {
                    kept += range.len();
                    sent.extend_from_slice(&wire[range]);
                }
                Piece::Inserted(bytes) => sent.extend_from_slice(&bytes),
            }
        }
        assert_eq!(sent.len(), wire.len() + plan.added() - plan.removed());
        assert_eq!(kept, wire.len() - plan.removed());
        // The body is the same, octet for octet.
        let body = &wire[end.unwrap_or(wire.len())..];
        assert!(sent.ends_with(body), "the body has changed");
        if end.is_none() {
            continue;
        }
        let (before, after) = (unstuff(&wire), unstuff(&sent));
        assert_eq!(
            header(&before, is_spam),
            header(&after, is_spam),
            "the header has changed"
        );
    }
}

/// The fields that marking must not change.
fn header(message: &[u8], is_spam: bool) -> Vec<&[u8]> {
    fields(message)
        .filter(|field| {
            let name = message[field.name.clone()].to_ascii_lowercase();
            // A sender's own verdict is renamed.
            let own = [&b"x-spam"[..], b"x-popgate", b"old-x-spam"];
            let own = own.iter().any(|start| name.starts_with(start));
            !(own || is_spam && name == b"subject")
        })
        .map(|field| &message[field.whole.clone()])
        .collect()
}
