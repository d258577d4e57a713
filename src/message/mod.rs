//! A message: its header fields as bytes, and its decoded view that the filter judges.

pub mod header;
