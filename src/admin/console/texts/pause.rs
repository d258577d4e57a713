//! The pause of filtering, on the first page.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct PauseTexts {
    pub(in crate::admin::console) pause: &'static str,
    pub(in crate::admin::console) ten_minutes: &'static str,
    pub(in crate::admin::console) hour: &'static str,
    pub(in crate::admin::console) tomorrow: &'static str,
    pub(in crate::admin::console) lasts: &'static str,
    pub(in crate::admin::console) end: &'static str,
}

pub(super) const ENGLISH: PauseTexts = PauseTexts {
    pause: "Pause filtering for",
    ten_minutes: "10 minutes",
    hour: "an hour",
    tomorrow: "until tomorrow",
    lasts: "Filtering is paused: all mail passes unjudged until (UTC)",
    end: "Filter again now",
};

pub(super) const GERMAN: PauseTexts = PauseTexts {
    pause: "Filtern anhalten für",
    ten_minutes: "10 Minuten",
    hour: "eine Stunde",
    tomorrow: "bis morgen",
    lasts: "Das Filtern ist angehalten: Alle Nachrichten kommen unbeurteilt durch bis (UTC)",
    end: "Jetzt wieder filtern",
};
