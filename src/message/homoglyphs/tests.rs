//! Disguised words, and ordinary ones of many languages.

use super::*;

#[test]
fn disguised_words_are_read_as_intended() {
    for (text, read) in [
        ("your Pаypаl account", "paypal"),
        ("𝗣𝗮𝘆𝗣𝗮𝗹", "paypal"),
        ("ＰａｙＰａｌ", "paypal"),
        ("PayPaI", "paypal"),
        ("Iedger", "ledger"),
        ("paypa1!", "paypal"),
        ("Micr0s0ft,", "microsoft"),
        ("P a y p a l now", "paypal"),
        ("P.a.y.p.a.l", "paypal"),
        ("Aܿmܿaܿzܿoܿn", "amazon"),
        ("Аpрle ІD card", "apple id"),
        ("ɴᴏ ᴠɪᴀɢʀᴀ", "no viagra"),
        ("V̶i̶a̶g̶r̶a̶", "viagra"),
        ("ⓃⓞⓌ", "now"),
        ("ꓦꓲꓮꓖꓣꓮ", "vlagra"),
    ] {
        assert_eq!(words(text), [read], "{text}");
    }
}

#[test]
fn a_text_is_read_with_plain_words_in_place_of_disguised_ones() {
    for (text, read) in [
        ("Buy ᴠɪᴀɢʀᴀ ᴛᴏ save", "Buy viagra to save"),
        ("Bᴜy ɑ pɪll", "buy a pill"),
        ("Bᵘʸ ᵗʰᵉ ᵖⁱˡˡ", "buy the pill"),
        ("асе of Сlick hеrе", "ace of click here"),
        ("the 𝐛𝐞𝐬𝐭 𝐯𝟐", "the best v2"),
        ("Ｏｒｄｅｒ now", "order now"),
        ("Vi\u{301}\u{301}\u{301}agra now", "viagra now"),
        (
            "Verıfy your bankıng lımıts vıa thıs lınk",
            "verify your banking limits via this link",
        ),
        ("oﬃce", "office"),
        ("Cafe\u{301} du the\u{301}", "Café du thé"),
        ("Ｅ－ｍａｉｌ：東京 ＴＥＬ", "e－mail：東京 tel"),
    ] {
        assert_eq!(plain(text).as_deref(), Some(read), "{text}");
    }
}

/// No language has an accent in every word.
#[test]
fn stray_accents_are_removed_from_words() {
    let text = "Büy thé píll añd øther mediçines whát ćheap pricés tóday frięnd ".repeat(2);
    let read = "buy the pill and other medicines what cheap prices today friend ".repeat(2);
    assert_eq!(plain(&text), Some(read));
    assert_eq!(Letters::of(&text).0.mixed_words, 22);
    assert_eq!(plain("Büy thé píll añd øther"), None);
    let below = "Vịạgṛạ wịṭḥọụṭ pṛẹṣcṛịpṭịọṇ";
    assert_eq!(plain(below).as_deref(), Some("viagra without prescription"));
    let all = "Víágrá wíthóút ṕŕéśćŕíṕtíóń";
    assert_eq!(plain(all).as_deref(), Some("viagra without prescription"));
}

#[test]
fn ordinary_words_of_other_languages_are_not_changed() {
    for text in [
        "Größe café naïve Đặng",
        "Привет, как дела",
        "Ελληνικά γράμματα",
        "日本語 テキスト",
        "In It Is IBM III A 3 2024 10:30 v2.0.1 http://x.example/a1",
        "हिन्दी शब्द",
        "a b c",
        "Рост, Москва и Cмета",
        "Meeting in Москва",
        "α-helix, β-sheet, 5 μm, Δt, TNFα and NFκB",
        "Işık ılık ırmağı",
        "Garden Wiki kayıtlı e-posta adresi kaldırıldı",
        "iwakken ad beddeleḍ iɣewwaren n talɣut deg tirawt n yiseɣwan",
        "Хъуамæ системæмæ бацæуай æмæ дæ пароль фæивай",
        "Cuộc họp tuần sau sẽ bắt đầu lúc 9 giờ sáng thứ Hai",
        "[ÁÖ¸»Æ¯°¡] ÀÏº»Á¤Ç° ÈÄ²öÈÄ²ö Ç Ðàññûëêà: Óâåäîìëåíèå ó÷àñòíèêîâ",
        "1ª e 2ª, Nº 5, Mᵐᵉ, XXᵉ, 5ℓ, Dʳ",
        "/ˈɪŋɡlɪʃ/ in IPA",
        "Děkujeme za vaši objednávku, zboží vám doručíme příští týden",
        "Árvíztűrő tükörfúrógép és egy hosszabb mondat",
        "Gbogbo ènìyàn ni a bí ní òmìnira",
        "👨\u{200d}👩\u{200d}👧 🇩🇪🇫🇷 ❤\u{fe0f} ™ © № ½",
    ] {
        assert_eq!(words(text), [""; 0], "{text}");
        assert_eq!(plain(text), None, "{text}");
    }
}

/// One odd word among many means nothing; on its own it counts.
#[test]
fn disguised_words_count_by_their_share() {
    let filler = "plain words of a newsletter in a row ".repeat(20);
    for (text, mixed, styled) in [
        ("Your раypаl page".to_owned(), 1, 0),
        (format!("{filler} Cмall {filler}"), 0, 0),
        (format!("{filler} {}", "аccount ".repeat(9)), 9, 0),
        ("Привет, Anna".to_owned(), 0, 0),
        ("お見積り ＴＥＬ：０３ ＦＡＸ Ｅ－ｍａｉｌ".to_owned(), 0, 0),
        ("ＯＲＤＥＲ now".to_owned(), 0, 5),
        ("Let 𝑥 be a number".to_owned(), 0, 0),
        ("ᴏʀᴅᴇʀ now".to_owned(), 0, 5),
    ] {
        let (letters, _) = Letters::of(&text);
        assert_eq!(
            (letters.mixed_words, letters.styled_letters),
            (mixed, styled),
            "{text}"
        );
    }
}

#[test]
fn composed_and_decomposed_text_read_alike() {
    use unicode_normalization::UnicodeNormalization;
    let text = "Cuộc họp tuần sau sẽ bắt đầu; Größe, naïve, Ångström";
    let decomposed: String = text.nfd().collect();
    assert_eq!(plain(&decomposed).as_deref(), Some(text));
    assert_eq!(Letters::of(&decomposed).0, Letters::default());
}

#[test]
fn words_disguised_with_ascii_are_found_as_one_by_one() {
    const PIECES: [&str; 28] = [
        " ",
        " ",
        " ",
        " ",
        " ",
        "  ",
        "a",
        "I",
        "1",
        "word",
        "Iedger",
        "PayPaI",
        "Micr0s0ft",
        "paypa1!",
        "P.a.y.p.a.l",
        "x y z",
        " q ",
        "2024-01",
        "!",
        "|",
        "@",
        ".",
        "-",
        "...",
        "It",
        "Internet",
        "\u{e9}",
        "p\u{430}y1",
    ];
    let mut random = fastrand::Rng::with_seed(8);
    let mut measured = 0;
    for number in 0..50_000 {
        let pieces = if number % 100 == 0 { 900 } else { 40 };
        let text: String = (0..random.usize(..pieces))
            .map(|_| PIECES[random.usize(..PIECES.len())])
            .collect();
        if let Some(found) = ascii_words_without_row(&text) {
            measured += usize::from(!found.is_empty());
            assert_eq!(found, ascii_words_one_by_one(&text), "{text:?}");
        }
    }
    assert!(measured > 1_000, "{measured}");
    let many = "paypa1 word ".repeat(2 * FOUND_LIMIT);
    let found = ascii_words_without_row(&many).unwrap();
    assert_eq!(found, ascii_words_one_by_one(&many));
    assert_eq!(found.len(), FOUND_LIMIT);
}
