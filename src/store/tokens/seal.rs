//! The file of one token: a grant, encrypted with a key derived from the user's password.
//!
//! Argon2id (RFC 9106) derives the key, ChaCha20-Poly1305 (RFC 8439) seals; salt and nonce are new with
//! each write.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::pop3::Secret;

/// The format that this release writes.
const FORMAT: u32 = 1;
/// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane. A login waits for it.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// A file with higher parameters could be used for denial of service.
const MAX_COST: (u32, u32, u32) = (1 << 20, 16, 16);
/// RFC 9106 section 3.1.
const SALT: usize = 16;

/// A provider's grant.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The refresh token.
    pub refresh: Secret,
    /// The last access token, and when it expires.
    pub access: Option<(Secret, SystemTime)>,
}

/// Why a file cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenError {
    WrongPassword,
    Newer,
    Damaged,
}

#[derive(Serialize, Deserialize)]
struct SealedFile {
    popgate_token: u32,
    upstream: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// The format of a file; a later one may have other fields.
#[derive(Deserialize)]
struct FileFormat {
    popgate_token: u32,
}

#[derive(Serialize, Deserialize)]
struct Unsealed {
    refresh: Zeroizing<String>,
    access: Option<Zeroizing<String>>,
    /// Seconds since 1970.
    until: u64,
}

/// The file's text. `bound_to` is authenticated with it, so that it cannot be used for another user.
pub(super) fn seal(
    grant: &Grant,
    password: &Secret,
    upstream: &str,
    bound_to: &str,
) -> Result<Vec<u8>, &'static str> {
    let random = SystemRandom::new();
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE_LEN]);
    for bytes in [&mut salt[..], &mut nonce[..]] {
        random.fill(bytes).map_err(|_| "no random numbers")?;
    }
    let key = key(password, &salt, COST).ok_or("no key")?;
    let unsealed = serde_json::to_vec(&unsealed(grant)).map_err(|_| "cannot be written")?;
    let mut sealed = Zeroizing::new(unsealed);
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(bound_to.as_bytes()),
        &mut *sealed,
    )
    .map_err(|_| "cannot be sealed")?;
    let file = SealedFile {
        popgate_token: FORMAT,
        upstream: upstream.to_owned(),
        memory_kib: COST.0,
        passes: COST.1,
        lanes: COST.2,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce),
        sealed: STANDARD.encode(&*sealed),
    };
    serde_json::to_vec_pretty(&file).map_err(|_| "cannot be written")
}

/// What [`seal`] sealed.
pub(super) fn open(text: &[u8], password: &Secret, bound_to: &str) -> Result<Grant, OpenError> {
    let damaged = |_| OpenError::Damaged;
    let format: FileFormat = serde_json::from_slice(text).map_err(damaged)?;
    if format.popgate_token > FORMAT {
        return Err(OpenError::Newer);
    }
    let file: SealedFile = serde_json::from_slice(text).map_err(damaged)?;
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| OpenError::Damaged);
    let (salt, nonce) = (bytes(&file.salt)?, bytes(&file.nonce)?);
    let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| OpenError::Damaged)?;
    let cost = (file.memory_kib, file.passes, file.lanes);
    let key = key(password, &salt, cost).ok_or(OpenError::Damaged)?;
    let mut sealed = Zeroizing::new(bytes(&file.sealed)?);
    let unsealed = key
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound_to.as_bytes()),
            &mut sealed,
        )
        // Damage looks the same, but a wrong password is more likely.
        .map_err(|_| OpenError::WrongPassword)?;
    let unsealed: Unsealed = serde_json::from_slice(unsealed).map_err(damaged)?;
    let until = UNIX_EPOCH.checked_add(Duration::from_secs(unsealed.until));
    let access = unsealed.access.zip(until);
    Ok(Grant {
        refresh: Secret::new(unsealed.refresh.as_bytes()),
        access: access.map(|(token, until)| (Secret::new(token.as_bytes()), until)),
    })
}

/// The upstream that a file is for; `None` if it is damaged.
pub(super) fn upstream_of(text: &[u8]) -> Option<String> {
    let file: SealedFile = serde_json::from_slice(text).ok()?;
    Some(file.upstream)
}

fn unsealed(grant: &Grant) -> Unsealed {
    let text = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.reveal()).into_owned();
        Zeroizing::new(text)
    };
    let until = grant.access.as_ref().map(|(_, until)| *until);
    let until = until.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    Unsealed {
        refresh: text(&grant.refresh),
        access: grant.access.as_ref().map(|(token, _)| text(token)),
        until: until.map_or(0, |it| it.as_secs()),
    }
}

fn key(password: &Secret, salt: &[u8], cost: (u32, u32, u32)) -> Option<LessSafeKey> {
    let (memory, passes, lanes) = cost;
    if memory > MAX_COST.0 || passes > MAX_COST.1 || lanes > MAX_COST.2 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let params = Params::new(memory, passes, lanes, Some(bytes.len())).ok()?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.reveal(), salt, &mut *bytes)
        .ok()?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*bytes).ok()?;
    Some(LessSafeKey::new(key))
}
