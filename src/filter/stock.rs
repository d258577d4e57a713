//! The stock rules, compiled in: popgate judges without any file around.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Name and text of each file of `rules/`, by name.
        pub const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../rules/", $name)))),*];
    };
}

files![
    "attachments.toml",
    "bulk.toml",
    "headers.toml",
    "html.toml",
    "identity.toml",
    "links.toml",
    "phrases.toml",
    "subject.toml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_file_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
        let entries = std::fs::read_dir(folder).expect("the folder of stock rules");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .filter(|name| name.ends_with(".toml"))
            .collect();
        names.sort();
        let known: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known, names, "add the file to FILES, sorted");
    }
}
