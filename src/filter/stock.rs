//! The stock rules, compiled in: popgate judges without any file around.

macro_rules! files {
    ($(#[$about:meta])* $list:ident: $($name:literal),* $(,)?) => {
        $(#[$about])*
        pub const $list: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../rules/", $name)))),*];
    };
}

files![
    /// Name and text of each file of rules, by name.
    FILES:
    "attachments.toml",
    "bulk.toml",
    "conjunctions.toml",
    "files.toml",
    "headers.toml",
    "html.toml",
    "identity.toml",
    "links.toml",
    "lures.toml",
    "oddities.toml",
    "phrases.toml",
    "subject.toml",
];

files![
    /// Name and text of each list, by name.
    LISTS:
    "lists/abused-tlds.txt",
    "lists/archive-extensions.txt",
    "lists/brands.txt",
    "lists/bulk-senders.txt",
    "lists/dangerous-extensions.txt",
    "lists/dynamic-dns.txt",
    "lists/free-hosting.txt",
    "lists/free-mail.txt",
    "lists/image-hosts.txt",
    "lists/ipfs-gateways.txt",
    "lists/macro-extensions.txt",
    "lists/redirectors.txt",
    "lists/shorteners.txt",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &str, prefix: &str, ending: &str) -> Vec<String> {
        let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(folder).expect("a folder of the stock");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| format!("{prefix}{}", name.to_string_lossy()));
        let mut names: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
        names.sort();
        names
    }

    #[test]
    fn every_file_is_compiled_in() {
        let known = |files: &[(&str, &str)]| -> Vec<_> {
            files.iter().map(|(name, _)| (*name).to_owned()).collect()
        };
        let add = "add the file to the list above, sorted";
        assert_eq!(known(FILES), names("rules", "", ".toml"), "{add}");
        assert_eq!(
            known(LISTS),
            names("rules/lists", "lists/", ".txt"),
            "{add}"
        );
    }
}
