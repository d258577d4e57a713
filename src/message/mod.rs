//! A message: its header fields as bytes, and its decoded view that the filter judges.

pub mod content;
pub mod decode;
mod element;
pub mod fold;
pub mod header;
pub mod html;
pub mod link;
pub mod mime;
pub mod value;

pub use content::{Content, Wanted};
