//! What of the settings about others' opinions a verdict rests on.
//!
//! In: `[network]`, `[[dns_list]]` and `[[scanner]]`; out: a text that changes with them. It leaves out where others are and
//! how long they may take, so that it is the same on each machine of several that judge alike.

use super::network::{DnsList, NetworkConfig};
use super::scanner::{Scanner, ScannerKind};
use super::settings::Config;

impl Config {
    /// Whom a verdict asks, for what, and what answers are worth; empty if nobody is asked.
    pub fn asked(&self) -> String {
        // Each field is named, so that a new one is either here or left out on purpose.
        let NetworkConfig {
            dns: _,
            budget: _,
            cache: _,
            lookups: _,
            dkim,
            spf,
            dmarc,
            ask_authenticated,
            lists,
        } = &self.network;
        let asks_servers = self.network.asks();
        if !asks_servers && self.scanners.is_empty() {
            return String::new();
        }
        let mut pieces = Vec::new();
        if asks_servers {
            pieces.push(format!("dkim {dkim} spf {spf} dmarc {dmarc}"));
            pieces.extend(lists.iter().map(list));
        }
        pieces.push(format!("authenticated {ask_authenticated}"));
        // A longer message is not there whole: nobody sees it.
        if *dkim || !self.scanners.is_empty() {
            pieces.push(format!("whole {}", self.filter.hold_bytes));
        }
        pieces.extend(self.scanners.iter().map(scanner));
        pieces.join("\n")
    }
}

fn list(list: &DnsList) -> String {
    let DnsList {
        name,
        zone,
        of,
        kind,
        codes,
    } = list;
    format!("list {name:?} {zone} {of:?} {kind:?} {codes:?}")
}

fn scanner(scanner: &Scanner) -> String {
    let Scanner {
        name,
        kind,
        address: _,
        timeout: _,
        max_size,
        at_a_time: _,
    } = scanner;
    let worth = match kind {
        ScannerKind::Rspamd { worth, password: _ } | ScannerKind::Spamd { worth } => {
            format!("{worth:?}")
        }
        ScannerKind::Clamd { on_virus } => format!("{on_virus:?}"),
    };
    format!("scanner {name:?} {} {worth} {max_size}", kind.label())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    const BASE: &str = "[network]\ndns = [\"192.0.2.53\"]\ndkim = true\n[[dns_list]]\nname = \"a\"\nzone = \"list.example\"\n\
        kind = \"address\"\n[dns_list.codes]\n\"127.0.0.2\" = { fact = \"ONE\", score = 1.0 }\n\
        [[scanner]]\nkind = \"spamd\"\naddress = \"127.0.0.1:783\"\n";

    fn asked(text: &str) -> String {
        let (config, problems) = Config::parse("popgate.toml", text, &Flags::default());
        assert_eq!(problems, [], "{text}");
        config.asked()
    }

    #[test]
    fn it_changes_with_what_a_verdict_rests_on() {
        let base = asked(BASE);
        for (from, to) in [
            ("dkim = true\n", ""),
            ("dkim = true\n", "dkim = true\nspf = true\n"),
            ("dkim = true\n", "dkim = true\ndmarc = true\n"),
            ("dkim = true\n", "dkim = true\nask_authenticated = true\n"),
            ("list.example", "other.example"),
            ("score = 1.0", "score = 2.0"),
            ("127.0.0.2", "127.0.0.3"),
            ("\"ONE\"", "\"TWO\""),
            (
                "kind = \"address\"\n",
                "kind = \"address\"\nof = [\"earlier\"]\n",
            ),
            ("kind = \"spamd\"\n", "kind = \"spamd\"\nscore = 2.5\n"),
            (
                "kind = \"spamd\"\n",
                "kind = \"spamd\"\nscore_least = -1.0\n",
            ),
            (
                "kind = \"spamd\"\n",
                "kind = \"spamd\"\nmax_size = \"64KiB\"\n",
            ),
            ("kind = \"spamd\"\n", "kind = \"rspamd\"\n"),
        ] {
            assert!(BASE.contains(from), "{from}");
            assert_ne!(asked(&BASE.replacen(from, to, 1)), base, "{to}");
        }
        // What decides whether a message is there whole matters to those alone who need it so.
        let longer = "[filter]\nhold_bytes = \"1MiB\"\n";
        let spf = "[network]\ndns = [\"192.0.2.53\"]\nspf = true\n";
        for (settings, matters) in [
            (BASE, true),
            ("[[scanner]]\nkind = \"clamd\"\n", true),
            ("[network]\ndns = [\"192.0.2.53\"]\ndkim = true\n", true),
            (spf, false),
            ("", false),
        ] {
            let changed = asked(&format!("{longer}{settings}")) != asked(settings);
            assert_eq!(changed, matters, "{settings}");
        }
        let clamd = "[[scanner]]\nkind = \"clamd\"\n";
        let drops = "[filter]\ndrop_at = 9.0\n[[scanner]]\nkind = \"clamd\"\non_virus = \"drop\"\n";
        assert_ne!(asked(clamd), asked(drops));
        assert_eq!(asked(""), "");
    }

    #[test]
    fn it_is_the_same_wherever_others_are() {
        let base = asked(BASE);
        for (from, to) in [
            ("192.0.2.53", "192.0.2.54"),
            (
                "dkim = true\n",
                "dkim = true\nbudget = \"2s\"\ncache = 7\nlookups = 9\n",
            ),
            ("127.0.0.1:783", "192.0.2.1:784"),
            (
                "kind = \"spamd\"\n",
                "kind = \"spamd\"\ntimeout = \"300ms\"\nat_a_time = 2\n",
            ),
        ] {
            assert_eq!(asked(&BASE.replacen(from, to, 1)), base, "{to}");
        }
    }
}
