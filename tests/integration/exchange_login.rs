//! Logins that popgate makes for the client, by the exchange alone.

use popgate::session::exchange::LoginBy;

use crate::support::exchange::{Driven, PLAIN};
use crate::support::{Settings, shown};

/// "user=ann@example.net\x01auth=Bearer x\x01\x01"
const XOAUTH2: &[u8] = b"AUTH XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5uZXQBYXV0aD1CZWFyZXIgeAEB\r\n";

fn preauth() -> Driven {
    let settings = Settings::new(([127, 0, 0, 1], 110).into());
    Driven::new(&settings, LoginBy::Popgate, PLAIN)
}

/// The upstream accepts USER and PASS.
fn accepted(driven: &mut Driven) {
    for line in [&b"+OK hi\r\n"[..], b"+OK\r\n", b"+OK in\r\n"] {
        driven.upstream_sends(line);
    }
}

#[test]
fn stls_that_is_not_offered_keeps_the_name() {
    let mut driven = preauth();
    driven.client_sends(b"USER ann\r\nSTLS\r\nPASS x\r\n");
    driven.upstream_sends(b"+OK hi\r\n");
    let sent = shown(&driven.to_upstream);
    assert_eq!(sent, "USER ann\\r\\n", "{}", shown(&driven.to_client));
}

#[test]
fn a_name_that_is_too_long_replaces_the_name_before_it() {
    let mut driven = preauth();
    let long = [b"USER ", "x".repeat(600).as_bytes(), b"\r\n"].concat();
    driven.client_sends(&[b"USER ann\r\n", &long[..], b"PASS x\r\n"].concat());
    let got = shown(&driven.to_client);
    assert!(got.ends_with("-ERR USER comes first\\r\\n"), "{got}");
}

#[test]
fn rejected_commands_before_the_login_do_not_count_after_it() {
    let mut driven = preauth();
    driven.client_sends(&b"XBOGUS\r\n".repeat(19));
    driven.client_sends(b"USER ann\r\nPASS x\r\n");
    accepted(&mut driven);
    driven.client_sends(b"RETR x\r\n");
    assert_eq!(driven.ended, None);
}

#[test]
fn whatever_the_upstream_says_to_a_login_reaches_the_client() {
    let mut driven = preauth();
    driven.client_sends(b"USER ann\r\nPASS x\r\n");
    driven.upstream_sends(b"+OK hi\r\n");
    driven.upstream_sends(b"421 too busy\r\n");
    let got = shown(&driven.to_client);
    assert!(got.ends_with("421 too busy\\r\\n"), "{got}");
    assert!(driven.disconnected);
    assert_eq!(driven.ended, None);
}

#[test]
fn the_response_to_a_challenge_is_no_command_when_the_upstream_closes() {
    let mut driven = preauth();
    driven.client_sends(XOAUTH2);
    for line in [
        &b"+OK hi\r\n"[..],
        b"+ \r\n",
        b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n",
    ] {
        driven.upstream_sends(line);
    }
    driven.upstream_sends(b"-ERR [AUTH] timed out\r\n");
    driven.upstream_ends();
    driven.client_sends(b"\r\nQUIT\r\n");
    let got = shown(&driven.to_client);
    assert!(
        got.ends_with("-ERR [AUTH] timed out\\r\\n+OK bye\\r\\n"),
        "{got}"
    );
}

#[test]
fn a_client_that_half_closes_after_its_pipelined_login_is_served() {
    let mut driven = preauth();
    driven.client_sends(b"AUTH PLAIN\r\nAGFubgBzZWNyZXQ=\r\nSTAT\r\nQUIT\r\n");
    driven.client_ends();
    accepted(&mut driven);
    driven.upstream_sends(b"+OK 0 0\r\n");
    driven.upstream_sends(b"+OK bye\r\n");
    assert_eq!(driven.ended, Some(Ok("quit")));
    driven.assert_octets_add_up();
}

#[test]
fn octets_of_a_denied_and_an_accepted_login_add_up() {
    let mut driven = preauth();
    driven.client_sends(b"CAPA\r\nUSER ann\r\nPASS x\r\nUSER bob\r\nPASS y\r\nSTAT\r\nQUIT\r\n");
    driven.upstream_sends(b"+OK hi\n");
    driven.upstream_sends(b"+OK\n");
    driven.upstream_sends(b"-ERR no\nrest without end");
    accepted(&mut driven);
    driven.upstream_sends(b"unsolicited\r\n+OK 0 0\r\n");
    driven.upstream_sends(b"+OK bye\r\n");
    assert_eq!(
        driven.ended,
        Some(Ok("quit")),
        "{}",
        shown(&driven.to_client)
    );
    driven.assert_octets_add_up();
}
