//! The file of one token: a grant, encrypted with a key derived from the user's password.
//!
//! Argon2id (RFC 9106) derives the key, ChaCha20-Poly1305 (RFC 8439) seals. The salt is new with each password,
//! the nonce with each write. [`open`] derives one key whatever it is given, so that its time does not tell
//! whether there is a file.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::pop3::Secret;

/// The newest format that this release reads.
const NEWEST: u32 = 2;
/// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane. A login waits for it.
const COST: Cost = Cost(19 * 1024, 2, 1);
/// A file with higher parameters could be used for denial of service.
const MAX_COST: Cost = Cost(1 << 20, 16, 16);
/// RFC 9106 section 3.1.
const SALT: usize = 16;

/// A provider's grant.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What a new access token is asked for with.
    pub kind: GrantKind,
    /// The last access token, and when it expires.
    pub access: Option<(Secret, SystemTime)>,
}

/// What a new access token is asked for with.
#[derive(Debug, Clone)]
pub enum GrantKind {
    /// A refresh token, from the user's consent.
    RefreshToken(Secret),
    /// popgate's own permission as an application; only the password matters.
    ClientCredentials,
}

impl Grant {
    /// A user's consent, without an access token yet.
    pub fn of_user(refresh: Secret) -> Self {
        Self {
            kind: GrantKind::RefreshToken(refresh),
            access: None,
        }
    }
}

/// Why a file cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenError {
    WrongPassword,
    Newer,
    Damaged,
}

/// Memory in KiB, passes, lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost(u32, u32, u32);

/// The key of a file, derived from its password.
#[derive(Clone)]
pub struct SealKey {
    key: Zeroizing<[u8; 32]>,
    salt: Vec<u8>,
    cost: Cost,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(key)")
    }
}

impl SealKey {
    /// For a new file.
    pub(super) fn new(password: &Secret) -> Result<Self, &'static str> {
        let mut salt = vec![0; SALT];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| "no random numbers")?;
        Self::derive(password, salt, COST).ok_or("no key")
    }

    fn derive(password: &Secret, salt: Vec<u8>, cost: Cost) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
            .hash_password_into(password.reveal(), &salt, &mut *key)
            .ok()?;
        Some(Self { key, salt, cost })
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*self.key).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// Whether a file was sealed with this key, as far as can be seen from outside.
    pub(super) fn fits(&self, text: &[u8], name: &str) -> bool {
        Sealed::parse(text, name).is_ok_and(|it| it.salt == self.salt && it.cost == self.cost)
    }
}

impl Cost {
    fn params(self) -> Option<Params> {
        let Self(memory, passes, lanes) = self;
        let is_bounded = memory <= MAX_COST.0 && passes <= MAX_COST.1 && lanes <= MAX_COST.2;
        let params = Params::new(memory, passes, lanes, Some(32)).ok();
        params.filter(|_| is_bounded)
    }
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
    /// Tells damage from a wrong password; the first release did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

/// The format of a file; a later one may have other fields.
#[derive(Deserialize)]
struct FileFormat {
    popgate_token: u32,
}

#[derive(Serialize, Deserialize)]
struct Unsealed {
    /// Absent for client credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<Zeroizing<String>>,
    access: Option<Zeroizing<String>>,
    /// Seconds since 1970.
    until: u64,
}

/// The fields of a file, decoded.
struct Sealed {
    upstream: String,
    cost: Cost,
    salt: Vec<u8>,
    nonce: [u8; NONCE_LEN],
    sealed: Zeroizing<Vec<u8>>,
}

impl Sealed {
    fn parse(text: &[u8], name: &str) -> Result<Self, OpenError> {
        let damaged = |_| OpenError::Damaged;
        let format: FileFormat = serde_json::from_slice(text).map_err(damaged)?;
        if format.popgate_token > NEWEST {
            return Err(OpenError::Newer);
        }
        let file: SealedFile = serde_json::from_slice(text).map_err(damaged)?;
        let is_whole = match &file.checksum {
            Some(checksum) => *checksum == file.checksum(name),
            None => true,
        };
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| OpenError::Damaged);
        let (salt, nonce) = (bytes(&file.salt)?, bytes(&file.nonce)?);
        let cost = Cost(file.memory_kib, file.passes, file.lanes);
        let has_bounds = cost.params().is_some() && (8..=64).contains(&salt.len());
        match is_whole && has_bounds {
            true => Ok(Self {
                cost,
                salt,
                nonce: nonce.try_into().map_err(|_| OpenError::Damaged)?,
                sealed: Zeroizing::new(bytes(&file.sealed)?),
                upstream: file.upstream,
            }),
            false => Err(OpenError::Damaged),
        }
    }
}

impl SealedFile {
    /// Over everything else in the file, and its name.
    fn checksum(&self, name: &str) -> String {
        let Self {
            popgate_token,
            upstream,
            memory_kib,
            passes,
            lanes,
            salt,
            nonce,
            sealed,
            checksum: _,
        } = self;
        let text = format!(
            "{name}\n{popgate_token}\n{upstream}\n{memory_kib} {passes} {lanes}\n{salt}\n{nonce}\n{sealed}"
        );
        STANDARD.encode(digest(&SHA256, text.as_bytes()))
    }
}

/// The text of a file with this name. `bound_to` is authenticated with it, so that it cannot be used for another
/// user.
pub(super) fn seal(
    grant: &Grant,
    key: &SealKey,
    upstream: &str,
    bound_to: &str,
    name: &str,
) -> Result<Vec<u8>, &'static str> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| "no random numbers")?;
    let cipher = key.cipher().ok_or("no key")?;
    let unsealed = serde_json::to_vec(&unsealed(grant)).map_err(|_| "cannot be written")?;
    let mut sealed = Zeroizing::new(unsealed);
    cipher
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound_to.as_bytes()),
            &mut *sealed,
        )
        .map_err(|_| "cannot be sealed")?;
    let mut file = SealedFile {
        popgate_token: match grant.kind {
            GrantKind::RefreshToken(_) => 1,
            GrantKind::ClientCredentials => 2,
        },
        upstream: upstream.to_owned(),
        memory_kib: key.cost.0,
        passes: key.cost.1,
        lanes: key.cost.2,
        salt: STANDARD.encode(&key.salt),
        nonce: STANDARD.encode(nonce),
        sealed: STANDARD.encode(&*sealed),
        checksum: None,
    };
    file.checksum = Some(file.checksum(name));
    serde_json::to_vec_pretty(&file).map_err(|_| "cannot be written")
}

/// What [`seal`] sealed, and the key to seal it again; without a text, the same work for nothing.
pub(super) fn open(
    text: Option<&[u8]>,
    password: &Secret,
    bound_to: &str,
    name: &str,
) -> Result<(Grant, SealKey), OpenError> {
    let sealed = text
        .ok_or(OpenError::Damaged)
        .and_then(|text| Sealed::parse(text, name));
    let (salt, cost) = match &sealed {
        Ok(sealed) => (sealed.salt.clone(), sealed.cost),
        Err(_) => (vec![0; SALT], COST),
    };
    let key = SealKey::derive(password, salt, cost).ok_or(OpenError::Damaged)?;
    let grant = decrypt(sealed?, &key, bound_to)?;
    Ok((grant, key))
}

/// Opens a file again that this key fits.
pub(super) fn reopen(
    text: &[u8],
    key: &SealKey,
    bound_to: &str,
    name: &str,
) -> Result<Grant, OpenError> {
    decrypt(Sealed::parse(text, name)?, key, bound_to)
}

fn decrypt(mut file: Sealed, key: &SealKey, bound_to: &str) -> Result<Grant, OpenError> {
    let cipher = key.cipher().ok_or(OpenError::Damaged)?;
    let unsealed = cipher
        .open_in_place(
            Nonce::assume_unique_for_key(file.nonce),
            Aad::from(bound_to.as_bytes()),
            &mut file.sealed,
        )
        // Without a checksum damage looks the same, but a wrong password is more likely.
        .map_err(|_| OpenError::WrongPassword)?;
    let unsealed: Unsealed = serde_json::from_slice(unsealed).map_err(|_| OpenError::Damaged)?;
    let until = UNIX_EPOCH.checked_add(Duration::from_secs(unsealed.until));
    let access = unsealed.access.zip(until);
    Ok(Grant {
        kind: match unsealed.refresh {
            Some(token) => GrantKind::RefreshToken(Secret::new(token.as_bytes())),
            None => GrantKind::ClientCredentials,
        },
        access: access.map(|(token, until)| (Secret::new(token.as_bytes()), until)),
    })
}

/// The upstream that a file is for.
pub(super) fn upstream_of(text: &[u8], name: &str) -> Result<String, OpenError> {
    Sealed::parse(text, name).map(|sealed| sealed.upstream)
}

fn unsealed(grant: &Grant) -> Unsealed {
    let text = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.reveal()).into_owned();
        Zeroizing::new(text)
    };
    let until = grant.access.as_ref().map(|(_, until)| *until);
    let until = until.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    Unsealed {
        refresh: match &grant.kind {
            GrantKind::RefreshToken(token) => Some(text(token)),
            GrantKind::ClientCredentials => None,
        },
        access: grant.access.as_ref().map(|(token, _)| text(token)),
        until: until.map_or(0, |it| it.as_secs()),
    }
}
