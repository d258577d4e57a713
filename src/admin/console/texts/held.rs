//! The page of what is held back.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct HeldTexts {
    pub(in crate::admin::console) title: &'static str,
    pub(in crate::admin::console) empty: &'static str,
    pub(in crate::admin::console) since: &'static str,
    pub(in crate::admin::console) deeds: &'static str,
    pub(in crate::admin::console) delete: &'static str,
    pub(in crate::admin::console) download: &'static str,
    pub(in crate::admin::console) ask_delete: &'static str,
    pub(in crate::admin::console) delete_warning: &'static str,
}

pub(super) const ENGLISH: HeldTexts = HeldTexts {
    title: "Held back",
    empty: "Nothing is held back. Mail whose score reaches the threshold for holding back will be here, with its reasons, until it is released, deleted, or too old.",
    since: "Held since (UTC)",
    deeds: "What to do",
    delete: "Delete",
    download: "Download",
    ask_delete: "Delete this message?",
    delete_warning: "It is deleted for good; if it is hidden in the mailbox, also at the provider’s server. This cannot be undone.",
};

pub(super) const GERMAN: HeldTexts = HeldTexts {
    title: "Zurückgehalten",
    empty: "Nichts wird zurückgehalten. Hier steht mit Begründung, was die Schwelle zum Zurückhalten erreicht, bis es freigegeben, gelöscht oder zu alt ist.",
    since: "Zurückgehalten seit (UTC)",
    deeds: "Was tun",
    delete: "Löschen",
    download: "Herunterladen",
    ask_delete: "Diese Nachricht löschen?",
    delete_warning: "Sie wird endgültig gelöscht; ist sie im Postfach verborgen, auch beim Anbieter. Das lässt sich nicht rückgängig machen.",
};
