//! Which mailbox a page is about: a user's own, or the one that the administrator has chosen.

use url::form_urlencoded;

use super::visitor::Visitor;
use crate::mailbox_id::MailboxId;
use crate::store::Store;

/// The most mailboxes of a list to choose from; of more, the name is typed.
const LISTED: usize = 200;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The mailbox; `None` = all.
    pub(super) mailbox: Option<MailboxId>,
    /// Whether a mailbox is named that there is not.
    pub(super) is_unknown: bool,
    /// The name that was chosen, or nothing.
    pub(super) name: String,
    /// Whether the person may choose, and there are any: a user has no choice.
    pub(super) has_choice: bool,
    /// Those that there are; of more than a list can show, none.
    pub(super) all: Vec<String>,
}

/// Nobody sees more than their own mailbox, whatever the address names.
pub(super) fn of(store: &dyn Store, visitor: &Visitor, name: &str) -> Result<Choice, String> {
    if let Some(own) = visitor.mailbox() {
        return Ok(Choice {
            mailbox: Some(own.clone()),
            is_unknown: false,
            name: String::new(),
            has_choice: false,
            all: Vec::new(),
        });
    }
    let all = store.mailbox_names().map_err(|error| error.to_string())?;
    let chosen = all.iter().find(|it| it.to_string() == name);
    let listed = all.iter().filter(|_| all.len() <= LISTED);
    Ok(Choice {
        mailbox: chosen.cloned(),
        is_unknown: !name.is_empty() && chosen.is_none(),
        name: name.to_owned(),
        has_choice: !all.is_empty(),
        all: listed.map(ToString::to_string).collect(),
    })
}

impl Choice {
    /// The address of a page about it, with these fields where they are not empty.
    pub(super) fn address(&self, page: &str, fields: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields.iter().chain(&[("mailbox", &*self.name)]) {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        match query.finish() {
            query if query.is_empty() => page.to_owned(),
            query => format!("{page}?{query}"),
        }
    }
}
