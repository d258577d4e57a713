//! What is done with a selection of messages.

/// See the module.
#[derive(Debug)]
pub(in crate::admin::console) struct BulkTexts {
    pub(in crate::admin::console) title: &'static str,
    pub(in crate::admin::console) selected: &'static str,
    pub(in crate::admin::console) select: &'static str,
    pub(in crate::admin::console) done: &'static str,
    pub(in crate::admin::console) undone: &'static str,
    pub(in crate::admin::console) left: &'static str,
    pub(in crate::admin::console) nothing: &'static str,
    pub(in crate::admin::console) undo: &'static str,
    pub(in crate::admin::console) back: &'static str,
    pub(in crate::admin::console) not_held: &'static str,
}

pub(super) const ENGLISH: BulkTexts = BulkTexts {
    title: "Selection",
    selected: "Selected messages:",
    select: "Select",
    done: "Done with so many messages:",
    undone: "Undone with so many messages:",
    left: "Left as they are:",
    nothing: "No message was selected. Go back, and tick those that are meant.",
    undo: "Undo all of it",
    back: "Back to the list",
    not_held: "It is not held back.",
};

pub(super) const GERMAN: BulkTexts = BulkTexts {
    title: "Auswahl",
    selected: "Ausgewählte Nachrichten:",
    select: "Auswählen",
    done: "Erledigt für so viele Nachrichten:",
    undone: "Rückgängig gemacht für so viele Nachrichten:",
    left: "Unverändert geblieben:",
    nothing: "Keine Nachricht war ausgewählt. Gehen Sie zurück und kreuzen Sie an, welche gemeint sind.",
    undo: "Alles rückgängig machen",
    back: "Zurück zur Liste",
    not_held: "Sie wird nicht zurückgehalten.",
};
