//! The output to the client, and its count of octets.
//!
//! Message bytes are never joined or copied: the output is a queue of pieces. A piece is either relayed from
//! the upstream or added by popgate; the counts of added and removed octets follow from that.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use super::input::FromUpstream;

/// See the module.
#[derive(Debug, Default)]
pub struct ClientOutput {
    pieces: VecDeque<Bytes>,
    len: usize,
    relayed: u64,
    added: u64,
}

impl ClientOutput {
    /// Relays octets of the upstream.
    pub(super) fn relay(&mut self, bytes: FromUpstream) {
        self.relayed += bytes.len() as u64;
        self.push(bytes.into_bytes());
    }

    /// Adds octets of popgate's own.
    pub(super) fn add(&mut self, bytes: Bytes) {
        self.added += bytes.len() as u64;
        self.push(bytes);
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Octets of the upstream relayed so far.
    pub(super) fn relayed(&self) -> u64 {
        self.relayed
    }

    /// Octets added so far.
    pub(super) fn added(&self) -> u64 {
        self.added
    }

    /// Octets that are not written yet.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The first piece, if it is the only one.
    pub fn only_piece(&self) -> Option<&[u8]> {
        match self.pieces.len() {
            1 => self.pieces.front().map(|piece| &**piece),
            _ => None,
        }
    }

    /// Fills slices with the first pieces for a vectored write; returns their number.
    pub fn fill_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        slices.len().min(self.pieces.len())
    }

    /// Copies what is left to a buffer of its size: a piece keeps the whole buffer that it is a part of.
    pub fn shrink(&mut self) {
        let mut left = BytesMut::with_capacity(self.len);
        for piece in self.pieces.drain(..) {
            left.extend_from_slice(&piece);
        }
        if !left.is_empty() {
            self.pieces.push_back(left.freeze());
        }
    }

    /// Removes this many octets, which were written.
    pub fn advance(&mut self, mut written: usize) {
        self.len -= written;
        while let Some(first) = self.pieces.front_mut() {
            if first.len() > written {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.pieces.pop_front();
        }
    }
}
