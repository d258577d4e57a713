//! A stored token needs its password, its file reveals nothing, and damage is detected.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn grant() -> Grant {
    Grant {
        kind: GrantKind::RefreshToken(Secret::new(b"1//refresh-me")),
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

fn refresh_token(tokens: &Tokens, password: &Secret) -> Result<Secret, TokensError> {
    let (grant, _) = tokens.unseal("office", "ann@example.net", password)?;
    match grant.kind {
        GrantKind::RefreshToken(token) => Ok(token),
        GrantKind::ClientCredentials => panic!("no refresh token"),
    }
}

#[test]
fn only_the_password_opens_a_grant() {
    let (_folder, tokens, password) = stored();
    // Names are not case-sensitive: few servers distinguish case.
    let (read, _) = tokens
        .unseal("office", "ann@EXAMPLE.net", &password)
        .unwrap();
    assert_eq!(
        refresh_token(&tokens, &password).unwrap().reveal(),
        b"1//refresh-me"
    );
    let (access, until) = read.access.unwrap();
    assert_eq!(access.reveal(), b"ya29.access");
    assert_eq!(until, UNIX_EPOCH + Duration::from_secs(4_000_000_000));
    let wrong = tokens.unseal("office", "ann@example.net", &Secret::new(b"guess"));
    assert!(matches!(wrong, Err(TokensError::WrongPassword)));
    let nobody = tokens.unseal("office", "bob@example.net", &password);
    assert!(matches!(nobody, Err(TokensError::None)));
    assert_eq!(tokens.list().unwrap().0, ["office"]);
    assert!(tokens.remove("office", "ann@example.net").unwrap());
    assert!(!tokens.remove("office", "ann@example.net").unwrap());
}

#[test]
fn a_file_reveals_nothing_and_is_bound_to_its_mailbox() {
    let (_folder, tokens, password) = stored();
    let (path, _) = tokens.path("office", "ann@example.net");
    let text = fs::read_to_string(&path).unwrap();
    for word in ["ann", "refresh-me", "ya29", "sesame"] {
        assert!(!text.contains(word), "{word} is in\n{text}");
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    fs::copy(&path, tokens.path("office", "bob@example.net").0).unwrap();
    let moved = tokens.unseal("office", "bob@example.net", &password);
    assert!(matches!(moved, Err(TokensError::Damaged(_))), "{moved:?}");
}

#[test]
fn damaged_files_are_refused() {
    let (_folder, tokens, password) = stored();
    let (path, _) = tokens.path("office", "ann@example.net");
    let whole = fs::read(&path).unwrap();
    // Each read derives a key, which is slow, so not every octet is tried.
    for at in (0..whole.len()).step_by(23) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x11;
        fs::write(&path, &damaged).unwrap();
        match refresh_token(&tokens, &password) {
            // White space, and a field that was renamed by the damage.
            Ok(token) => assert_eq!(token.reveal(), b"1//refresh-me", "at {at}"),
            Err(error) => assert!(matches!(error, TokensError::Damaged(_)), "{error} at {at}"),
        }
        fs::write(&path, &whole[..at]).unwrap();
        let cut = tokens.unseal("office", "ann@example.net", &password);
        assert!(matches!(cut, Err(TokensError::Damaged(_))), "at {at}");
    }
    let text = String::from_utf8(whole).unwrap();
    fs::write(&path, "{\"popgate_token\": 3, \"other\": true}").unwrap();
    let newer = tokens.unseal("office", "ann@example.net", &password);
    assert!(matches!(newer, Err(TokensError::Newer(_))));
    let greedy = text.replace("\"memory_kib\": 19456", "\"memory_kib\": 4000000000");
    fs::write(&path, greedy).unwrap();
    let greedy = tokens.unseal("office", "ann@example.net", &password);
    assert!(matches!(greedy, Err(TokensError::Damaged(_))));
}

/// Damage must not be taken for a wrong password, whatever the password.
#[test]
fn damage_is_told_from_a_wrong_password() {
    let (_folder, tokens, password) = stored();
    let (path, _) = tokens.path("office", "ann@example.net");
    let text = fs::read_to_string(&path).unwrap();
    let sealed = text.find("\"sealed\": \"").unwrap() + 12;
    let mut damaged = text.clone().into_bytes();
    damaged[sealed] = if damaged[sealed] == b'A' { b'B' } else { b'A' };
    fs::write(&path, &damaged).unwrap();
    for password in [&password, &Secret::new(b"guess")] {
        let read = tokens.unseal("office", "ann@example.net", password);
        assert!(matches!(read, Err(TokensError::Damaged(_))), "{read:?}");
    }
    // The files of the first release have no checksum.
    let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
    old.as_object_mut().unwrap().remove("checksum");
    fs::write(&path, old.to_string()).unwrap();
    assert_eq!(
        refresh_token(&tokens, &password).unwrap().reveal(),
        b"1//refresh-me"
    );
}

/// What is not a readable file is one account's problem, and is not waited for.
#[test]
fn odd_files_are_listed_and_do_not_hide_the_others() {
    let (_folder, tokens, password) = stored();
    let bob = tokens.path("office", "bob@example.net").0;
    type Make = fn(&Path);
    let odd: [(&str, Make); 4] = [
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a pipe", |path| {
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        }),
        ("a link to itself", |path| {
            std::os::unix::fs::symlink(path, path).unwrap();
        }),
        ("a large file", |path| {
            fs::write(path, vec![b' '; 70_000]).unwrap();
        }),
    ];
    for (name, make) in odd {
        make(&bob);
        let (found, unreadable) = tokens.list().unwrap();
        assert_eq!((found.len(), unreadable.len()), (1, 1), "{name}");
        assert!(unreadable[0].to_string().contains(".token: "), "{name}");
        let read = tokens.unseal("office", "bob@example.net", &password);
        assert!(
            matches!(
                read,
                Err(TokensError::Damaged(_) | TokensError::Unreadable(..))
            ),
            "{name}: {read:?}"
        );
        let _ = fs::remove_file(&bob).or_else(|_| fs::remove_dir(&bob));
    }
}

#[test]
fn a_grant_is_renewed_with_the_key_of_its_file_only() {
    let (_folder, tokens, password) = stored();
    let account = "ann@example.net";
    let (_, key) = tokens.unseal("office", account, &password).unwrap();
    let renewed = Grant::of_user(Secret::new(b"next"));
    tokens.update("office", account, &key, &renewed).unwrap();
    assert_eq!(refresh_token(&tokens, &password).unwrap().reveal(), b"next");
    assert!(tokens.reread("office", account, &key).unwrap().is_some());
    // Consent was given again, with another password: an older session must not undo that.
    let other = Secret::new(b"another");
    tokens.put("office", account, &other, &grant()).unwrap();
    assert!(tokens.reread("office", account, &key).unwrap().is_none());
    tokens.update("office", account, &key, &renewed).unwrap();
    assert_eq!(
        refresh_token(&tokens, &other).unwrap().reveal(),
        b"1//refresh-me"
    );
    // Nor must a removed one come back.
    tokens.remove("office", account).unwrap();
    let gone = tokens.update("office", account, &key, &renewed);
    assert!(matches!(gone, Err(TokensError::None)), "{gone:?}");
    assert!(tokens.list().unwrap().0.is_empty());
}

#[test]
fn client_credentials_need_the_password_too() {
    let (_folder, tokens, password) = stored();
    let application = Grant {
        kind: GrantKind::ClientCredentials,
        access: None,
    };
    tokens
        .put("office", "bob", &password, &application)
        .unwrap();
    let (read, _) = tokens.unseal("office", "bob", &password).unwrap();
    assert!(matches!(read.kind, GrantKind::ClientCredentials));
    let wrong = tokens.unseal("office", "bob", &Secret::new(b"guess"));
    assert!(matches!(wrong, Err(TokensError::WrongPassword)));
}
