//! The page of the server's health, and its line on the first page.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct HealthTexts {
    pub(in crate::admin::console) title: &'static str,
    pub(in crate::admin::console) intro: &'static str,
    pub(in crate::admin::console) all_fine: &'static str,
    pub(in crate::admin::console) problems: &'static str,
    pub(in crate::admin::console) fine: &'static str,
    pub(in crate::admin::console) note: &'static str,
    pub(in crate::admin::console) wrong: &'static str,
    pub(in crate::admin::console) state: &'static str,
    pub(in crate::admin::console) what: &'static str,
    pub(in crate::admin::console) found: &'static str,
    pub(in crate::admin::console) again: &'static str,
    pub(in crate::admin::console) store_works: &'static str,
    pub(in crate::admin::console) store_fails: &'static str,
    pub(in crate::admin::console) check: &'static str,
}

pub(super) const ENGLISH: HealthTexts = HealthTexts {
    title: "Health",
    intro: "What “popgate doctor” finds now: ports, certificates, the data directory, the store, each mail server, the firewall.",
    all_fine: "No problems found.",
    problems: "Problems to fix:",
    fine: "fine",
    note: "note",
    wrong: "problem",
    state: "State",
    what: "Checked",
    found: "Result, and what to do",
    again: "Check again",
    store_works: "popgate and its store work.",
    store_fails: "The store cannot be used: mail is served, but nothing is remembered.",
    check: "Check everything",
};

pub(super) const GERMAN: HealthTexts = HealthTexts {
    title: "Zustand",
    intro: "Was „popgate doctor“ jetzt findet: Ports, Zertifikate, Datenverzeichnis, Speicher, jeder Mailserver, Firewall.",
    all_fine: "Keine Probleme gefunden.",
    problems: "Zu behebende Probleme:",
    fine: "in Ordnung",
    note: "Hinweis",
    wrong: "Problem",
    state: "Zustand",
    what: "Geprüft",
    found: "Ergebnis, und was zu tun ist",
    again: "Erneut prüfen",
    store_works: "popgate und sein Speicher arbeiten.",
    store_fails: "Der Speicher ist nicht benutzbar: Mail wird ausgeliefert, aber nichts gemerkt.",
    check: "Alles prüfen",
};
