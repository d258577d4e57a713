//! Labels, byte order marks and pages in every charset that mail uses.

use super::*;

#[test]
fn labelled_text_is_decoded() {
    let table: &[(&str, &[u8], &str)] = &[
        ("koi8-r", b"\xf0\xf2\xe9\xf7\xe5\xf4", "ПРИВЕТ"),
        ("KOI8R", b"\xf0\xf2\xe9\xf7\xe5\xf4", "ПРИВЕТ"),
        ("shift_jis", b"\x82\xa0", "あ"),
        ("cp932", b"\x82\xa0", "あ"),
        ("gb2312", b"\xc4\xe3\xba\xc3", "你好"),
        ("iso-2022-jp", b"\x1b$B$\"\x1b(B", "あ"),
        ("csISO2022JP", b"Via\x1b(Bg\x1b(B\x1b(Jra", "Viagra"),
        ("iso-2022-jp-2", b"\x1b$A\x44\x63\x1b(B!", "你!"),
        ("iso-2022-jp", b"\x1b(I1\x1b(B", "ｱ"),
        ("iso-2022-kr", b"\x1b$)C\x0eGQ1[\x0f ok", "한글 ok"),
        ("iso-2022-cn", b"\x1b$)A\x0eDc:C\x0f ok", "你好 ok"),
        ("iso-2022-cn", b"\x1b$)G\x0eDc\x0f ok", "\u{fffd} ok"),
        (
            "hz-gb-2312",
            b"~{Dc:C~} a~~b ~\njoined ~user",
            "你好 a~b joined ~user",
        ),
        ("hz", b"Buy Viagra", "Buy Viagra"),
        ("iso-2022-xx", b"caf\xe9 Viagra", "café Viagra"),
        ("utf-7", b"+AOk- 1+-1 +ZeVnLIqe", "é 1+1 日本語"),
        ("unicode-1-1-utf-7", b"V+AGk-agra", "Viagra"),
        ("UTF-16", b"V\0i\0", "Vi"),
        ("utf-16", b"\0V\0i", "Vi"),
        ("utf-16", b"Viagra", "Viagra"),
        ("utf-32", b"\0\0\0V\0\0\0i", "Vi"),
        ("utf-32le", b"V\0\0\0i\0\0\0", "Vi"),
        ("us-ascii", "größe".as_bytes(), "größe"),
        ("us-ascii", b"gr\xf6\xdfe", "größe"),
        ("utf8mb4", "größe".as_bytes(), "größe"),
        ("\"utf-8\"*de", "größe".as_bytes(), "größe"),
        ("latin-1", b"\x80", "€"),
        ("windows1251", b"\xcf\xf0\xe8", "При"),
        ("cp-1251", b"\xcf\xf0\xe8", "При"),
        ("cp850", b"\x81", "ü"),
        ("utf-8", b"a\xffb", "a\u{fffd}b"),
        ("no-such", b"caf\xe9", "café"),
        ("replacement", b"Viagra", "Viagra"),
        ("utf-8", b"V\xc2\x80iagra\xc2\xa0x", "Viagra\u{a0}x"),
        ("utf-8", b"V\0ia\x01gr\x7fa\tnow", "Viagra\tnow"),
    ];
    for (label, bytes, expected) in table {
        let shown = bytes.escape_ascii();
        assert_eq!(&*decode(Some(label), bytes), *expected, "{label} {shown}");
    }
}

#[test]
fn byte_order_marks_outrank_labels_and_other_text_is_detected() {
    let table: &[(&[u8], &str)] = &[
        (b"\xff\xfeV\0i\0", "Vi"),
        (b"\xfe\xff\0V\0i", "Vi"),
        (b"\xef\xbb\xbfgr\xc3\xb6\xc3\x9fe", "größe"),
        (b"\xff\xfe\0\0V\0\0\0", "V"),
    ];
    for (bytes, expected) in table {
        assert_eq!(&*decode(Some("windows-1251"), bytes), *expected);
    }
    let russian = encoding_rs::WINDOWS_1251
        .encode("Привет, как дела? Приходи завтра")
        .0;
    let table: &[(&[u8], &str)] = &[
        ("größe".as_bytes(), "größe"),
        (b"gr\xf6\xdfe", "größe"),
        (b"\x1b$B$\"\x1b(B now", "あ now"),
        (b"V\0i\0a\0g\0", "Viag"),
        (&russian, "Привет, как дела? Приходи завтра"),
        (b"Viagra", "Viagra"),
        (b"", ""),
    ];
    for (bytes, expected) in table {
        assert_eq!(&*decode(None, bytes), *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn every_label_of_the_standard_is_known() {
    // One label for each encoding of the standard that decodes anything.
    let labels = "utf-8 866 latin2 iso-8859-3 iso-8859-4 cyrillic arabic greek hebrew logical \
        iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi koi8-u mac dos-874 \
        x-cp1250 x-cp1251 ascii x-cp1253 latin5 x-cp1255 x-cp1256 x-cp1257 x-cp1258 \
        x-mac-cyrillic chinese gb18030 big5-hkscs x-euc-jp csiso2022jp x-sjis korean utf-16be \
        utf-16 x-user-defined iso-2022-kr iso-2022-cn-ext hz-gb-2312";
    for label in labels.split_ascii_whitespace() {
        assert!(is_known(label), "{label}");
    }
    for label in ["", "no-such", "utf", "iso-8859-99", "windows-9"] {
        assert!(!is_known(label), "{label}");
    }
}

#[test]
fn pages_name_their_charset() {
    let table = [
        (Some("gb2312"), "<html><META charset=gb2312>"),
        (
            Some("iso-2022-jp"),
            "<meta http-equiv='Content-Type' content='text/html; charset=iso-2022-jp'>",
        ),
        (Some("utf-8"), "<meta charset=\"utf-16\">"),
        (
            Some("koi8-r"),
            "<?xml version='1.0' encoding='koi8-r'?><svg>",
        ),
        (
            Some("big5"),
            "<meta charset='none such'><meta charset = big5 />",
        ),
        (None, "<p>charset=big5</p><meta name=x content=y>"),
    ];
    for (expected, page) in table {
        assert_eq!(named_in_page(page.as_bytes()), expected, "{page}");
    }
}

#[test]
fn control_characters_are_found_as_one_by_one() {
    for octet in 0..=u8::MAX {
        for length in [1, 63, 64, 65, 130] {
            let mut octets = vec![b'a'; length];
            octets[length - 1] = octet;
            assert_eq!(Octets::control_in(&octets), is_control(octet), "{octet}");
        }
    }
}
