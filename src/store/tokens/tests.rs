//! A stored token needs its password, its file reveals nothing, and damage is detected.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn grant() -> Grant {
    Grant {
        refresh: Secret::new(b"1//refresh-me"),
        access: Some((
            Secret::new(b"ya29.access"),
            UNIX_EPOCH + Duration::from_secs(4_000_000_000),
        )),
    }
}

fn stored() -> (tempfile::TempDir, Tokens, Secret) {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let password = Secret::new(b"open sesame");
    let account = "Ann@example.net";
    tokens.put("office", account, &password, &grant()).unwrap();
    (folder, tokens, password)
}

#[test]
fn only_the_password_opens_a_grant() {
    let (_folder, tokens, password) = stored();
    // Names are not case-sensitive: few servers distinguish case.
    let read = tokens.read("office", "ann@EXAMPLE.net", &password).unwrap();
    assert_eq!(read.refresh.reveal(), b"1//refresh-me");
    let (access, until) = read.access.unwrap();
    assert_eq!(access.reveal(), b"ya29.access");
    assert_eq!(until, UNIX_EPOCH + Duration::from_secs(4_000_000_000));
    let wrong = tokens.read("office", "ann@example.net", &Secret::new(b"guess"));
    assert!(matches!(wrong, Err(TokensError::WrongPassword)));
    let nobody = tokens.read("office", "bob@example.net", &password);
    assert!(matches!(nobody, Err(TokensError::None)));
    assert_eq!(tokens.upstreams().unwrap(), ["office"]);
    assert!(tokens.remove("office", "ann@example.net").unwrap());
    assert!(!tokens.remove("office", "ann@example.net").unwrap());
}

#[test]
fn a_file_reveals_nothing_and_is_bound_to_its_mailbox() {
    let (_folder, tokens, password) = stored();
    let path = tokens.path("office", "ann@example.net");
    let text = fs::read_to_string(&path).unwrap();
    for word in ["ann", "refresh-me", "ya29", "sesame"] {
        assert!(!text.contains(word), "{word} is in\n{text}");
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    fs::copy(&path, tokens.path("office", "bob@example.net")).unwrap();
    let moved = tokens.read("office", "bob@example.net", &password);
    assert!(matches!(moved, Err(TokensError::WrongPassword)));
}

#[test]
fn damaged_files_are_refused() {
    let (_folder, tokens, password) = stored();
    let path = tokens.path("office", "ann@example.net");
    let whole = fs::read(&path).unwrap();
    // Each read derives a key, which is slow, so not every octet is tried.
    for at in (0..whole.len()).step_by(23) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x11;
        fs::write(&path, &damaged).unwrap();
        if let Ok(grant) = tokens.read("office", "ann@example.net", &password) {
            // White space and the upstream's name are not authenticated.
            assert_eq!(grant.refresh.reveal(), b"1//refresh-me", "at {at}");
        }
        fs::write(&path, &whole[..at]).unwrap();
        let cut = tokens.read("office", "ann@example.net", &password);
        assert!(matches!(cut, Err(TokensError::Damaged(_))), "at {at}");
    }
    let text = String::from_utf8(whole).unwrap();
    fs::write(&path, "{\"popgate_token\": 2, \"other\": true}").unwrap();
    let newer = tokens.read("office", "ann@example.net", &password);
    assert!(matches!(newer, Err(TokensError::Newer(_))));
    let greedy = text.replace("\"memory_kib\": 19456", "\"memory_kib\": 4000000000");
    fs::write(&path, greedy).unwrap();
    let greedy = tokens.read("office", "ann@example.net", &password);
    assert!(matches!(greedy, Err(TokensError::Damaged(_))));
}
