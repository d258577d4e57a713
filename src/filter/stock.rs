//! The stock rules, compiled in: popgate works without any rule file.

macro_rules! files {
    ($(#[$about:meta])* $list:ident: $($name:literal),* $(,)?) => {
        $(#[$about])*
        pub const $list: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../rules/", $name)))),*];
    };
}

files![
    /// Name and text of each rule file, by name.
    FILES:
    "asks.toml",
    "attachments.toml",
    "bulk.toml",
    "cold-offers.toml",
    "conjunctions.toml",
    "echoes.toml",
    "files.toml",
    "fortunes.toml",
    "headers.toml",
    "html.toml",
    "identity.toml",
    "kits.toml",
    "languages.toml",
    "languages/ar.toml",
    "languages/bg.toml",
    "languages/cs.toml",
    "languages/da.toml",
    "languages/de.toml",
    "languages/el.toml",
    "languages/en.toml",
    "languages/es.toml",
    "languages/fi.toml",
    "languages/fr.toml",
    "languages/he.toml",
    "languages/hi.toml",
    "languages/hu.toml",
    "languages/id.toml",
    "languages/it.toml",
    "languages/ja.toml",
    "languages/ko.toml",
    "languages/nl.toml",
    "languages/no.toml",
    "languages/pl.toml",
    "languages/pt.toml",
    "languages/ro.toml",
    "languages/ru.toml",
    "languages/sk.toml",
    "languages/sv.toml",
    "languages/tr.toml",
    "languages/uk.toml",
    "languages/vi.toml",
    "languages/zh.toml",
    "learned.toml",
    "links.toml",
    "lures.toml",
    "notices.toml",
    "oddities.toml",
    "offers.toml",
    "phrases.toml",
    "sales.toml",
    "senders.toml",
    "subject.toml",
    "temptations.toml",
    "trades.toml",
    "traps.toml",
    "trust.toml",
];

files![
    /// Name and text of each list, by name.
    LISTS:
    "lists/abused-tlds.txt",
    "lists/arc-sealers.txt",
    "lists/archive-extensions.txt",
    "lists/brands.txt",
    "lists/bulk-senders.txt",
    "lists/dangerous-extensions.txt",
    "lists/dynamic-dns.txt",
    "lists/form-senders.txt",
    "lists/free-hosting.txt",
    "lists/free-mail.txt",
    "lists/image-hosts.txt",
    "lists/invoice-senders.txt",
    "lists/ipfs-gateways.txt",
    "lists/macro-extensions.txt",
    "lists/mail-gateways.txt",
    "lists/redirectors.txt",
    "lists/shorteners.txt",
];
