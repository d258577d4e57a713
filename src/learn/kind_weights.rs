//! What a message counts, by the kind of mail that it is of.
//!
//! In: names of kinds, each with a weight, and the path that a message was found below; out: its weight. An order
//! confirmation that is lost costs more than a spam that is missed.

use std::fmt;
use std::str::FromStr;

/// A kind of mail, as a path or the end of one, and what each of its messages counts.
#[derive(Debug, Clone, PartialEq)]
pub struct KindWeight {
    kind: String,
    weight: f64,
}

/// The heaviest.
const MOST: f64 = 1000.0;

impl FromStr for KindWeight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("must be PATH=N, such as shop/ham=50, with N above 0 and not above {MOST}");
        let (kind, weight) = text.rsplit_once('=').ok_or_else(wrong)?;
        let weight: f64 = weight.parse().map_err(|_| wrong())?;
        let kind = kind.trim_end_matches('/');
        if kind.is_empty() || !(weight > 0.0 && weight <= MOST) {
            return Err(wrong());
        }
        Ok(Self {
            kind: kind.to_owned(),
            weight,
        })
    }
}

impl KindWeight {
    /// Whether a path is of this kind.
    pub fn names(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path == self.kind
            || path
                .strip_suffix(&self.kind)
                .is_some_and(|before| before.ends_with('/'))
    }
}

impl fmt::Display for KindWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind, self.weight)
    }
}

/// What a message below this path counts, if a weight names it. The last that names it decides.
pub fn weight_of(path: &str, weights: &[KindWeight]) -> Option<f64> {
    let named = weights.iter().rev().find(|it| it.names(path));
    named.map(|it| it.weight)
}

/// The first weight that names none of the paths.
pub fn unused<'w>(weights: &'w [KindWeight], paths: &[String]) -> Option<&'w KindWeight> {
    let is_unused = |weight: &&KindWeight| !paths.iter().any(|path| weight.names(path));
    weights.iter().find(is_unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_by_the_end_of_its_path() {
        let weights: Vec<KindWeight> = ["ham=2", "shop/ham=50", "/mail/list/=0.5"]
            .map(|text| text.parse().expect("a weight"))
            .into();
        for (path, weight) in [
            ("/mail/shop/ham", Some(50.0)),
            ("shop/ham/", Some(50.0)),
            ("/mail/ham", Some(2.0)),
            ("/mail/workshop/ham", Some(2.0)),
            ("/mail/list", Some(0.5)),
            ("/mail/sham", None),
        ] {
            assert_eq!(weight_of(path, &weights), weight, "{path}");
        }
        let unused = unused(&weights, &["a/ham".to_owned()]);
        assert_eq!(
            unused.map(ToString::to_string),
            Some("shop/ham=50".to_owned())
        );
        for wrong in ["ham", "=5", "ham=", "ham=0", "ham=-1", "ham=NaN", "ham=1e9"] {
            assert!(wrong.parse::<KindWeight>().is_err(), "{wrong}");
        }
    }
}
