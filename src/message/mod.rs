//! A message: its raw header fields, and the decoded content that the filter judges.

pub mod archive;
pub mod attached_file;
mod bidi;
pub mod content;
pub mod decode;
pub mod document;
pub mod file_type;
pub mod header;
pub mod headers;
pub mod homoglyphs;
pub mod html;
mod html_elements;
pub mod link;
pub mod mime;
pub mod page_traits;
mod style;
mod style_sheet;
pub mod url;
pub mod value;
pub mod visible_text;
pub mod work;

pub use content::{Content, Wanted};
pub use headers::Headers;
pub use work::{Partial, Stage, Work};
