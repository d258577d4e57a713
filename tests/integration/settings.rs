//! deploy/config.toml lists every setting with its default, and the pages about settings are valid.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;

use popgate::config::{Config, Flags, OAuthFlow, keys};
use popgate::filter::{RuleSet, examples};

#[test]
fn the_sample_configuration_lists_every_setting_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for key in keys() {
        let name = key.rsplit('.').next().unwrap();
        let name = name.split('[').next().unwrap();
        let is_listed = text.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            let table: String = key.split(['[', ']']).step_by(2).collect();
            line.starts_with(&format!("{name} = ")) || line.contains(&format!("[{table}]"))
        });
        assert!(is_listed, "{key} is not in deploy/config.toml");
    }
    let (mut sample, problems) = Config::load(Some(&path), &Flags::default());
    assert_eq!(problems, []);
    let (mut default, problems) = Config::load(None, &Flags::default());
    assert_eq!(problems, []);
    let upstream = sample.upstreams.remove(0);
    assert_eq!(
        (upstream.host.as_str(), upstream.port),
        ("pop.example.net", 995)
    );
    // The origins differ; the values must not.
    sample.origins.clear();
    default.origins.clear();
    assert_eq!(sample, default);
}

/// What is off only once there is what a scanner has if it is not written.
#[test]
fn the_sample_of_a_scanner_has_its_defaults() {
    let sample = include_str!("../../deploy/config.toml");
    let lines = sample
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    let lines = lines.skip_while(|line| !line.starts_with("[[scanner]]"));
    let own: Vec<_> = lines
        .take_while(|line| !line.starts_with("[admin]"))
        .collect();
    let read = |text: &str| {
        let (config, problems) = Config::parse("popgate.toml", text, &Flags::default());
        assert_eq!(problems, []);
        config.scanners
    };
    assert!(own.len() > 6, "{own:?}");
    assert_eq!(
        read(&own.join("\n")),
        read("[[scanner]]\nkind = \"rspamd\"\n")
    );
    for (kind, at_a_time) in [("spamd", 4), ("clamd", 16)] {
        let scanner = read(&format!("[[scanner]]\nkind = \"{kind}\"\n"));
        assert_eq!(scanner[0].at_a_time, at_a_time, "{kind}");
    }
}

#[test]
fn the_generated_reference_pages_are_up_to_date() {
    for (page, name, made) in [
        (
            "metrics",
            "deploy/metrics.md",
            popgate::cli::pages::metrics(),
        ),
        (
            "settings",
            "deploy/settings.md",
            popgate::cli::pages::settings(),
        ),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == made,
            "run: cargo run -- reference {page} > {name}"
        );
    }
    // Each setting has a row.
    let rows = popgate::cli::pages::settings().matches("\n| `").count();
    let tables = [
        "dns_list.codes",
        "listen",
        "listen.sni",
        "upstream",
        "upstream.oauth",
        "upstream.timeouts",
        "route",
        "route.domains",
    ];
    let settings = keys()
        .into_iter()
        .map(|key| key.split(['[', ']']).step_by(2).collect::<String>())
        .filter(|key| key.contains('.') && !tables.contains(&key.as_str()))
        .filter(|key| key != "route.user_name");
    let settings: Vec<_> = settings.collect();
    assert_eq!(rows, settings.len(), "{settings:?}");
}

/// The indented blocks of a page that contain these words, without their indent.
fn blocks_of(page: &str, words: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match line.strip_prefix("    ") {
            Some(code) => {
                let block = blocks.last_mut().unwrap();
                block.push_str(code);
                block.push('\n');
            }
            // A blank line inside a block does not end it.
            None if line.is_empty() => blocks.last_mut().unwrap().push('\n'),
            None => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| block.contains(words));
    blocks
}

/// Loads each block as a configuration of its own.
fn load_all(blocks: &[String]) -> Vec<Config> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["cert.pem", "key.pem", "other.pem", "other-key.pem"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let load = |block: &String| {
        let file = folder.path().join("popgate.toml");
        std::fs::write(&file, block).unwrap();
        let (config, problems) = Config::load(Some(&file), &Flags::default());
        assert_eq!(problems, [], "{block}");
        config
    };
    blocks.iter().map(load).collect()
}

#[test]
fn the_configurations_in_the_gateway_page_are_valid() {
    let mut blocks = blocks_of("deploy/gateway.md", "[[listen]]");
    blocks.extend(blocks_of("deploy/gateway.md", "[route.user_name]"));
    assert!(blocks.len() >= 4, "only {} blocks", blocks.len());
    load_all(&blocks);
}

#[test]
fn the_lists_in_the_page_about_them_are_valid() {
    let blocks = blocks_of("deploy/lists.md", "[network]");
    let configs = load_all(&blocks);
    let lists = configs.iter().map(|config| config.network.lists.len());
    assert!(lists.sum::<usize>() >= 6, "{} blocks", blocks.len());
    assert!(configs.iter().any(|config| config.network.dkim));
}

#[test]
fn the_configurations_in_the_oauth_page_are_valid() {
    let blocks = blocks_of("deploy/oauth.md", "[upstream.oauth]");
    // The secrets are not there.
    let blocks: Vec<_> = blocks
        .iter()
        .map(|block| block.replace("client_secret_file = ", "client_secret = "))
        .collect();
    let found: Vec<_> = load_all(&blocks)
        .into_iter()
        .map(|config| config.upstreams[0].oauth.clone().unwrap().flow)
        .collect();
    let flows = [
        OAuthFlow::Browser,
        OAuthFlow::Device,
        OAuthFlow::ClientCredentials,
    ];
    assert_eq!(found, flows.map(Some));
}

#[test]
fn the_configurations_and_the_rule_in_the_readme_are_valid() {
    let blocks = blocks_of("README.md", "[[upstream]]");
    assert_eq!(blocks.len(), 2, "one for a person and one for an office");
    for block in &blocks {
        let lines = block.lines().filter(|line| !line.is_empty()).count();
        assert!(lines <= 13, "{lines} lines:\n{block}");
    }
    for config in load_all(&blocks) {
        assert!(!config.upstreams.is_empty());
    }
    let rules = blocks_of("README.md", "[[rule]]");
    assert_eq!(rules.len(), 1);
    let rules = RuleSet::parse([("README.md".to_owned(), rules[0].clone())]).unwrap();
    assert_eq!(rules.len(), 1);
    assert_eq!(examples::check(&rules), []);
}
