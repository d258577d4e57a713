//! deploy/config.toml is the list of all settings: each stands there, at its default.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;

use popgate::config::{Config, Flags, keys};

#[test]
fn the_sample_configuration_lists_every_setting_at_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for key in keys() {
        let name = key.rsplit('.').next().unwrap();
        let name = name.split('[').next().unwrap();
        let stands = text.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{name} = ")) || line.contains(&format!("[{name}]"))
        });
        assert!(stands, "{key} is not in deploy/config.toml");
    }
    let (mut sample, problems) = Config::load(Some(&path), &Flags::default());
    assert_eq!(problems, []);
    let (mut default, problems) = Config::load(None, &Flags::default());
    assert_eq!(problems, []);
    let upstream = sample.upstream.take().unwrap();
    assert_eq!(
        (upstream.host.as_str(), upstream.port),
        ("pop.example.net", 995)
    );
    // Where a setting stands differs, of course; what it is must not.
    sample.places.clear();
    default.places.clear();
    assert_eq!(sample, default);
}
