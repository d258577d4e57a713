//! Every seed of the fuzz targets, and every input that ever broke an invariant, without a fuzzer.

use std::fs;
use std::path::Path;

use crate::fuzz::TARGETS;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The inputs that once broke an invariant, by the names of their files.
fn crashes(target: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(Path::new(ROOT).join("fuzz/crashes").join(target)) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut inputs: Vec<_> = paths
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn seeds_and_former_crashes_break_no_invariant() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let seeds = (target.seeds)().into_iter().enumerate();
        let seeds = seeds.map(|(number, seed)| (format!("seed {number}"), seed));
        let inputs: Vec<_> = seeds.chain(crashes(target.name)).collect();
        assert!(!inputs.is_empty(), "{} has no seeds", target.name);
        for (name, input) in inputs {
            if std::panic::catch_unwind(|| (target.run)(&input)).is_err() {
                broken.push(format!("{}: {name}", target.name));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// `fuzz/run` names the folder that libFuzzer reads them from.
#[test]
fn seeds_are_written_to_a_corpus() {
    let unused = tempfile::tempdir().unwrap();
    let corpus = std::env::var_os("FUZZ_CORPUS").map(std::path::PathBuf::from);
    let corpus = corpus.as_deref().unwrap_or(unused.path());
    for target in TARGETS {
        let folder = corpus.join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed).unwrap();
        }
        assert!(fs::read_dir(folder).unwrap().next().is_some());
    }
}
