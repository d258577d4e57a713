//! How many lessons were learned, and by which servers they came, in the files of the learned state.

use super::numbers::{In, Out};
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::{Hop, HopCounts, Hops};

/// The first format that says by which servers messages came.
pub(super) const WITH_HOPS: u32 = 3;

pub(super) fn write_counts(out: &mut Out, counts: Counts) {
    out.u64(counts.ham);
    out.u64(counts.spam);
}

pub(super) fn read_counts(input: &mut In<'_>) -> Option<Counts> {
    Some(Counts {
        ham: input.u64()?,
        spam: input.u64()?,
    })
}

/// The servers of a message.
pub(super) fn read_hops(input: &mut In<'_>, version: u32) -> Option<Hops> {
    if version < WITH_HOPS {
        return Some(Hops::default());
    }
    let (hops, rest) = Hops::read_first(input.0)?;
    input.0 = rest;
    Some(hops)
}

/// How many lessons came by each server.
pub(super) fn write_hop_counts(out: &mut Out, hops: &HopCounts) {
    out.u32(hops.len() as u32);
    for (hop, counts) in hops.iter() {
        out.0.extend_from_slice(&hop.0.get().to_le_bytes());
        write_counts(out, counts);
    }
}

pub(super) fn read_hop_counts(input: &mut In<'_>, version: u32) -> Option<HopCounts> {
    if version < WITH_HOPS {
        return Some(HopCounts::default());
    }
    let count = input.u32()?;
    let each = (0..count).map(|_| {
        let hop = Hop::from_bytes(input.take(2)?.try_into().ok()?)?;
        Some((hop, read_counts(input)?))
    });
    each.collect()
}
