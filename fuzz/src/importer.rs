//! Any octets as a SpamAssassin rule file: what the importer writes is a rule file without a mistake.

use popgate::filter::RuleSet;
use popgate::import::import;

pub fn run(data: &[u8]) {
    let imported = import(&[("local.cf".to_owned(), data.to_vec())]);
    let _ = imported.report.to_string();
    if let Err(problems) = RuleSet::parse([("imported.toml".to_owned(), imported.toml.clone())]) {
        panic!("{:?}:\n{}", problems[0].to_string(), imported.toml);
    }
}
