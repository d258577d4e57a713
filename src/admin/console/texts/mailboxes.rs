//! The page of all mailboxes.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct MailboxesTexts {
    pub(in crate::admin::console) title: &'static str,
    pub(in crate::admin::console) empty: &'static str,
    pub(in crate::admin::console) held: &'static str,
    pub(in crate::admin::console) history: &'static str,
    pub(in crate::admin::console) last_seen: &'static str,
    pub(in crate::admin::console) never: &'static str,
    pub(in crate::admin::console) deeds: &'static str,
    pub(in crate::admin::console) forget: &'static str,
    pub(in crate::admin::console) ask_forget: &'static str,
    pub(in crate::admin::console) forget_warning: &'static str,
    pub(in crate::admin::console) remembered: &'static str,
    pub(in crate::admin::console) senders: &'static str,
    pub(in crate::admin::console) lists: &'static str,
    pub(in crate::admin::console) settings: &'static str,
    pub(in crate::admin::console) keep: &'static str,
}

pub(super) const ENGLISH: MailboxesTexts = MailboxesTexts {
    title: "Mailboxes",
    empty: "No mailbox is known yet. Each one will be here once a mail program has fetched its mail through popgate.",
    held: "Held back",
    history: "In the history",
    last_seen: "Last judged (UTC)",
    never: "never",
    deeds: "What to do",
    forget: "Forget",
    ask_forget: "Forget this mailbox?",
    forget_warning: "Everything that popgate keeps about it is deleted: messages held back are gone for good, and so is what was learned for it. This cannot be undone. The mail on its server is not touched.",
    remembered: "Remembered messages",
    senders: "Known senders",
    lists: "Allowed and blocked senders",
    settings: "Settings",
    keep: "Keep it",
};

pub(super) const GERMAN: MailboxesTexts = MailboxesTexts {
    title: "Postfächer",
    empty: "Noch ist kein Postfach bekannt. Jedes steht hier, sobald ein Mailprogramm seine Mail über popgate abgeholt hat.",
    held: "Zurückgehalten",
    history: "Im Verlauf",
    last_seen: "Zuletzt bewertet (UTC)",
    never: "nie",
    deeds: "Was tun",
    forget: "Vergessen",
    ask_forget: "Dieses Postfach vergessen?",
    forget_warning: "Alles, was popgate darüber gespeichert hat, wird gelöscht: zurückgehaltene Nachrichten sind endgültig weg, ebenso das dafür Gelernte. Das lässt sich nicht rückgängig machen. Die Mail auf dem Server bleibt unberührt.",
    remembered: "Gemerkte Nachrichten",
    senders: "Bekannte Absender",
    lists: "Erlaubte und gesperrte Absender",
    settings: "Einstellungen",
    keep: "Behalten",
};
