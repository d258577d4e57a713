//! Conditions of rule files: `if`, `ifplugin`.
//!
//! In: the text after `if`; out: whether the condition holds in SpamAssassin 4 with what popgate supports. A plugin
//! counts as loaded only if its rules can be converted: rule files often have alternatives without it. What would hold
//! with all plugins is reported separately, because plain rules under such conditions need no plugin.

/// The SpamAssassin version that is assumed: 4.0.1 in its notation.
const VERSION: f64 = 4.000_001;

/// The Perl version that is assumed.
const PERL_VERSION: f64 = 5.036;

/// Plugins whose rules can be converted.
const PLUGINS: [&str; 2] = ["Check", "ReplaceTags"];

const CONF: &str = "Mail::SpamAssassin::Conf::";
const PLUGIN: &str = "Mail::SpamAssassin::Plugin::";

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) here: bool,
    /// With every plugin loaded.
    pub(super) with_all_plugins: bool,
}

impl Holds {
    pub(super) fn not(self) -> Self {
        Self {
            here: !self.here,
            with_all_plugins: !self.with_all_plugins,
        }
    }
}

/// Whether a condition holds, or why it cannot be parsed.
pub(super) fn holds(text: &str) -> Result<Holds, String> {
    Ok(Holds {
        here: holds_with(text, false)?,
        with_all_plugins: holds_with(text, true)?,
    })
}

fn holds_with(text: &str, all_plugins: bool) -> Result<bool, String> {
    let mut reader = Reader {
        rest: text,
        all_plugins,
    };
    let value = reader.or()?;
    reader.skip();
    if reader.rest.is_empty() {
        Ok(value != 0.0)
    } else {
        Err(format!("`{}` cannot be parsed", reader.rest))
    }
}

/// Whether `ifplugin NAME` holds.
pub(super) fn has_plugin(name: &str) -> Holds {
    let name = name.trim();
    Holds {
        here: PLUGINS.contains(&name.strip_prefix(PLUGIN).unwrap_or(name)),
        with_all_plugins: true,
    }
}

/// True is 1 and false 0, as in Perl.
struct Reader<'t> {
    rest: &'t str,
    all_plugins: bool,
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

impl<'t> Reader<'t> {
    fn has(&self, plugin: &str) -> bool {
        self.all_plugins || has_plugin(plugin).here
    }

    /// Whether SpamAssassin or a plugin has a method.
    fn can(&self, name: &str) -> bool {
        if let Some(feature) = name.strip_prefix(CONF) {
            // Features depend on the version; compatibility must be enabled.
            return !feature.starts_with("compat_");
        }
        self.has(name.rsplit_once("::").map_or(name, |(plugin, _)| plugin))
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'t str {
        self.skip();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_.:".contains(letter);
        let length = self.rest.find(|letter| !is_part(letter));
        let (word, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn or(&mut self) -> Result<f64, String> {
        let mut value = self.and()?;
        while self.eat("||") {
            let other = self.and()?;
            value = truth(value != 0.0 || other != 0.0);
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<f64, String> {
        let mut value = self.comparison()?;
        while self.eat("&&") {
            let other = self.comparison()?;
            value = truth(value != 0.0 && other != 0.0);
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<f64, String> {
        let left = self.value()?;
        for sign in [">=", "<=", "==", "!=", ">", "<"] {
            if self.eat(sign) {
                let right = self.value()?;
                let equal = (left - right).abs() < 1e-9;
                return Ok(truth(match sign {
                    ">=" => left >= right,
                    "<=" => left <= right,
                    "==" => equal,
                    "!=" => !equal,
                    ">" => left > right,
                    _ => left < right,
                }));
            }
        }
        Ok(left)
    }

    fn value(&mut self) -> Result<f64, String> {
        if self.eat("!") {
            return Ok(truth(self.value()? == 0.0));
        }
        if self.eat("(") {
            let value = self.or()?;
            return self.closed(value);
        }
        let word = self.word();
        match word {
            "version" => Ok(VERSION),
            "perl_version" => Ok(PERL_VERSION),
            // popgate does not use the network.
            "local_tests_only" | "true" => Ok(1.0),
            "false" => Ok(0.0),
            "plugin" | "can" | "has" if self.eat("(") => {
                let name = self.word();
                let is_there = match word {
                    "plugin" => self.has(name),
                    _ => self.can(name),
                };
                self.closed(truth(is_there))
            }
            "" => Err(format!("`{}` cannot be parsed", self.rest)),
            word => word
                .parse()
                .map_err(|_| format!("`{word}` cannot be parsed")),
        }
    }

    fn closed(&mut self, value: f64) -> Result<f64, String> {
        if self.eat(")") {
            Ok(value)
        } else {
            Err("unclosed parenthesis".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_evaluated_as_in_version_4() {
        for text in [
            "(version >= 3.004002)",
            "version < 5 && perl_version >= 5.010000",
            "can(Mail::SpamAssassin::Conf::feature_something)",
            "!plugin(Mail::SpamAssassin::Plugin::Other) || false",
            "plugin ( Mail::SpamAssassin::Plugin::ReplaceTags )",
            "!(!local_tests_only)",
            "(version == 4.000001) && (version != 4)",
        ] {
            assert_eq!(holds_with(text, false), Ok(true), "{text}");
        }
        for text in [
            "version < 4.000000",
            "can(Mail::SpamAssassin::Conf::compat_something)",
            "has(Mail::SpamAssassin::Plugin::Other::method)",
            "plugin(Mail::SpamAssassin::Plugin::Other)",
        ] {
            assert_eq!(holds_with(text, false), Ok(false), "{text}");
        }
        for text in ["", "(version", "moon == full", "1 1"] {
            assert!(holds(text).is_err(), "{text}");
        }
        assert!(has_plugin("Mail::SpamAssassin::Plugin::Check").here);
        let only_with_plugin = Holds {
            here: false,
            with_all_plugins: true,
        };
        assert_eq!(holds("plugin(A::B) && version > 3"), Ok(only_with_plugin));
        assert_eq!(has_plugin("A::B"), only_with_plugin);
    }
}
