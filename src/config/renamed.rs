//! Settings that had another name before release 0.1: the old key is refused, and the message has the new one.

use crate::schema::Renamed;

pub(super) const RENAMED: Renamed = &[
    ("listen", "trusted", "trusted_proxies"),
    ("upstream", "reserve", "fallback"),
    (
        "route.user_name",
        "server_first",
        "server_prefix_separators",
    ),
    ("route.user_name", "server_last", "server_suffix_separators"),
    ("log", "accounts", "mailboxes"),
    ("timeouts", "command", "command_line"),
    ("timeouts", "stall", "upstream_read"),
    ("timeouts", "take", "client_write"),
    ("limits", "sessions_per_account", "sessions_per_mailbox"),
    ("limits", "dials", "upstream_connects"),
    ("limits", "command", "command_line"),
    ("limits", "argument", "user_name"),
    ("limits", "answer_line", "response_line"),
    ("limits", "answer", "response"),
];
