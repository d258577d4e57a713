//! Logins that popgate makes for the client, by the exchange alone.

use popgate::pop3::LoginAnswer;
use popgate::session::exchange::{Event, LoginBy};

use crate::support::exchange::{Driven, PLAIN, driven};
use crate::support::{Settings, shown};

/// "user=ann@example.net\x01auth=Bearer x\x01\x01"
const XOAUTH2: &[u8] = b"AUTH XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5uZXQBYXV0aD1CZWFyZXIgeAEB\r\n";

/// The answer to CAPA of a server that announces nothing.
const NO_CAPA: &[u8] = b"-ERR what?\r\n";

fn preauth() -> Driven {
    let settings = Settings::new(([127, 0, 0, 1], 110).into());
    driven(&settings, LoginBy::Popgate, PLAIN)
}

/// The upstream accepts USER and PASS.
fn accepted(driven: &mut Driven) {
    for line in [&b"+OK hi\r\n"[..], NO_CAPA, b"+OK\r\n", b"+OK in\r\n"] {
        driven.upstream_sends(line);
    }
}

#[test]
fn stls_that_is_not_offered_keeps_the_name() {
    let mut driven = preauth();
    driven.client_sends(b"USER ann\r\nSTLS\r\nPASS x\r\n");
    driven.upstream_sends(b"+OK hi\r\n");
    driven.upstream_sends(NO_CAPA);
    let sent = shown(&driven.to_upstream);
    assert_eq!(
        sent,
        "CAPA\\r\\nUSER ann\\r\\n",
        "{}",
        shown(&driven.to_client)
    );
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
    driven.upstream_sends(NO_CAPA);
    driven.upstream_sends(b"421 too busy\r\n");
    let got = shown(&driven.to_client);
    assert!(got.ends_with("421 too busy\\r\\n"), "{got}");
    assert!(driven.disconnected);
    assert_eq!(driven.ended, None);
}

/// The client's next line would be the response, and the error the answer to it.
#[test]
fn a_challenge_is_not_an_answer_to_a_password() {
    for lines in [USER, b"AUTH PLAIN AGFubgB4\r\n"] {
        let mut driven = login(
            lines,
            &[
                (b"CAPA\r\n", NO_CAPA),
                (b"USER ann\r\n", b"+OK\r\n"),
                (b"PASS x\r\n", b"+ what?\r\n"),
            ],
        );
        assert!(!is_logged_in(&driven) && driven.disconnected);
        driven.client_sends(b"QUIT\r\n");
        let got = shown(&driven.to_client);
        assert!(got.ends_with("-ERR + what?\\r\\n+OK bye\\r\\n"), "{got}");
    }
}

#[test]
fn the_response_to_a_challenge_is_not_a_command_when_the_upstream_closes() {
    let mut driven = preauth();
    driven.client_sends(XOAUTH2);
    for line in [
        &b"+OK hi\r\n"[..],
        NO_CAPA,
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
    driven.upstream_sends(b"-ERR what?\n");
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

/// A login with this user name and password, whose server answers each line as told.
fn login(lines: &[u8], server: &[(&[u8], &[u8])]) -> Driven {
    let mut driven = preauth();
    driven.client_sends(lines);
    driven.upstream_sends(b"+OK hi <1896.697170952@dbc.mtview.ca.us>\r\n");
    for (asked, answer) in server {
        let got = driven.upstream_line().unwrap_or_default();
        assert_eq!(shown(&got), shown(asked), "{}", shown(&driven.to_client));
        driven.upstream_sends(answer);
    }
    assert_eq!(shown(&driven.to_upstream), "");
    driven
}

const USER: &[u8] = b"USER ann\r\nPASS x\r\n";

fn capa(lines: &str) -> Vec<u8> {
    format!("+OK\r\n{lines}.\r\n").into_bytes()
}

fn is_logged_in(driven: &Driven) -> bool {
    let accepted =
        |event: &Event| matches!(event, Event::Login { answer, .. } if answer.is_accepted());
    driven.events.iter().any(accepted)
}

/// RFC 2449 section 6: a server announces what it takes.
#[test]
fn popgate_logs_in_by_what_the_server_offers() {
    let user: &[(&[u8], &[u8])] = &[
        (b"USER ann\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK in\r\n"),
    ];
    let plain: &[(&[u8], &[u8])] = &[
        (b"AUTH PLAIN\r\n", b"+ \r\n"),
        (b"AGFubgB4\r\n", b"+OK in\r\n"),
    ];
    let login_: &[(&[u8], &[u8])] = &[
        (b"AUTH LOGIN\r\n", b"+ VXNlcm5hbWU6\r\n"),
        (b"YW5u\r\n", b"+ UGFzc3dvcmQ6\r\n"),
        (b"eA==\r\n", b"+OK in\r\n"),
    ];
    for (announced, dialogue) in [
        ("USER\r\nSASL PLAIN LOGIN\r\n", user),
        ("TOP\r\nUSER\r\n", user),
        ("SASL LOGIN PLAIN\r\n", plain),
        ("sasl plain\r\n", plain),
        ("SASL CRAM-MD5 LOGIN\r\n", login_),
    ] {
        let announced = capa(announced);
        let all = [&[(&b"CAPA\r\n"[..], &announced[..])], dialogue].concat();
        assert!(is_logged_in(&login(USER, &all)));
    }
    let mut driven = preauth();
    driven.client_sends(USER);
    driven.upstream_sends(b"+OK hi <1896.697170952@dbc.mtview.ca.us>\r\n");
    driven.to_upstream.clear();
    driven.upstream_sends(&capa("TOP\r\n"));
    let sent = shown(&driven.to_upstream);
    assert!(sent.starts_with("APOP ann ") && sent.len() == 45, "{sent}");
    driven.upstream_sends(b"+OK in\r\n");
    assert!(is_logged_in(&driven));
}

/// github.com/Mailu/Mailu/issues/1550: a server that does not know USER.
#[test]
fn auth_plain_is_tried_where_user_is_unknown() {
    let driven = login(
        USER,
        &[
            (b"CAPA\r\n", b"-ERR invalid command\r\n"),
            (b"USER ann\r\n", b"-ERR invalid command\r\n"),
            (b"AUTH PLAIN\r\n", b"+\r\n"),
            (b"AGFubgB4\r\n", b"+OK in\r\n"),
        ],
    );
    assert!(is_logged_in(&driven));
    // Only with the response in the command.
    let driven = login(
        USER,
        &[
            (b"CAPA\r\n", &capa("SASL PLAIN\r\n")),
            (b"AUTH PLAIN\r\n", b"-ERR syntax error\r\n"),
            (b"AUTH PLAIN AGFubgB4\r\n", b"+OK in\r\n"),
        ],
    );
    assert!(is_logged_in(&driven));
}

#[test]
fn a_denied_password_is_never_sent_again() {
    for server in [
        &[
            (
                &b"CAPA\r\n"[..],
                &b"+OK\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"[..],
            ),
            (b"USER ann\r\n", b"+OK\r\n"),
            (b"PASS x\r\n", b"-ERR unknown command\r\n"),
        ][..],
        &[
            (b"CAPA\r\n", b"+OK\r\nSASL PLAIN LOGIN\r\n.\r\n"),
            (b"AUTH PLAIN\r\n", b"+ \r\n"),
            (b"AGFubgB4\r\n", b"-ERR no\r\n"),
        ],
        &[
            (b"CAPA\r\n", b"-ERR\r\n"),
            (b"USER ann\r\n", b"-ERR no such mailbox\r\n"),
        ],
    ] {
        let driven = login(USER, server);
        assert!(!is_logged_in(&driven) && driven.disconnected);
        let last = server.last().unwrap().1;
        assert!(
            driven.to_client.ends_with(last),
            "{}",
            shown(&driven.to_client)
        );
    }
}

/// RFC 2595 section 4 asks servers to tolerate unknown commands; some hang up instead.
#[test]
fn a_server_that_closes_on_capa_is_connected_again_without_it() {
    for answer in [&b""[..], b"-ERR bye\r\n", b"+OK\r\nTOP"] {
        let mut driven = preauth();
        driven.client_sends(USER);
        driven.upstream_sends(b"+OK hi\r\n");
        assert_eq!(driven.upstream_line().as_deref(), Some(&b"CAPA\r\n"[..]));
        driven.upstream_sends(answer);
        driven.upstream_ends();
        driven.to_upstream.clear();
        driven.upstream_sends(b"+OK hi again\r\n");
        for (asked, says) in [
            (&b"USER ann\r\n"[..], &b"+OK\r\n"[..]),
            (b"PASS x\r\n", b"+OK in\r\n"),
        ] {
            assert_eq!(driven.upstream_line().as_deref(), Some(asked));
            driven.upstream_sends(says);
        }
        assert!(is_logged_in(&driven));
        driven.assert_octets_add_up();
    }
    // Once, and never after the password.
    let mut driven = preauth();
    driven.client_sends(USER);
    accepted(&mut driven);
    driven.upstream_ends();
    assert_eq!(driven.ended, Some(Ok("upstream_closed")));
}

#[test]
fn a_server_that_does_not_answer_capa_is_connected_again_without_it() {
    let mut driven = preauth();
    driven.client_sends(USER);
    driven.upstream_sends(b"+OK hi\r\n");
    driven.pass_time();
    driven.to_upstream.clear();
    driven.upstream_sends(b"+OK hi\r\n");
    assert_eq!(
        driven.upstream_line().as_deref(),
        Some(&b"USER ann\r\n"[..])
    );
}

/// RFC 6856 sections 2 and 3: UTF8 and LANG come before the login.
#[test]
fn utf8_and_lang_are_sent_to_a_server_that_announces_them() {
    let lines = [b"UTF8\r\nLANG de\r\n".as_slice(), USER].concat();
    let driven = login(
        &lines,
        &[
            (b"CAPA\r\n", &capa("USER\r\nUTF8\r\nLANG\r\n")),
            (b"UTF8\r\n", b"-ERR not now\r\n"),
            (b"LANG de\r\n", b"+OK de ja\r\n"),
            (b"USER ann\r\n", b"+OK\r\n"),
            (b"PASS x\r\n", b"+OK in\r\n"),
        ],
    );
    assert!(is_logged_in(&driven));
    let got = shown(&driven.to_client);
    assert!(got.contains("+OK de "), "{got}");
    let driven = login(
        &lines,
        &[
            (b"CAPA\r\n", &capa("USER\r\n")),
            (b"USER ann\r\n", b"+OK\r\n"),
            (b"PASS x\r\n", b"+OK in\r\n"),
        ],
    );
    assert!(is_logged_in(&driven));
    let mut driven = preauth();
    driven.client_sends(b"LANG de de\r\nLANG\r\nLANG d\xe9\r\n");
    let got = shown(&driven.to_client);
    assert_eq!(got.matches("-ERR").count(), 3, "{got}");
}

/// RFC 1939 section 3 names no character set: names and passwords are octets.
#[test]
fn names_and_passwords_are_octets() {
    for (name, password, user, pass) in [
        (
            &b"m\xfcller"[..],
            &b"gr\xfc\xdfe"[..],
            &b"m\xfcller"[..],
            &b"gr\xfc\xdfe"[..],
        ),
        ("müller".as_bytes(), b"x", "müller".as_bytes(), b"x"),
        (b"ann bee", b" a  b ", b"ann bee", b" a  b "),
        (b" ann ", b"", b" ann ", b""),
    ] {
        let lines = [b"USER ", name, b"\r\nPASS ", password, b"\r\n"].concat();
        let user = [b"USER ", user, b"\r\n"].concat();
        let pass = [b"PASS ", pass, b"\r\n"].concat();
        let driven = login(
            &lines,
            &[
                (b"CAPA\r\n", NO_CAPA),
                (&user, b"+OK\r\n"),
                (&pass, b"+OK in\r\n"),
            ],
        );
        assert!(is_logged_in(&driven));
    }
    // "\0m\xfcller\0\xe9"
    let driven = login(
        b"AUTH PLAIN AG38bGxlcgDp\r\n",
        &[
            (b"CAPA\r\n", &capa("SASL PLAIN\r\n")),
            (b"AUTH PLAIN\r\n", b"+ \r\n"),
            (b"AG38bGxlcgDp\r\n", b"+OK in\r\n"),
        ],
    );
    assert!(is_logged_in(&driven));
}

/// RFC 2449 section 8.1, RFC 3206: not the password's fault.
#[test]
fn a_temporary_refusal_is_not_a_denial() {
    for (answer, is_denial) in [
        (&b"-ERR [IN-USE] locked\r\n"[..], false),
        (b"-ERR [sys/temp] later\r\n", false),
        (b"-ERR maildrop already locked\r\n", false),
        (b"-ERR [AUTH] maildrop already locked\r\n", true),
        (b"-ERR\r\n", true),
    ] {
        let driven = login(
            USER,
            &[
                (b"CAPA\r\n", NO_CAPA),
                (b"USER ann\r\n", b"+OK\r\n"),
                (b"PASS x\r\n", answer),
            ],
        );
        let found = driven.events.iter().find_map(|event| match event {
            Event::Login { answer, .. } => Some(*answer == LoginAnswer::Denied),
            _ => None,
        });
        assert_eq!(found, Some(is_denial), "{}", shown(answer));
    }
}
