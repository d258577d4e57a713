//! Every text of the console's pages: one field a text, one value of the struct a language.
//!
//! In: the languages that a browser accepts; out: the texts in the first one that there is. What rules say about a message
//! is theirs, in English.

mod bulk;
mod consent;
mod health;
mod held;
mod mailboxes;
mod message;
mod pause;
mod review;
mod rules;
mod senders;
mod settings;
mod setup;
mod statistics;

pub(super) use mailboxes::MailboxesTexts;

use crate::filter::Action;

/// The texts of a language; those of a single page are in a file of their own.
#[derive(Debug)]
pub(super) struct Texts {
    /// The language, as HTML names it.
    pub(super) tag: &'static str,
    pub(super) home: &'static str,
    pub(super) messages: &'static str,
    pub(super) message: &'static str,
    pub(super) administrator: &'static str,
    pub(super) log_in: &'static str,
    pub(super) log_out: &'static str,
    pub(super) login_user: &'static str,
    pub(super) login_user_hint: &'static str,
    pub(super) login_administrator: &'static str,
    pub(super) login_administrator_hint: &'static str,
    pub(super) login_token: &'static str,
    pub(super) user_name: &'static str,
    pub(super) password: &'static str,
    pub(super) login_wrong: &'static str,
    pub(super) login_pause: &'static str,
    pub(super) login_failed: &'static str,
    pub(super) last_day: &'static str,
    pub(super) last_month: &'static str,
    pub(super) arrived: &'static str,
    pub(super) tagged: &'static str,
    pub(super) held: &'static str,
    pub(super) passed: &'static str,
    pub(super) corrected: &'static str,
    pub(super) unscanned: &'static str,
    pub(super) nothing_yet: &'static str,
    pub(super) search: &'static str,
    pub(super) search_hint: &'static str,
    pub(super) verdict: &'static str,
    pub(super) any: &'static str,
    pub(super) rule: &'static str,
    pub(super) mailbox: &'static str,
    pub(super) days: &'static str,
    pub(super) more_filters: &'static str,
    pub(super) from_day: &'static str,
    pub(super) to_day: &'static str,
    pub(super) least: &'static str,
    pub(super) below: &'static str,
    pub(super) time: &'static str,
    pub(super) sender: &'static str,
    pub(super) subject: &'static str,
    pub(super) score: &'static str,
    pub(super) why: &'static str,
    pub(super) no_messages: &'static str,
    pub(super) older: &'static str,
    pub(super) searched_to: &'static str,
    pub(super) no_sender: &'static str,
    pub(super) no_subject: &'static str,
    pub(super) not_kept: &'static str,
    pub(super) spam: &'static str,
    pub(super) not_spam: &'static str,
    pub(super) allow: &'static str,
    pub(super) block: &'static str,
    pub(super) release: &'static str,
    pub(super) undo: &'static str,
    pub(super) you_said_spam: &'static str,
    pub(super) you_said_ham: &'static str,
    pub(super) is_allowed: &'static str,
    pub(super) is_blocked: &'static str,
    pub(super) is_held: &'static str,
    pub(super) is_released: &'static str,
    pub(super) not_teachable: &'static str,
    pub(super) authentication: &'static str,
    pub(super) is_authenticated: &'static str,
    pub(super) not_authenticated: &'static str,
    pub(super) reasons: &'static str,
    pub(super) points: &'static str,
    pub(super) no_reasons: &'static str,
    pub(super) rule_is_gone: &'static str,
    pub(super) is_learned: &'static str,
    pub(super) is_corrected: &'static str,
    pub(super) missing: &'static str,
    pub(super) no_store: &'static str,
    pub(super) store_away: &'static str,
    pub(super) not_done: &'static str,
    pub(super) impossible: &'static str,
    pub(super) old_form: &'static str,
    pub(super) problem: &'static str,
    pub(super) wrong_input: &'static str,
    pub(super) show: &'static str,
    pub(super) cancel: &'static str,
    pub(super) go_on: &'static str,
    pub(super) bulk_page: bulk::BulkTexts,
    pub(super) message_page: message::MessageTexts,
    pub(super) held_page: held::HeldTexts,
    pub(super) pause: pause::PauseTexts,
    pub(super) review_page: review::ReviewTexts,
    pub(super) senders_page: senders::SendersTexts,
    pub(super) settings_page: settings::SettingsTexts,
    pub(super) health_page: health::HealthTexts,
    pub(super) mailboxes_page: MailboxesTexts,
    pub(super) rules_page: rules::RulesTexts,
    pub(super) setup_page: setup::SetupTexts,
    pub(super) consent_page: consent::ConsentTexts,
    pub(super) statistics_page: statistics::StatisticsTexts,
}

impl Texts {
    /// What a verdict does.
    pub(super) fn action(&self, action: Action) -> &'static str {
        match action {
            Action::Pass => self.passed,
            Action::Tag => self.tagged,
            Action::Drop => self.held,
        }
    }
}

static ENGLISH: Texts = Texts {
    tag: "en",
    home: "Overview",
    messages: "Messages",
    message: "Message",
    administrator: "Administrator",
    log_in: "Log in",
    log_out: "Log out",
    login_user: "With your mailbox",
    login_user_hint: "Your mail server checks the name and the password. popgate does not keep them.",
    login_administrator: "As administrator",
    login_administrator_hint: "The password that “popgate passwd” has set.",
    login_token: "With the address that popgate printed at its start",
    user_name: "User name",
    password: "Password",
    login_wrong: "That did not work. Check the name and the password.",
    login_pause: "Too many failed logins. Wait a minute, then try again.",
    login_failed: "Nobody can be asked about this login now.",
    last_day: "Last 24 hours",
    last_month: "Last 30 days",
    arrived: "arrived",
    tagged: "tagged",
    held: "held back",
    passed: "passed",
    corrected: "corrected",
    unscanned: "not judged",
    nothing_yet: "No mail yet. As soon as a mail program fetches mail through popgate, it is counted here.",
    search: "Search",
    search_hint: "Sender or subject",
    verdict: "Verdict",
    any: "any",
    rule: "Rule",
    mailbox: "Mailbox",
    days: "Days",
    more_filters: "More filters",
    from_day: "From day",
    to_day: "to day",
    least: "Score from",
    below: "below",
    time: "Time (UTC)",
    sender: "Sender",
    subject: "Subject",
    score: "Score",
    why: "Why",
    no_messages: "No message fits. What a mail program fetches through popgate is listed here.",
    older: "Older messages",
    searched_to: "There are many messages: this search has got back to",
    no_sender: "(no sender)",
    no_subject: "(no subject)",
    not_kept: "(not kept)",
    spam: "Spam",
    not_spam: "Not spam",
    allow: "Always allow the sender",
    block: "Block the sender",
    release: "Release",
    undo: "Undo",
    you_said_spam: "Corrected: it is spam.",
    you_said_ham: "Corrected: it is not spam.",
    is_allowed: "The sender is always allowed, where it is proven.",
    is_blocked: "The sender is blocked.",
    is_held: "It is held back. Released, it is in the mailbox when a mail program looks next.",
    is_released: "It is released.",
    not_teachable: "Nothing was kept that could be learned of this message.",
    authentication: "Authentication",
    is_authenticated: "The receiving mail server vouches for the sender.",
    not_authenticated: "Nothing proves who sent it.",
    reasons: "What decided",
    points: "Points",
    no_reasons: "No rule has hit.",
    rule_is_gone: "(this rule is no longer active)",
    is_corrected: "A person said what this message is",
    is_learned: "What the filter has learned of messages with such words",
    missing: "There is nothing here, or it is not yours to see.",
    no_store: "popgate runs without a store: there is no history to show.",
    store_away: "The store does not answer now. Mail is delivered all the same; try again in a while.",
    not_done: "It could not be done. Try again.",
    impossible: "That cannot be done with this message any more.",
    old_form: "This page is too old. Go back, reload it, and try again.",
    problem: "Something is wrong",
    wrong_input: "That cannot be stored. Go back and correct it.",
    show: "Show",
    cancel: "Cancel",
    go_on: "Go on",
    bulk_page: bulk::ENGLISH,
    message_page: message::ENGLISH,
    held_page: held::ENGLISH,
    pause: pause::ENGLISH,
    review_page: review::ENGLISH,
    senders_page: senders::ENGLISH,
    settings_page: settings::ENGLISH,
    health_page: health::ENGLISH,
    mailboxes_page: mailboxes::ENGLISH,
    rules_page: rules::ENGLISH,
    setup_page: setup::ENGLISH,
    consent_page: consent::ENGLISH,
    statistics_page: statistics::ENGLISH,
};

static GERMAN: Texts = Texts {
    tag: "de",
    home: "Übersicht",
    messages: "Nachrichten",
    message: "Nachricht",
    administrator: "Verwaltung",
    log_in: "Anmelden",
    log_out: "Abmelden",
    login_user: "Mit Ihrem Postfach",
    login_user_hint: "Ihr Mailserver prüft Namen und Kennwort. popgate merkt sie sich nicht.",
    login_administrator: "Als Verwalter",
    login_administrator_hint: "Das Kennwort, das „popgate passwd“ gesetzt hat.",
    login_token: "Mit der Adresse, die popgate beim Start ausgegeben hat",
    user_name: "Benutzername",
    password: "Kennwort",
    login_wrong: "Das hat nicht geklappt. Prüfen Sie Namen und Kennwort.",
    login_pause: "Zu viele Fehlversuche. Warten Sie eine Minute und versuchen Sie es dann erneut.",
    login_failed: "Die Anmeldung lässt sich gerade nicht prüfen.",
    last_day: "Letzte 24 Stunden",
    last_month: "Letzte 30 Tage",
    arrived: "eingegangen",
    tagged: "markiert",
    held: "zurückgehalten",
    passed: "durchgelassen",
    corrected: "berichtigt",
    unscanned: "nicht beurteilt",
    nothing_yet: "Noch keine Post. Sobald ein Mailprogramm über popgate Nachrichten abholt, werden sie hier gezählt.",
    search: "Suchen",
    search_hint: "Absender oder Betreff",
    verdict: "Urteil",
    any: "alle",
    rule: "Regel",
    mailbox: "Postfach",
    days: "Tage",
    more_filters: "Weitere Filter",
    from_day: "Vom Tag",
    to_day: "bis zum Tag",
    least: "Punkte ab",
    below: "unter",
    time: "Zeit (UTC)",
    sender: "Absender",
    subject: "Betreff",
    score: "Punkte",
    why: "Grund",
    no_messages: "Keine Nachricht passt. Hier steht, was ein Mailprogramm über popgate abholt.",
    older: "Ältere Nachrichten",
    searched_to: "Es sind viele Nachrichten: Diese Suche reicht zurück bis",
    no_sender: "(kein Absender)",
    no_subject: "(kein Betreff)",
    not_kept: "(nicht gespeichert)",
    spam: "Spam",
    not_spam: "Kein Spam",
    allow: "Absender immer zulassen",
    block: "Absender sperren",
    release: "Freigeben",
    undo: "Rückgängig",
    you_said_spam: "Berichtigt: Es ist Spam.",
    you_said_ham: "Berichtigt: Es ist kein Spam.",
    is_allowed: "Der Absender ist immer zugelassen, wenn er nachgewiesen ist.",
    is_blocked: "Der Absender ist gesperrt.",
    is_held: "Sie wird zurückgehalten. Freigegeben liegt sie im Postfach, sobald ein Mailprogramm nachsieht.",
    is_released: "Sie ist freigegeben.",
    not_teachable: "Von dieser Nachricht ist nichts gespeichert, das gelernt werden könnte.",
    authentication: "Echtheit",
    is_authenticated: "Der empfangende Mailserver bürgt für den Absender.",
    not_authenticated: "Nichts belegt, wer sie geschickt hat.",
    reasons: "Was den Ausschlag gab",
    points: "Punkte",
    no_reasons: "Keine Regel hat angeschlagen.",
    rule_is_gone: "(diese Regel ist nicht mehr aktiv)",
    is_corrected: "Jemand hat gesagt, was diese Nachricht ist",
    is_learned: "Was der Filter aus Nachrichten mit solchen Wörtern gelernt hat",
    missing: "Hier ist nichts, oder es ist nicht für Sie bestimmt.",
    no_store: "popgate läuft ohne Datenbank: Es gibt keinen Verlauf.",
    store_away: "Die Datenbank antwortet gerade nicht. Post wird trotzdem zugestellt; versuchen Sie es später erneut.",
    not_done: "Das ging nicht. Versuchen Sie es erneut.",
    impossible: "Das ist mit dieser Nachricht nicht mehr möglich.",
    old_form: "Diese Seite ist zu alt. Gehen Sie zurück, laden Sie sie neu und versuchen Sie es erneut.",
    problem: "Etwas stimmt nicht",
    wrong_input: "Das lässt sich nicht speichern. Gehen Sie zurück und berichtigen Sie es.",
    show: "Anzeigen",
    cancel: "Abbrechen",
    go_on: "Weiter",
    bulk_page: bulk::GERMAN,
    message_page: message::GERMAN,
    held_page: held::GERMAN,
    pause: pause::GERMAN,
    review_page: review::GERMAN,
    senders_page: senders::GERMAN,
    settings_page: settings::GERMAN,
    health_page: health::GERMAN,
    mailboxes_page: mailboxes::GERMAN,
    rules_page: rules::GERMAN,
    setup_page: setup::GERMAN,
    consent_page: consent::GERMAN,
    statistics_page: statistics::GERMAN,
};

/// The languages; the first one is everybody's who has no other.
static LANGUAGES: [&Texts; 2] = [&ENGLISH, &GERMAN];

/// The texts in the language that a browser likes best, by its Accept-Language (RFC 9110 section 12.5.4).
pub(super) fn of(accepted: &str) -> &'static Texts {
    let mut best: (&'static Texts, f32) = (LANGUAGES[0], 0.0);
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight = weight.map_or(1.0, |text| text.parse().unwrap_or(0.0));
        let language = tag.split('-').next().unwrap_or_default();
        let found = LANGUAGES
            .iter()
            .find(|texts| texts.tag.eq_ignore_ascii_case(language));
        if let Some(texts) = found
            && weight > best.1
        {
            best = (texts, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_liked_best_is_chosen() {
        for (accepted, wanted) in [
            ("", "en"),
            ("de-CH", "de"),
            ("fr, de;q=0.5, en;q=0.3", "de"),
            ("de;q=0.3,en;q=0.9", "en"),
            ("fr", "en"),
            ("DE", "de"),
            ("de;q=0", "en"),
            ("de;q=x", "en"),
        ] {
            assert_eq!(of(accepted).tag, wanted, "{accepted}");
        }
    }
}
