//! Messages: raw header fields, and the decoded content that the filter judges.

pub mod archive;
pub mod attached_file;
mod bidi;
pub mod calendar;
pub mod charset;
pub mod content;
pub mod decode;
mod digest;
pub mod document;
pub mod encoded_word;
pub mod file_type;
pub mod flowed;
pub mod header;
pub mod headers;
pub mod homoglyphs;
pub mod html;
mod html_elements;
pub mod link;
pub mod mime;
pub mod page_traits;
pub mod parameters;
pub(crate) mod prehashed;
mod qr_code;
mod quoted;
mod style;
mod style_sheet;
pub mod transfer_encoding;
pub mod url;
pub mod uuencoded;
pub mod value;
pub mod visible_text;
pub mod work;

pub use content::{Content, Wanted};
pub use digest::MessageDigest;
pub use headers::Headers;
pub use work::{Partial, Stage, Work};
