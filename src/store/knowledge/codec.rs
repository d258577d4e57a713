//! The file formats of the learned state. All numbers are little-endian; every piece ends in its CRC-32.
//!
//! `weights`: head, then zlib: counts, then runs of weights that are not zero, then accounts, then the
//! messages learned. `journal` and `samples`: head, then records: length, change, CRC-32.
//!
//! Format 1, of popgate 0.1, is read, too: its changes do not say who sent a message, nor its messages in which order
//! they were learned. Format 2 does not say by which servers they came.

mod numbers;
mod tallies;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::error::{KnowledgeError, VERSION};
use crate::filter::classifier::account_weights::AccountWeights;
use crate::filter::classifier::features::FEATURE_GROUPS;
use crate::filter::classifier::learned_messages::{Learned, Remembered};
use crate::filter::classifier::learned_state::{LearnedState, Shared, WeightChange};
use crate::filter::classifier::model::{Table, WEIGHTS, Weights};
use crate::filter::classifier::{Belief, Digest, PackedFeatures, WeightsOwner};
use numbers::{In, Out, crc};
use tallies::{WITH_HOPS, read_counts, read_hop_counts, read_hops, write_counts, write_hop_counts};

/// The length of a head.
pub(super) const HEAD: usize = 8 + 4 + 8 + 4;

const MAGIC: &[u8; 8] = b"popgate\n";

/// A longer record is not a record.
const RECORD_LIMIT: usize = 1 << 20;

/// Unpacked weights of 1 GiB would be those of tens of thousands of accounts.
const UNPACKED_LIMIT: u64 = 1 << 30;

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    Damaged(&'static str),
    Newer(u32),
    Io(io::Error),
}

impl Fault {
    pub(super) fn at(self, path: &Path) -> KnowledgeError {
        match self {
            Self::Damaged(why) => KnowledgeError::Damaged(path.to_owned(), why.to_owned()),
            Self::Newer(version) => KnowledgeError::Newer(path.to_owned(), version),
            Self::Io(error) => KnowledgeError::Io(path.to_owned(), error),
        }
    }
}

const SHORT: Fault = Fault::Damaged("ends too early");

/// The beginning of either file.
pub(super) fn write_head(generation: u64) -> Vec<u8> {
    let mut out = Out(MAGIC.to_vec());
    out.u32(VERSION);
    out.u64(generation);
    let sum = crc(&out.0);
    out.u32(sum);
    out.0
}

/// What the beginning of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The format.
    pub(super) version: u32,
    /// The generation of the weights.
    pub(super) generation: u64,
}

/// Reads the beginning of a file.
pub(super) fn read_head(bytes: &[u8]) -> Result<Head, Fault> {
    let head = bytes.get(..HEAD).ok_or(SHORT)?;
    if !head.starts_with(MAGIC) {
        return Err(Fault::Damaged("is not popgate's"));
    }
    let mut input = In(&head[MAGIC.len()..]);
    let version = input.u32().ok_or(SHORT)?;
    if version > VERSION {
        return Err(Fault::Newer(version));
    }
    let generation = input.u64().ok_or(SHORT)?;
    if input.u32() != Some(crc(&head[..HEAD - 4])) {
        return Err(Fault::Damaged("its head is damaged"));
    }
    Ok(Head {
        version,
        generation,
    })
}

/// The stored key of weights; empty for those that all mailboxes share.
fn key_of(owner: Option<&WeightsOwner>) -> String {
    owner.map_or_else(String::new, WeightsOwner::key)
}

/// Flags of a change.
const BACK: u8 = 1;
const DOUBTED: u8 = 2;

/// A record of the journal.
pub(super) fn write_change(change: &WeightChange) -> Vec<u8> {
    let features = PackedFeatures::of(&change.features);
    let about = About {
        owner: change.owner.clone(),
        digest: change.digest,
        sender: change.sender,
        learned: change.learned,
        belief: change.belief,
        back: change.back,
    };
    write_record(&about, &features)
}

/// All of a change but the features.
#[derive(Debug)]
pub(super) struct About {
    pub(super) owner: Option<WeightsOwner>,
    pub(super) digest: Digest,
    pub(super) sender: u32,
    pub(super) learned: Learned,
    pub(super) belief: Belief,
    pub(super) back: bool,
}

/// A change with packed features.
pub(super) fn write_record(about: &About, features: &PackedFeatures) -> Vec<u8> {
    let mut out = Out::default();
    out.u32(0);
    let doubted = match about.belief {
        Belief::Full => 0,
        Belief::Doubting => DOUBTED,
    };
    let back = if about.back { BACK } else { 0 };
    out.0.push(back | doubted);
    out.text(&key_of(about.owner.as_ref()));
    out.0.extend_from_slice(&about.digest);
    learned(&mut out, &about.learned);
    out.u32(about.sender);
    out.0.extend_from_slice(features.bytes());
    let length = (out.0.len() - 4) as u32;
    out.0[..4].copy_from_slice(&length.to_le_bytes());
    let sum = crc(&out.0[4..]);
    out.u32(sum);
    out.0
}

/// The first record of a file of this format, and its length; `None` if it is incomplete.
pub(super) fn read_change(bytes: &[u8], version: u32) -> Option<(WeightChange, usize)> {
    let (about, features, end) = read_record(bytes, version)?;
    let change = WeightChange {
        owner: about.owner,
        digest: about.digest,
        sender: about.sender,
        features: features.unpack(),
        learned: about.learned,
        belief: about.belief,
        back: about.back,
    };
    Some((change, end))
}

/// The same, with packed features.
pub(super) fn read_record(bytes: &[u8], version: u32) -> Option<(About, PackedFeatures, usize)> {
    let length = In(bytes).u32()? as usize;
    if length > RECORD_LIMIT {
        return None;
    }
    let record = bytes.get(4..4 + length)?;
    let end = 4 + length + 4;
    if In(bytes.get(4 + length..end)?).u32()? != crc(record) {
        return None;
    }
    let mut input = In(record);
    let flags = input.take(1)?[0];
    let owner = input.text()?;
    let digest = input.take(16)?.try_into().ok()?;
    let learned = read_learnt(&mut input, version)?;
    let about = About {
        owner: WeightsOwner::from_key(&owner),
        digest,
        sender: match version {
            1 => 0,
            _ => input.u32()?,
        },
        learned,
        belief: match version == 1 || flags & DOUBTED != 0 {
            true => Belief::Doubting,
            false => Belief::Full,
        },
        back: flags & BACK != 0,
    };
    let features = match version {
        ..WITH_HOPS => PackedFeatures::from_bytes_without_hops(input.0)?,
        _ => PackedFeatures::from_bytes(input.0)?,
    };
    Some((about, features, end))
}

/// The length of the record that begins with these four octets, as far as they say.
pub(super) fn record_length(bytes: &[u8]) -> Option<usize> {
    let length = In(bytes).u32()? as usize;
    (length <= RECORD_LIMIT).then_some(4 + length + 4)
}

/// The most octets of a record.
pub(super) const LONGEST_RECORD: u64 = 4 + RECORD_LIMIT as u64 + 4;

/// Whether these octets, which are no record, may be the beginning of one that a kill cut short.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    match In(bytes).u32() {
        None => true,
        Some(length) => length as usize <= RECORD_LIMIT && bytes.len() < 8 + length as usize,
    }
}

fn learned(out: &mut Out, learned: &Learned) {
    out.0.push(u8::from(learned.is_spam));
    for error in learned.step {
        out.f32(error);
    }
    learned.hops.write(&mut out.0);
}

fn read_learnt(input: &mut In<'_>, version: u32) -> Option<Learned> {
    let is_spam = input.take(1)?[0] == 1;
    let mut step = [0.0; FEATURE_GROUPS];
    for error in &mut step {
        *error = input.f32()?;
    }
    Some(Learned {
        is_spam,
        step,
        hops: read_hops(input, version)?,
    })
}

/// The whole state.
pub(super) fn write_weights(memory: &LearnedState, generation: u64) -> Vec<u8> {
    let mut out = Out::default();
    let weights = memory
        .weights()
        .into_iter()
        .flat_map(Weights::iter)
        .enumerate();
    let kept = weights.filter(|(_, (weight, spent))| *weight != 0.0 || *spent != 0.0);
    table(&mut out, kept.map(|(index, cell)| (index as u32, cell)));
    let shared = memory.shared();
    write_counts(&mut out, shared.counts);
    write_hop_counts(&mut out, &shared.hops);
    out.u32(shared.accounts.len() as u32);
    let mut overlays: Vec<_> = shared.accounts.iter().collect();
    overlays.sort_unstable_by_key(|(account, _)| *account);
    for (account, overlay) in overlays {
        out.text(&account.key());
        write_counts(&mut out, overlay.counts());
        write_hop_counts(&mut out, &overlay.hops());
        let mut cells = overlay.entries();
        cells.sort_unstable_by_key(|(at, _)| *at);
        table(&mut out, cells.into_iter());
    }
    let all = memory.learned().all();
    out.u64(all.len() as u64);
    // Sorted: the same state gives the same file.
    let mut entries: Vec<_> = all.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    for ((account, digest), how) in entries {
        out.text(&key_of(account.as_ref()));
        out.0.extend_from_slice(digest);
        learned(&mut out, &how.learned);
        out.u64(how.number);
    }
    drop(all);
    let sum = crc(&out.0);
    out.u32(sum);
    let mut file = write_head(generation);
    let mut packed = ZlibEncoder::new(&mut file, Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = packed.write_all(&out.0).and_then(|()| packed.try_finish());
    drop(packed);
    file
}

/// The head and the learned state.
pub(super) fn read_weights(mut file: impl Read) -> Result<(Head, LearnedState), Fault> {
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD as u64)
        .read_to_end(&mut head)
        .map_err(Fault::Io)?;
    let head = read_head(&head)?;
    // Memory is needed for what is unpacked, not for what the file claims to have.
    let mut unpacked = Vec::new();
    let mut unpacking = ZlibDecoder::new(file).take(UNPACKED_LIMIT);
    match unpacking.read_to_end(&mut unpacked) {
        Ok(_) => {}
        // A failing disk is no damage.
        Err(error) if error.raw_os_error().is_some() => return Err(Fault::Io(error)),
        Err(_) => return Err(Fault::Damaged("cannot be unpacked")),
    }
    let body = unpacked.len().checked_sub(4).ok_or(SHORT)?;
    if In(&unpacked[body..]).u32() != Some(crc(&unpacked[..body])) {
        return Err(Fault::Damaged("is damaged"));
    }
    let memory = read_all(&mut In(&unpacked[..body]), head).ok_or(SHORT)?;
    Ok((head, memory))
}

fn read_all(input: &mut In<'_>, head: Head) -> Option<LearnedState> {
    let mut weights = None;
    read_table(input, |index, weight, spent| {
        weights
            .get_or_insert_with(Weights::default)
            .set(index, weight, spent);
    })?;
    let mut shared = Shared {
        counts: read_counts(input)?,
        hops: Arc::new(read_hop_counts(input, head.version)?),
        ..Shared::default()
    };
    for _ in 0..input.u32()? {
        let owner = WeightsOwner::from_key(&input.text()?)?;
        let overlay = AccountWeights::default();
        overlay.set_counts(read_counts(input)?);
        overlay.set_hops(read_hop_counts(input, head.version)?);
        read_table(input, |index, weight, spent| {
            (&mut &overlay).change(index, |_, _| (weight, spent));
        })?;
        shared.accounts.insert(owner, Arc::new(overlay));
    }
    let mut learned = HashMap::new();
    for place in 0..input.u64()? {
        let owner = WeightsOwner::from_key(&input.text()?);
        let digest = input.take(16)?.try_into().ok()?;
        let remembered = Remembered {
            learned: read_learnt(input, head.version)?,
            number: match head.version {
                1 => place,
                _ => input.u64()?,
            },
        };
        learned.insert((owner, digest), remembered);
    }
    let generation = head.generation;
    Some(LearnedState::new(weights, shared, learned, generation))
}

/// Cells in index order: distance to the next, weight, sum of squared errors.
fn table(out: &mut Out, cells: impl Iterator<Item = (u32, (f32, f32))>) {
    let at = out.0.len();
    out.u32(0);
    let (mut count, mut before) = (0u32, 0);
    for (index, (weight, spent)) in cells {
        out.small(index - before);
        out.f32(weight);
        out.f32(spent);
        before = index;
        count += 1;
    }
    out.0[at..at + 4].copy_from_slice(&count.to_le_bytes());
}

fn read_table(input: &mut In<'_>, mut set: impl FnMut(u32, f32, f32)) -> Option<()> {
    let mut index = 0u32;
    for _ in 0..input.u32()? {
        index = index.checked_add(input.small()?)?;
        if index as usize >= WEIGHTS {
            return None;
        }
        set(index, input.f32()?, input.f32()?);
    }
    Some(())
}
