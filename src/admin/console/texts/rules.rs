//! The page of the rules.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct RulesTexts {
    pub(in crate::admin::console) title: &'static str,
    pub(in crate::admin::console) intro: &'static str,
    pub(in crate::admin::console) search_hint: &'static str,
    pub(in crate::admin::console) none: &'static str,
    pub(in crate::admin::console) more: &'static str,
    pub(in crate::admin::console) no_filter: &'static str,
    pub(in crate::admin::console) try_message: &'static str,
    pub(in crate::admin::console) paste: &'static str,
    pub(in crate::admin::console) judge: &'static str,
    pub(in crate::admin::console) no_hits: &'static str,
    pub(in crate::admin::console) matched: &'static str,
    pub(in crate::admin::console) result: &'static str,
}

pub(super) const ENGLISH: RulesTexts = RulesTexts {
    title: "Rules",
    intro: "The rules that give points now, the heaviest first. To change one, or to switch it off, lay a file over it (“popgate rules”).",
    search_hint: "Name or description",
    none: "No rule has this in its name or description.",
    more: "There are more: search for some.",
    no_filter: "The rules cannot be used: the log says why.",
    try_message: "Test a message",
    paste: "The whole message, with its header",
    judge: "Judge",
    no_hits: "No rule gives points.",
    matched: "Matched",
    result: "Result",
};

pub(super) const GERMAN: RulesTexts = RulesTexts {
    title: "Regeln",
    intro: "Die Regeln, die jetzt Punkte geben, die schwersten zuerst. Um eine zu ändern oder auszuschalten, wird eine Datei darübergelegt („popgate rules“).",
    search_hint: "Name oder Beschreibung",
    none: "Keine Regel hat das im Namen oder in der Beschreibung.",
    more: "Es gibt mehr: nach einigen suchen.",
    no_filter: "Die Regeln sind nicht benutzbar: das Protokoll sagt, warum.",
    try_message: "Eine Nachricht prüfen",
    paste: "Die ganze Nachricht, mit ihrem Kopf",
    judge: "Bewerten",
    no_hits: "Keine Regel gibt Punkte.",
    matched: "Gefunden",
    result: "Ergebnis",
};
