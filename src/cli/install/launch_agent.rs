//! The property list by which launchd starts popgate for a person (launchd.plist(5)).
//!
//! In: the program, its settings and folders; out: the text. It has been read by parsers of property lists, and not yet by
//! launchd.

use std::path::Path;

/// The name that launchd knows popgate by.
pub(super) const LABEL: &str = "popgate";

/// What every list that popgate wrote has in it; no comment of XML has two hyphens.
pub(super) const MARK: &str = "Written by popgate for this account alone";

/// What is started.
pub(super) struct LaunchAgent<'p> {
    pub(super) program: &'p Path,
    /// `None`: those that `serve --user` finds, or the first run.
    pub(super) settings: Option<&'p Path>,
    /// Where it runs.
    pub(super) folder: &'p Path,
    /// Where its log is.
    pub(super) log: &'p Path,
}

impl LaunchAgent<'_> {
    /// The text. It is restarted after a failure, and not after it was stopped; Umask 63 is 077 in octal.
    pub(super) fn text(&self) -> String {
        let path = |path: &Path| format!("<string>{}</string>", escaped(&path.to_string_lossy()));
        let mut words = vec![path(self.program), "<string>serve</string>".to_owned()];
        match self.settings {
            Some(settings) => {
                words.extend(["<string>--config</string>".to_owned(), path(settings)]);
            }
            None => words.push("<string>--user</string>".to_owned()),
        }
        let words = words.join("\n    ");
        let (folder, log) = (path(self.folder), path(self.log));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <!-- {MARK} -->\n\
             <plist version=\"1.0\">\n<dict>\n  \
             <key>Label</key>\n  <string>{LABEL}</string>\n  \
             <key>ProgramArguments</key>\n  <array>\n    {words}\n  </array>\n  \
             <key>WorkingDirectory</key>\n  {folder}\n  \
             <key>StandardErrorPath</key>\n  {log}\n  \
             <key>RunAtLoad</key>\n  <true/>\n  \
             <key>KeepAlive</key>\n  <dict>\n    <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n  \
             <key>ExitTimeOut</key>\n  <integer>45</integer>\n  \
             <key>Umask</key>\n  <integer>63</integer>\n\
             </dict>\n</plist>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node, ParsingOptions};

    use super::*;

    /// A property list as text: what its dictionaries and arrays have in them, in their order.
    fn read(value: Node<'_, '_>) -> String {
        let elements = || value.children().filter(Node::is_element);
        match value.tag_name().name() {
            "string" | "integer" => value.text().unwrap().to_owned(),
            "true" | "false" => {
                assert_eq!(value.children().count(), 0);
                value.tag_name().name().to_owned()
            }
            "array" => format!("[{}]", elements().map(read).collect::<Vec<_>>().join(", ")),
            "dict" => {
                let all: Vec<_> = elements().collect();
                let pairs = all.chunks(2).map(|pair| {
                    assert!(pair[0].has_tag_name("key"));
                    format!("{}={}", pair[0].text().unwrap(), read(pair[1]))
                });
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
            other => panic!("<{other}> in a property list"),
        }
    }

    #[test]
    fn it_is_a_property_list_of_what_is_started() {
        let agent = LaunchAgent {
            program: Path::new("/opt/a & b <c>/popgate"),
            settings: Some(Path::new("/Users/ann/popgate.toml")),
            folder: Path::new("/Users/ann/Library/Application Support/popgate"),
            log: Path::new("/Users/ann/Library/Logs/popgate.log"),
        };
        let text = agent.text();
        assert!(text.contains(MARK));
        let options = ParsingOptions {
            allow_dtd: true,
            ..ParsingOptions::default()
        };
        let parsed = Document::parse_with_options(&text, options).unwrap();
        let root = parsed.root_element();
        assert_eq!(root.attribute("version"), Some("1.0"));
        let read = read(root.first_element_child().unwrap());
        assert_eq!(
            read,
            "{Label=popgate, \
             ProgramArguments=[/opt/a & b <c>/popgate, serve, --config, /Users/ann/popgate.toml], \
             WorkingDirectory=/Users/ann/Library/Application Support/popgate, \
             StandardErrorPath=/Users/ann/Library/Logs/popgate.log, RunAtLoad=true, \
             KeepAlive={SuccessfulExit=false}, ExitTimeOut=45, Umask=63}"
        );
        let without = LaunchAgent {
            settings: None,
            ..agent
        };
        let text = without.text();
        assert!(!text.contains("--config") && text.contains("<string>--user</string>"));
    }
}
