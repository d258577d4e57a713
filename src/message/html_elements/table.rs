//! The traits of all elements known by name.
//!
//! In: a name; out: what the HTML standard says of its element. It knows no styles.

use super::name::Name;
use super::traits::{
    BLOCK, BUTTON, CELL, CODE, ENDS_FOREIGN, FALLBACK, FOREIGN_BLOCK, FOREIGN_NOT_DISPLAYED,
    FORMATTING, Flags, HEAD, HEAD_CELL, HTML_CODE, INTEGRATION_POINT, ITEM, Kinds, LI, LIST,
    MARKER, NOT_DISPLAYED, OPTION, P, PARAGRAPH, RAW_TEXT, ROW, SCOPE, SELECT, SPECIAL, TABLE,
    TABLE_PART, Traits, UNKNOWN, VOID,
};

/// The traits of the element with this name.
pub(super) fn traits_of(name: Name) -> &'static Traits {
    let mut place = name.hash(BITS);
    loop {
        match usize::from(PLACES[place]) {
            0 => return &Traits::NONE,
            number if NAMES[number - 1] == name => return &TRAITS[number - 1],
            _ => place = (place + 1) % PLACES.len(),
        }
    }
}

/// Bits of a name's hash: at most half of the places are taken.
const BITS: u32 = 9;
const _: () = assert!(ELEMENTS.len() < 1 << (BITS - 1));

/// By hash of a name: the number of its element, counted from 1; it is there, or further on before the next 0.
static PLACES: [u8; 1 << BITS] = {
    let mut places = [0; 1 << BITS];
    let mut at = 0;
    while at < ELEMENTS.len() {
        let mut place = NAMES[at].hash(BITS);
        while places[place] != 0 {
            place = (place + 1) % places.len();
        }
        at += 1;
        places[place] = at as u8;
    }
    places
};

const NAMES: [Name; ELEMENTS.len()] = {
    let mut names = [Name::A; ELEMENTS.len()];
    let mut at = 0;
    while at < ELEMENTS.len() {
        names[at] = Name::of(ELEMENTS[at].0.as_bytes());
        at += 1;
    }
    names
};

static TRAITS: [Traits; ELEMENTS.len()] = {
    let mut traits = [const { Traits::NONE }; ELEMENTS.len()];
    let (mut at, mut special) = (0, 1);
    while at < ELEMENTS.len() {
        let (_, flags, kind, closes) = ELEMENTS[at];
        traits[at].flags = flags;
        traits[at].kind = kind;
        traits[at].closes = closes;
        if flags & SPECIAL != 0 {
            traits[at].special = special;
            special <<= 1;
        }
        at += 1;
    }
    traits
};

/// Name, traits, kind, and the kinds that its start tag closes; sorted by name.
const ELEMENTS: &[(&str, Flags, Kinds, Kinds)] = &[
    ("a", FORMATTING, 0, 0),
    ("abbr", 0, 0, 0),
    ("acronym", 0, 0, 0),
    ("address", BLOCK | SPECIAL, 0, P),
    ("annotation", FOREIGN_NOT_DISPLAYED | UNKNOWN, 0, 0),
    ("annotation-xml", INTEGRATION_POINT, 0, 0),
    ("applet", SPECIAL | MARKER, 0, 0),
    ("area", VOID, 0, 0),
    ("article", BLOCK | SPECIAL, 0, P),
    ("aside", BLOCK | SPECIAL, 0, P),
    ("audio", FALLBACK, 0, 0),
    ("b", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("base", VOID | HEAD, 0, 0),
    ("basefont", VOID, 0, 0),
    ("bdi", 0, 0, 0),
    ("bdo", 0, 0, 0),
    ("bgsound", VOID, 0, 0),
    ("big", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("blink", 0, 0, 0),
    (
        "blockquote",
        BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN,
        0,
        P,
    ),
    ("body", SPECIAL | ENDS_FOREIGN, 0, 0),
    ("br", BLOCK | VOID | ENDS_FOREIGN, 0, 0),
    ("button", BLOCK | SPECIAL, BUTTON, 0),
    ("canvas", FALLBACK, 0, 0),
    ("caption", BLOCK | SPECIAL | MARKER | TABLE_PART, 0, 0),
    ("center", BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN, 0, P),
    ("circle", 0, 0, 0),
    ("cite", 0, 0, 0),
    ("clippath", FOREIGN_NOT_DISPLAYED, 0, 0),
    ("code", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("col", BLOCK | VOID | TABLE_PART, 0, 0),
    ("colgroup", BLOCK | SPECIAL | TABLE_PART, 0, 0),
    ("data", 0, 0, 0),
    ("datalist", HTML_CODE, 0, 0),
    ("dd", BLOCK | SPECIAL | ENDS_FOREIGN, ITEM, ITEM | P),
    ("defs", FOREIGN_NOT_DISPLAYED, 0, 0),
    ("del", 0, 0, 0),
    (
        "desc",
        INTEGRATION_POINT | FOREIGN_NOT_DISPLAYED | UNKNOWN,
        0,
        0,
    ),
    ("details", BLOCK | SPECIAL, 0, P),
    ("dfn", 0, 0, 0),
    ("dialog", BLOCK, 0, P),
    ("dir", BLOCK | SPECIAL, 0, P),
    ("div", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("dl", BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN, LIST, P),
    ("dt", BLOCK | SPECIAL | ENDS_FOREIGN, ITEM, ITEM | P),
    ("ellipse", 0, 0, 0),
    ("em", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("embed", VOID | ENDS_FOREIGN, 0, 0),
    ("fieldset", BLOCK | SPECIAL, 0, P),
    ("figcaption", BLOCK | SPECIAL, 0, P),
    ("figure", BLOCK | SPECIAL, 0, P),
    ("font", FORMATTING, 0, 0),
    ("footer", BLOCK | SPECIAL, 0, P),
    ("foreignobject", INTEGRATION_POINT | UNKNOWN, 0, 0),
    ("form", BLOCK | SPECIAL, 0, P),
    ("frame", VOID, 0, 0),
    ("frameset", SPECIAL, 0, 0),
    ("g", 0, 0, 0),
    ("h1", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("h2", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("h3", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("h4", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("h5", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("h6", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("head", SPECIAL | ENDS_FOREIGN | HEAD, 0, 0),
    ("header", BLOCK | SPECIAL, 0, P),
    ("hgroup", BLOCK | SPECIAL, 0, P),
    ("hr", BLOCK | VOID | PARAGRAPH | ENDS_FOREIGN, 0, P),
    ("html", SPECIAL | SCOPE | HEAD, 0, 0),
    ("i", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("iframe", BLOCK | SPECIAL | HTML_CODE | RAW_TEXT, 0, 0),
    ("img", VOID | ENDS_FOREIGN, 0, 0),
    ("input", BLOCK | VOID, 0, 0),
    ("ins", 0, 0, 0),
    ("isindex", 0, 0, 0),
    ("kbd", 0, 0, 0),
    ("keygen", VOID, 0, 0),
    ("label", 0, 0, 0),
    ("legend", BLOCK, 0, 0),
    ("li", BLOCK | SPECIAL | ENDS_FOREIGN, LI, LI | P),
    ("line", 0, 0, 0),
    ("lineargradient", 0, 0, 0),
    ("link", VOID | HEAD, 0, 0),
    ("listing", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("main", BLOCK | SPECIAL, 0, P),
    ("map", 0, 0, 0),
    ("mark", 0, 0, 0),
    ("marker", FOREIGN_NOT_DISPLAYED | UNKNOWN, 0, 0),
    ("marquee", BLOCK | SPECIAL | MARKER, 0, 0),
    ("mask", FOREIGN_NOT_DISPLAYED | UNKNOWN, 0, 0),
    ("math", 0, 0, 0),
    ("menu", BLOCK | SPECIAL | ENDS_FOREIGN, 0, P),
    ("meta", VOID | ENDS_FOREIGN | HEAD, 0, 0),
    ("metadata", FOREIGN_NOT_DISPLAYED | UNKNOWN, 0, 0),
    ("meter", BLOCK, 0, 0),
    ("mi", INTEGRATION_POINT | UNKNOWN, 0, 0),
    ("mn", INTEGRATION_POINT | UNKNOWN, 0, 0),
    ("mo", INTEGRATION_POINT | UNKNOWN, 0, 0),
    ("ms", INTEGRATION_POINT | UNKNOWN, 0, 0),
    ("mtext", INTEGRATION_POINT | UNKNOWN, 0, 0),
    ("nav", BLOCK | SPECIAL, 0, P),
    ("nobr", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("noembed", SPECIAL | HTML_CODE | RAW_TEXT, 0, 0),
    ("noframes", SPECIAL | HTML_CODE | RAW_TEXT, 0, 0),
    ("noscript", SPECIAL | HEAD, 0, 0),
    ("object", SPECIAL | MARKER, 0, 0),
    ("ol", BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN, LIST, P),
    ("optgroup", BLOCK, 0, OPTION),
    ("option", BLOCK, OPTION, OPTION),
    ("output", 0, 0, 0),
    ("p", BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN, P, P),
    ("param", VOID, 0, 0),
    ("path", 0, 0, 0),
    ("pattern", FOREIGN_NOT_DISPLAYED | UNKNOWN, 0, 0),
    ("picture", 0, 0, 0),
    ("plaintext", BLOCK | SPECIAL | RAW_TEXT, 0, P),
    ("polygon", 0, 0, 0),
    ("pre", BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN, 0, P),
    ("progress", BLOCK, 0, 0),
    ("q", 0, 0, 0),
    ("rect", 0, 0, 0),
    ("rp", NOT_DISPLAYED, 0, 0),
    ("rt", 0, 0, 0),
    ("ruby", ENDS_FOREIGN, 0, 0),
    ("s", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("samp", 0, 0, 0),
    ("script", SPECIAL | CODE | HEAD | RAW_TEXT, 0, 0),
    ("search", BLOCK | SPECIAL, 0, P),
    ("section", BLOCK | SPECIAL, 0, P),
    ("select", BLOCK | SPECIAL, SELECT, 0),
    ("slot", 0, 0, 0),
    ("small", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("source", VOID, 0, 0),
    ("spacer", 0, 0, 0),
    ("span", ENDS_FOREIGN, 0, 0),
    ("stop", 0, 0, 0),
    ("strike", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("strong", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("style", SPECIAL | CODE | HEAD | RAW_TEXT, 0, 0),
    ("sub", ENDS_FOREIGN, 0, 0),
    ("summary", BLOCK | SPECIAL, 0, P),
    ("sup", ENDS_FOREIGN, 0, 0),
    ("svg", 0, 0, 0),
    ("symbol", FOREIGN_NOT_DISPLAYED | UNKNOWN, 0, 0),
    (
        "table",
        BLOCK | SPECIAL | SCOPE | PARAGRAPH | ENDS_FOREIGN,
        TABLE,
        P,
    ),
    ("tbody", BLOCK | SPECIAL | TABLE_PART, 0, ROW),
    (
        "td",
        BLOCK | SPECIAL | MARKER | TABLE_PART,
        CELL,
        CELL | HEAD_CELL,
    ),
    ("template", SPECIAL | MARKER | HTML_CODE, 0, 0),
    ("text", FOREIGN_BLOCK, 0, 0),
    ("textarea", BLOCK | SPECIAL | RAW_TEXT, 0, 0),
    ("tfoot", BLOCK | SPECIAL | TABLE_PART, 0, ROW),
    (
        "th",
        BLOCK | SPECIAL | MARKER | TABLE_PART,
        HEAD_CELL,
        CELL | HEAD_CELL,
    ),
    ("thead", BLOCK | SPECIAL | TABLE_PART, 0, ROW),
    ("time", 0, 0, 0),
    (
        "title",
        SPECIAL | CODE | INTEGRATION_POINT | HEAD | RAW_TEXT,
        0,
        0,
    ),
    ("tr", BLOCK | SPECIAL | TABLE_PART, ROW, ROW),
    ("track", VOID, 0, 0),
    ("tt", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("u", FORMATTING | ENDS_FOREIGN, 0, 0),
    ("ul", BLOCK | SPECIAL | PARAGRAPH | ENDS_FOREIGN, LIST, P),
    ("use", 0, 0, 0),
    ("var", ENDS_FOREIGN, 0, 0),
    ("video", FALLBACK, 0, 0),
    ("wbr", VOID, 0, 0),
    ("x-tab", 0, 0, 0),
    ("xml", 0, 0, 0),
    ("xmp", BLOCK | SPECIAL | RAW_TEXT, 0, P),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.is_sorted_by(|one, next| one < next));
        assert!(ELEMENTS.iter().all(|(name, ..)| name.len() <= 16));
    }

    #[test]
    fn each_special_element_has_a_bit_of_its_own() {
        let special = |traits: &&Traits| traits.has(SPECIAL);
        let bits = TRAITS.iter().filter(special).map(|traits| traits.special);
        let all = bits.clone().fold(0, |all, bit| all | bit);
        assert!(all.count_ones() as usize == bits.count() && all.count_ones() > 60);
        assert!(TRAITS.iter().all(|traits| traits.special & !all == 0));
        assert_eq!(traits_of(Name::of(b"span")).special, 0);
    }

    #[test]
    fn known_names() {
        for name in ["div", "address", "xmp", "img", "span", "text"] {
            assert!(traits_of(Name::of(name.as_bytes())).is_known(), "{name}");
        }
        for name in ["xqz", "bx", "h7", "", "mask", "annotation-xmlxyz"] {
            assert!(!traits_of(Name::of(name.as_bytes())).is_known(), "{name}");
        }
    }
}
