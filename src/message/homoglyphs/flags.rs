//! Regional indicators: a pair that is a country code is shown as a flag, others as letters.
//!
//! In: a word; out: whether all its regional indicators are flags. UTS 51 section 1.4.1; the codes are those of ISO
//! 3166-1.

const FIRST: char = '\u{1f1e6}';
const LAST: char = '\u{1f1ff}';

const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET EU FI \
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS \
    IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA \
    RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT \
    TV TW TZ UA UG UM UN US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// The letter that a regional indicator shows.
pub(super) fn letter(indicator: char) -> Option<char> {
    if !(FIRST..=LAST).contains(&indicator) {
        return None;
    }
    let number = u8::try_from(u32::from(indicator) - u32::from(FIRST)).ok()?;
    Some(char::from(b'a' + number))
}

/// Whether the regional indicators of a word, if there are any, are all flags.
pub(super) fn is_only(word: &str) -> bool {
    // All regional indicators begin with these octets.
    if memchr::memmem::find(word.as_bytes(), b"\xf0\x9f\x87").is_none() {
        return false;
    }
    let letters: Vec<char> = word.chars().filter_map(letter).collect();
    letters.chunks(2).all(|pair| {
        let code: String = pair.iter().map(char::to_ascii_uppercase).collect();
        COUNTRIES.split(' ').any(|country| country == code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(word: &str) -> String {
        let indicator =
            |letter: char| char::from_u32(u32::from(FIRST) + (letter as u32 - 'a' as u32));
        word.chars().filter_map(indicator).collect()
    }

    #[test]
    fn flags_are_distinguished_from_letters() {
        for (word, are_flags) in [
            ("defrit", true),
            ("us", true),
            ("viagra", false),
            ("wins", false),
            ("bank", false),
        ] {
            assert_eq!(is_only(&spelled(word)), are_flags, "{word}");
        }
        assert!(!is_only("plain"));
        assert_eq!(letter('\u{1f1e7}'), Some('b'));
    }
}
