//! The table of `ispdb.txt`, whose head says what is in it, from where, and under which licence.
//!
//! In: a domain; out: the POP3 server of its provider.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::pop3_server::Pop3Server;

static TEXT: &str = include_str!("ispdb.txt");

/// Its problems are for the test.
static TABLE: LazyLock<Table> = LazyLock::new(|| read(TEXT).0);

#[derive(Debug, Default)]
struct Table {
    servers: Vec<Pop3Server>,
    /// Indexes of `servers`.
    by_domain: HashMap<&'static str, usize>,
}

/// The server of a domain, in lower case, that is listed itself.
pub(super) fn server(domain: &str) -> Option<&'static Pop3Server> {
    let number = *TABLE.by_domain.get(domain)?;
    TABLE.servers.get(number)
}

/// Reads the table; and what is wrong with it, by line.
fn read(text: &'static str) -> (Table, Vec<String>) {
    let (mut table, mut problems) = (Table::default(), Vec::new());
    let mut provider = None;
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let Some(domains) = line.strip_prefix("    ") else {
            let server = server_of(line);
            if server.is_none() {
                problems.push(format!("line {number}: no provider"));
            }
            provider = server.map(|server| {
                table.servers.push(server);
                table.servers.len() - 1
            });
            continue;
        };
        let Some(provider) = provider else {
            problems.push(format!("line {number}: domains without a provider"));
            continue;
        };
        for domain in domains.split_ascii_whitespace() {
            if table.by_domain.insert(domain, provider).is_some() {
                problems.push(format!("line {number}: {domain} stands there twice"));
            }
        }
    }
    (table, problems)
}

/// A line at the margin.
fn server_of(line: &str) -> Option<Pop3Server> {
    let columns: Vec<_> = line.split_ascii_whitespace().collect();
    let [_file, host, port, protection, user, login] = columns[..] else {
        return None;
    };
    let is_only_oauth = match login {
        "password" => false,
        "OAuth2" => true,
        _ => return None,
    };
    Pop3Server::read(host, port, protection, user, is_only_oauth)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::pop3_server::{Address, Protection};
    use super::*;

    #[test]
    fn every_line_is_read_and_leads_to_a_host() {
        let (table, problems) = read(TEXT);
        assert_eq!(problems, [""; 0]);
        assert!(table.servers.len() > 100, "{}", table.servers.len());
        assert!(table.by_domain.len() > 800, "{}", table.by_domain.len());
        let used: HashSet<_> = table.by_domain.values().collect();
        assert_eq!(used.len(), table.servers.len(), "a provider without domain");
        for (domain, number) in &table.by_domain {
            let server = &table.servers[*number];
            let host = server.host(domain);
            assert!(host.is_some(), "{domain}: {server:?}");
            let port = match server.protection {
                Protection::Tls => 995,
                Protection::StartTls | Protection::None => 110,
            };
            assert_eq!(server.port, port, "{domain}");
            assert_eq!(*domain, domain.to_ascii_lowercase());
            let address = Address::read(&format!("ann@{domain}")).unwrap();
            let user = server.user(&address);
            let whole = address.whole();
            assert!([&*whole, "ann"].contains(&&*user), "{domain}: {user}");
        }
    }

    #[test]
    fn problems_name_their_line() {
        let text = "# a\n\n    a.example\nb pop.b.example 995 SSL %EMAILADDRESS% password\n    \
                    b.example b.example\nc pop.c.example 995 TLS %EMAILADDRESS% password\n    c.example\n";
        let (table, problems) = read(text);
        assert_eq!(
            problems,
            [
                "line 3: domains without a provider",
                "line 5: b.example stands there twice",
                "line 6: no provider",
                "line 7: domains without a provider",
            ]
        );
        assert_eq!(table.by_domain.len(), 1);
    }
}
