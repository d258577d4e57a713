//! Reading TOML against a declared shape, so that every mistake is reported at once.
//!
//! In: the text of a file. Out: typed values, one call a key, and a list of [`Problem`]s, each with
//! file, line and key and what to write instead. A caller asks a [`Section`] for the keys it knows and
//! ends with [`Section::finish`], which reports every other key.
//!
//! It never stops at the first mistake (serde's derive would) and never guesses a value: a key
//! with a problem yields `None`, and the caller refuses the file in the end.

mod section;
mod toml_file;

pub use section::Section;
pub use toml_file::{Problem, Renamed, TomlFile};
