//! A provider's own file for mail programs, `config-v1.1.xml`.
//!
//! In: its octets, which come from the net; out: the POP3 server with the best protection. A file with a DTD is refused, and
//! so is one with more elements than any provider needs.

use std::cmp::Reverse;
use std::fmt;

use roxmltree::{Document, Node, ParsingOptions};

use super::pop3_server::Pop3Server;

/// The largest of Mozilla's files has about a thousand.
const MOST_NODES: u32 = 8000;

/// Why a file leads to no server.
#[derive(Debug)]
#[non_exhaustive]
pub(in crate::admin::console) enum FileError {
    NotXml(roxmltree::Error),
    NoPop3,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotXml(error) => write!(f, "its file cannot be read as XML: {error}"),
            Self::NoPop3 => f.write_str("its file names no POP3 server"),
        }
    }
}

impl std::error::Error for FileError {}

/// Reads a file.
pub(super) fn pop3_server(file: &[u8]) -> Result<Pop3Server, FileError> {
    let text = String::from_utf8_lossy(file);
    let text = text.trim_start_matches('\u{feff}').trim();
    let options = ParsingOptions {
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(FileError::NotXml)?;
    let servers = document.descendants().filter(|node| {
        node.has_tag_name("incomingServer") && node.attribute("type") == Some("pop3")
    });
    let servers = servers.filter_map(server);
    // The first of those that are protected best.
    let best = servers.min_by_key(|server| Reverse(server.protection));
    best.ok_or(FileError::NoPop3)
}

fn server(node: Node<'_, '_>) -> Option<Pop3Server> {
    let values = |name: &'static str| {
        let children = node.children().filter(move |it| it.has_tag_name(name));
        children.filter_map(|it| it.text()).map(str::trim)
    };
    let value = |name: &'static str| values(name).next().unwrap_or_default();
    let is_only_oauth =
        values("authentication").count() > 0 && values("authentication").all(|it| it == "OAuth2");
    Pop3Server::read(
        value("hostname"),
        value("port"),
        value("socketType"),
        value("username"),
        is_only_oauth,
    )
}

#[cfg(test)]
mod tests {
    use super::super::pop3_server::Protection;
    use super::*;

    fn file(servers: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\"><emailProvider id=\"a\">\
             <incomingServer type=\"imap\"><hostname>imap.a.example</hostname><port>993</port>\
             <socketType>SSL</socketType></incomingServer>{servers}</emailProvider></clientConfig>"
        )
    }

    fn entry(host: &str, port: u16, protection: &str, more: &str) -> String {
        format!(
            "<incomingServer type=\"pop3\">\n <hostname> {host} </hostname>\n <port>{port}</port>\n \
             <socketType>{protection}</socketType>{more}</incomingServer>"
        )
    }

    #[test]
    fn the_first_of_the_best_protected_servers_is_taken() {
        let servers = [
            entry("plain.a.example", 110, "plain", ""),
            entry("odd.a.example", 995, "QUIC", ""),
            entry("tls.a.example", 995, "SSL", ""),
            entry("second.a.example", 995, "SSL", ""),
            entry("starttls.a.example", 110, "STARTTLS", ""),
        ];
        let found = pop3_server(file(&servers.concat()).as_bytes()).unwrap();
        assert_eq!(found.host("a.example").as_deref(), Some("tls.a.example"));
        assert_eq!((found.port, found.protection), (995, Protection::Tls));
        let found = pop3_server(file(&servers[0]).as_bytes()).unwrap();
        assert_eq!(found.protection, Protection::None);
        // A mark of the byte order is not part of the XML.
        let marked = format!("\u{feff}{}", file(&servers[2]));
        assert!(pop3_server(marked.as_bytes()).is_ok());
    }

    #[test]
    fn a_server_without_passwords_is_known_as_such() {
        for (logins, only) in [
            ("", false),
            ("<authentication>OAuth2</authentication>", true),
            (
                "<authentication>OAuth2</authentication><authentication>password-cleartext</authentication>",
                false,
            ),
        ] {
            let text = file(&entry("pop.a.example", 995, "SSL", logins));
            let found = pop3_server(text.as_bytes()).unwrap();
            assert_eq!(found.is_only_oauth, only, "{logins}");
        }
    }

    #[test]
    fn hostile_files_are_refused() {
        let not_xml = |text: &str| {
            let refused = pop3_server(text.as_bytes());
            matches!(refused, Err(FileError::NotXml(_)))
        };
        let entity = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
        let many = format!("<a>{}</a>", "<b/>".repeat(20_000));
        let deep = format!("{}{}", "<a>".repeat(9000), "</a>".repeat(9000));
        for text in ["", "<html><br></html>", entity, &many, &deep] {
            assert!(not_xml(text), "{}", &text[..text.len().min(40)]);
        }
        for text in [
            "<html></html>",
            &*file(""),
            &*file(&entry("a", 0, "SSL", "")),
        ] {
            let refused = pop3_server(text.as_bytes());
            assert!(matches!(refused, Err(FileError::NoPop3)), "{text}");
        }
    }
}
