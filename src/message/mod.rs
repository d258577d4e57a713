//! A message: its header fields as bytes, and its decoded view that the filter judges.

pub mod archive;
pub mod content;
pub mod decode;
pub mod disguise;
pub mod document;
mod element;
pub mod header;
pub mod headers;
pub mod html;
pub mod link;
pub mod magic;
pub mod make;
pub mod mime;
mod style;
pub mod url;
pub mod value;
pub mod visible_text;

pub use content::{Content, Wanted};
pub use headers::Headers;
