//! The page of messages that the filter is not sure of.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct ReviewTexts {
    pub(in crate::admin::console) title: &'static str,
    pub(in crate::admin::console) empty: &'static str,
    pub(in crate::admin::console) skip: &'static str,
    pub(in crate::admin::console) keys: &'static str,
    pub(in crate::admin::console) more: &'static str,
}

pub(super) const ENGLISH: ReviewTexts = ReviewTexts {
    title: "Review",
    empty: "Nothing is left to review. Messages whose score is within two points of the threshold will be here, one after the other, until you have said what they are.",
    skip: "Leave it",
    keys: "Each letter is an access key: with Alt in most browsers, with Alt+Shift in Firefox, with Control+Option on a Mac.",
    more: "The next ones",
};

pub(super) const GERMAN: ReviewTexts = ReviewTexts {
    title: "Durchsehen",
    empty: "Es ist nichts mehr durchzusehen. Hier erscheinen nacheinander Nachrichten, deren Punktzahl höchstens zwei Punkte neben der Schwelle liegt, bis Sie gesagt haben, was sie sind.",
    skip: "Auslassen",
    keys: "Jeder Buchstabe ist eine Zugriffstaste: mit Alt in den meisten Browsern, mit Alt+Umschalt in Firefox, mit Control+Option auf dem Mac.",
    more: "Die nächsten",
};
