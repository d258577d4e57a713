//! Conditional comments: what Outlook and old versions of Internet Explorer show of them.
//!
//! In: a comment; out: the HTML in it, if one of these programs renders it. No standard has them; the syntax is that of
//! Microsoft's "About conditional comments".

/// What a program answers to conditions: Outlook, or Internet Explorer.
#[derive(Clone, Copy)]
struct Program {
    mso: Option<f32>,
    ie: Option<f32>,
}

const PROGRAMS: [Program; 2] = [
    Program {
        mso: Some(16.0),
        ie: None,
    },
    Program {
        mso: None,
        ie: Some(9.0),
    },
];

/// Limit on a condition in bytes.
const CONDITION: usize = 200;

/// The HTML in a comment such as `<!--[if mso]>...<![endif]-->`, if one of the programs renders it.
pub(super) fn shown_in(comment: &str) -> Option<&str> {
    let rest = comment.trim_start().strip_prefix("[if")?;
    let end = rest.find(']')?;
    let condition = rest
        .get(..end)
        .filter(|condition| condition.len() < CONDITION)?;
    let content = rest[end + 1..].strip_prefix('>')?;
    let content = content
        .rfind("<![endif]")
        .map_or(content, |end| &content[..end]);
    // `[if !mso]><!` ends at once: what follows is not in the comment.
    let is_empty = content.trim().is_empty() || content.trim() == "<!";
    let is_shown = PROGRAMS
        .iter()
        .any(|program| holds(&condition.to_ascii_lowercase(), *program));
    (!is_empty && is_shown).then_some(content)
}

/// `(gte mso 9)|(IE)`: `|` binds less tightly than `&`, and parentheses contain at most one such expression.
fn holds(condition: &str, program: Program) -> bool {
    condition
        .split('|')
        .any(|all| all.split('&').all(|term| term_holds(term, program)))
}

fn term_holds(term: &str, program: Program) -> bool {
    let mut not = false;
    let mut words = term.split(|letter: char| letter.is_whitespace() || "()!".contains(letter));
    let marks = term.bytes().filter(|byte| *byte == b'!').count();
    not ^= marks % 2 == 1;
    let mut compares = None;
    let mut holds = false;
    let mut version = None;
    for word in words.by_ref().filter(|word| !word.is_empty()) {
        match word {
            "lt" | "lte" | "gt" | "gte" => compares = Some(word),
            "mso" => (holds, version) = (program.mso.is_some(), program.mso),
            "ie" => (holds, version) = (program.ie.is_some(), program.ie),
            "vml" | "true" | "supportfields" => holds = true,
            number => {
                let (Ok(number), Some(version)) = (number.parse::<f32>(), version) else {
                    continue;
                };
                holds &= match compares {
                    Some("lt") => version < number,
                    Some("lte") => version <= number,
                    Some("gt") => version > number,
                    Some("gte") => version >= number,
                    // Some version of the program shows this.
                    _ => true,
                };
            }
        }
    }
    holds != not
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_select_programs() {
        for shown in [
            "[if mso]>x<![endif]",
            "[if gte mso 9]>x<![endif]",
            "[if (gte mso 9)|(IE)]>x<![endif]",
            " [if IE]>x<![endif]",
            "[if MSO 15]>x",
            "[if !IE]>x<![endif]",
            "[if (mso)&(!ie)]>x<![endif]",
            "[if vml]>x<![endif]",
        ] {
            assert_eq!(shown_in(shown), Some("x"), "{shown}");
        }
        for other in [
            "[if lt mso 9]>x<![endif]",
            "[if mso]><![endif]",
            "[if !mso]><!",
            "x",
            "[if mso",
            "[if (mso)&(ie)]>x<![endif]",
            "[if false]>x<![endif]",
            "[if gt IE 9]>x<![endif]",
        ] {
            assert_eq!(shown_in(other), None, "{other}");
        }
    }
}
