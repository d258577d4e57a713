//! Which file imports which.
//!
//! An import is attributed to the file that defines the item, through any number of re-exports. A `mod`
//! declaration alone is not an import, nor is a re-export that its own file does not use.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Import};

/// A module by its path: `filter/judge.rs` and `filter/judge/mod.rs` are `["filter", "judge"]`.
type Path = Vec<String>;

pub(crate) struct Module {
    pub(crate) file: String,
    defined: BTreeSet<String>,
    imports: Vec<Import>,
    /// The rest of the code, without its imports.
    paths: Vec<Path>,
    words: BTreeSet<String>,
}

pub(crate) struct Graph {
    modules: BTreeMap<Path, Module>,
}

enum Meaning {
    Module(Path),
    /// An item of this module.
    Item(Path),
    /// The path of an item of another crate.
    Foreign(Path),
}

fn module_of(file: &str) -> Path {
    let name = file.trim_end_matches(".rs");
    let name = name.strip_suffix("/mod").unwrap_or(name);
    name.split('/')
        .filter(|it| *it != "lib")
        .map(str::to_owned)
        .collect()
}

impl Graph {
    /// Builds the graph from files and their code.
    pub(crate) fn new<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let modules = files.map(|(file, code)| {
            let tokens = source::tokens(code);
            let (imports, rest) = source::imports(&tokens);
            let module = Module {
                file: file.to_owned(),
                defined: source::defined(&rest),
                imports,
                paths: source::paths(&rest),
                words: rest.iter().map(|word| (*word).to_owned()).collect(),
            };
            (module_of(file), module)
        });
        Self {
            modules: modules.collect(),
        }
    }

    /// Resolves a path in a module; `depth` stops cycles.
    fn meaning(&self, within: &Path, path: &[String], depth: usize) -> Meaning {
        let mut at = match path[0].as_str() {
            "crate" | "popgate" => Vec::new(),
            "self" => within.clone(),
            "super" => within[..within.len().saturating_sub(1)].to_vec(),
            first if self.has(within, first) => return self.walk(within.clone(), path, depth),
            _ => return Meaning::Foreign(path.to_vec()),
        };
        let supers = path[1..].iter().take_while(|it| *it == "super").count();
        at.truncate(at.len().saturating_sub(supers));
        self.walk(at, &path[1 + supers..], depth)
    }

    fn has(&self, module: &Path, name: &str) -> bool {
        self.modules.contains_key(&child(module, name))
            || self.modules[module].defined.contains(name)
            || self.imported(module, name).is_some()
    }

    fn imported(&self, module: &Path, name: &str) -> Option<&Import> {
        let mut imports = self.modules[module].imports.iter();
        imports.find(|import| import.name == name && import.path.last().unwrap() != "*")
    }

    /// Resolves names from a module downwards, through re-exports, to their definition.
    fn walk(&self, module: Path, names: &[String], depth: usize) -> Meaning {
        let Some((name, rest)) = names.split_first() else {
            return Meaning::Module(module);
        };
        let below = child(&module, name);
        if self.modules.contains_key(&below) {
            return self.walk(below, rest, depth);
        }
        let own = self.modules[&module].defined.contains(name);
        match self.imported(&module, name) {
            Some(import) if !own && depth < 16 && import.path[0] != *name => {
                let path = [import.path.as_slice(), rest].concat();
                self.meaning(&module, &path, depth + 1)
            }
            _ if own || name == "*" => Meaning::Item(module),
            _ => {
                let globs = self.modules[&module].imports.iter();
                let mut globs = globs.filter(|it| it.path.last().unwrap() == "*" && depth < 16);
                let found = globs.find_map(|glob| {
                    let above = &glob.path[..glob.path.len() - 1];
                    match self.meaning(&module, above, depth + 1) {
                        Meaning::Module(at) if at != module && self.has(&at, name) => {
                            Some(self.walk(at, names, depth + 1))
                        }
                        _ => None,
                    }
                });
                found.unwrap_or(Meaning::Item(module))
            }
        }
    }

    /// Every path in a module, resolved.
    fn meanings(&self, module: &Path) -> Vec<Meaning> {
        let this = &self.modules[module];
        let used = this.imports.iter();
        let used = used.filter(|it| !it.passed_on || this.words.contains(&it.name));
        let paths = used.map(|it| &it.path).chain(&this.paths);
        paths.map(|path| self.meaning(module, path, 0)).collect()
    }

    /// Each file with the files whose items it uses.
    pub(crate) fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let edges = self.modules.iter().map(|(path, module)| {
            let meanings = self.meanings(path).into_iter();
            let files = meanings.filter_map(|meaning| match meaning {
                Meaning::Item(at) => Some(self.modules[&at].file.as_str()),
                Meaning::Module(_) | Meaning::Foreign(_) => None,
            });
            let files = files.filter(|file| *file != module.file);
            (module.file.as_str(), files.collect())
        });
        edges.collect()
    }

    /// The paths to items of other crates, by file.
    pub(crate) fn foreign(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let foreign = self.modules.iter().map(|(path, module)| {
            let meanings = self.meanings(path).into_iter();
            let paths = meanings.filter_map(|meaning| match meaning {
                Meaning::Foreign(path) => Some(path.join("::")),
                Meaning::Module(_) | Meaning::Item(_) => None,
            });
            (module.file.as_str(), paths.collect())
        });
        foreign.collect()
    }
}

fn child(module: &Path, name: &str) -> Path {
    let mut path = module.clone();
    path.push(name.to_owned());
    path
}

/// The strongly connected components of more than one file.
pub(crate) fn circles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reach = |from: &'a str| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            let more = edges.get(file).into_iter().flatten();
            next.extend(more.filter(|file| seen.insert(**file)));
        }
        seen
    };
    let reach: BTreeMap<_, _> = edges.keys().map(|file| (*file, reach(file))).collect();
    let mut found = BTreeSet::new();
    for (file, reached) in &reach {
        let circle: BTreeSet<_> = reached
            .iter()
            .copied()
            .filter(|it| reach[it].contains(file))
            .collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}
