//! The key of a server's certificate: its digest for a pin, and whether it is strong enough.
//!
//! In: a certificate, also of a form that no authority may issue today (X.509 v1); out: its key (RFC 5280
//! section 4.1.2.7). With a pin nothing else of the certificate counts.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use tokio_rustls::rustls::{CertificateError, Error, OtherError};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::net::tls_error::UnusableKey;

/// RSA keys below this can be broken. Sizes are known to the octet.
const LEAST_RSA: usize = 2048;
/// The curves P-256 and P-384.
const CURVES: [usize; 2] = [256, 384];

/// The key in DER.
///
/// # Errors
/// If it is not a certificate.
pub(super) fn key_of(
    certificate: &CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(parsed.public_key().raw.to_vec().into())
}

/// The SHA-256 digest of a certificate's key.
///
/// # Errors
/// If it is not a certificate.
pub fn key_digest(certificate: &CertificateDer<'_>) -> Result<[u8; 32], Error> {
    let key = digest(&SHA256, &key_of(certificate)?);
    <[u8; 32]>::try_from(key.as_ref())
        .map_err(|_| Error::General("SHA-256 has 32 octets".to_owned()))
}

/// Refuses a key that cannot protect a connection, or that the TLS library cannot verify with.
pub(super) fn check_strength(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let key = key_of(certificate)?;
    let unusable = |why: String| {
        let why = OtherError(Arc::new(UnusableKey(why)));
        Err(Error::InvalidCertificate(CertificateError::Other(why)))
    };
    let Ok((_, parsed)) = SubjectPublicKeyInfo::from_der(&key) else {
        return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
    };
    match parsed.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() + 8 < LEAST_RSA => unusable(format!(
            "its key is RSA of {} bits, which is too short to be trusted; the server needs one of at least {LEAST_RSA} bits",
            rsa.key_size()
        )),
        Ok(PublicKey::EC(point)) if !CURVES.contains(&point.key_size()) => unusable(
            "its key is on a curve that popgate does not have; the server needs one on P-256 or P-384, or RSA"
                .to_owned(),
        ),
        Ok(PublicKey::DSA(_) | PublicKey::GostR3410(_) | PublicKey::GostR3410_2012(_)) => unusable(
            "its key is of an old kind; the server needs an RSA or ECDSA key".to_owned(),
        ),
        _ => Ok(()),
    }
}
