"""Invisible characters, spaces, look-alikes, and reading order (F06, F07, F08, F18)."""

import unicodedata

from .spam import simple
from .trick import (
    HARD,
    NO,
    PAGE,
    PLAIN,
    WORD,
    YES,
    Trick,
    fitting,
    in_display_order,
    inside,
    lettered,
    turned_words,
    wide,
)

# Characters with the property Default_Ignorable_Code_Point.
INVISIBLE = [
    0xAD,
    0x34F,
    0x61C,
    0x17B4,
    0x17B5,
    0x180B,
    0x180C,
    0x180D,
    0x180E,
    0x180F,
    *range(0x200B, 0x2010),
    0x202A,
    0x202C,
    0x202D,
    *range(0x2060, 0x2070),
    0xFE00,
    0xFE01,
    0xFE0E,
    0xFE0F,
    0xFEFF,
    0x1BCA0,
    0x1BCA3,
    0x1D173,
    0x1D17A,
    0xE0001,
    0xE0020,
    0xE0061,
    0xE007F,
    0xE0100,
    0xE01EF,
]
BLANK = [0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800]  # invisible, but as wide as a letter in many fonts
SPACES = [0x2004, 0x2005, 0x2006, 0x2008, 0x2009, 0x200A, 0x202F, 0x205F]
BROAD_SPACES = [0x20, 0xA0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2007, 0x3000]
MARKS = [
    0x300,
    0x301,
    0x304,
    0x307,
    0x308,
    0x30A,
    0x323,
    0x324,
    0x325,
    0x331,
    0x332,
    0x333,
    0x335,
    0x336,
    0x337,
    0x338,
    0x20DD,
    0x489,
    0xFE20,
]
CONTROLS = [0x01, 0x02, 0x08, 0x0E, 0x1F, 0x7F, 0x80, 0x9F]
LOWER, UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def row_of(start, lower=True, holes=None):
    """26 letters from this code point on; `holes` are those that Unicode encodes elsewhere."""
    return {
        letter: (holes or {}).get(letter, chr(start + number)) for number, letter in enumerate(LOWER if lower else UPPER)
    }


def mathematical(start, holes=None):
    return {**row_of(start, False, holes), **row_of(start + 26, True, holes)}


def pairs(text):
    """A table from pairs of a letter and its look-alike."""
    return dict(pair for pair in text.split())


CYRILLIC = pairs("aа cс eе iі jј oо pр sѕ xх yу hһ dԁ qԛ wԝ AА BВ CС EЕ HН IІ JЈ KК MМ OО PР SЅ TТ XХ YҮ")
GREEK = pairs("oο vν uυ iι pρ aα kκ AΑ BΒ EΕ ZΖ HΗ IΙ KΚ MΜ NΝ OΟ PΡ TΤ YΥ XΧ")
ALPHABETS = {
    "Cyrillic": CYRILLIC,
    "Greek": GREEK,
    "Cyrillic and Greek": {**GREEK, **CYRILLIC},
    "Armenian": pairs("oօ uս hհ nո gց qզ lӏ"),
    "Cherokee": pairs("AᎪ BᏴ CᏟ DᎠ EᎬ GᏀ HᎻ IᏆ JᎫ KᏦ LᏞ MᎷ PᏢ RᎡ SᏚ TᎢ VᏙ WᎳ YᎩ ZᏃ"),
    "Lisu": pairs("Aꓮ Bꓐ Cꓚ Dꓓ Eꓰ Fꓝ Gꓖ Hꓧ Iꓲ Jꓙ Kꓗ Lꓡ Mꓟ Nꓠ Oꓳ Pꓑ Rꓣ Sꓢ Tꓔ Uꓴ Vꓦ Wꓪ Xꓫ Yꓬ Zꓜ"),
    "Coptic": pairs("oⲟ cⲥ pⲣ OⲞ CⲤ PⲢ HⲎ IⲒ KⲔ MⲘ NⲚ TⲦ YⲨ XⲬ"),
    "Latin alpha and script": pairs("aɑ gɡ iı lǀ"),
    "letters of phonetics": pairs("aɑ gɡ iɩ uʋ yʏ rг nռ vᴠ zᴢ oᴏ cᴄ"),
    "small capitals": pairs("aᴀ bʙ cᴄ dᴅ eᴇ fꜰ gɢ hʜ iɪ jᴊ kᴋ lʟ mᴍ nɴ oᴏ pᴘ rʀ sꜱ tᴛ uᴜ vᴠ wᴡ yʏ zᴢ"),
    "full-width": {letter: wide(letter) for letter in LOWER + UPPER},
    "bold": mathematical(0x1D400),
    "italic": mathematical(0x1D434, {"h": "ℎ"}),
    "bold italic": mathematical(0x1D468),
    "script": mathematical(
        0x1D49C,
        {"B": "ℬ", "E": "ℰ", "F": "ℱ", "H": "ℋ", "I": "ℐ", "L": "ℒ", "M": "ℳ", "R": "ℛ", "e": "ℯ", "g": "ℊ", "o": "ℴ"},
    ),
    "bold script": mathematical(0x1D4D0),
    "Fraktur": mathematical(0x1D504, {"C": "ℭ", "H": "ℌ", "I": "ℑ", "R": "ℜ", "Z": "ℨ"}),
    "double-struck": mathematical(0x1D538, {"C": "ℂ", "H": "ℍ", "N": "ℕ", "P": "ℙ", "Q": "ℚ", "R": "ℝ", "Z": "ℤ"}),
    "bold Fraktur": mathematical(0x1D56C),
    "sans-serif": mathematical(0x1D5A0),
    "bold sans-serif": mathematical(0x1D5D4),
    "italic sans-serif": mathematical(0x1D608),
    "bold italic sans-serif": mathematical(0x1D63C),
    "monospace": mathematical(0x1D670),
    "mathematical Greek": pairs("o𝜊 a𝛼 v𝜈 p𝜌 A𝛢 B𝛣 E𝛦 O𝛰 T𝛵"),
    "circled": {**row_of(0x24B6, False), **row_of(0x24D0)},
    "parenthesised": row_of(0x249C),
    "squared": {**row_of(0x1F130, False), **row_of(0x1F130)},
    "negative circled": {**row_of(0x1F150, False), **row_of(0x1F150)},
    "negative squared": {**row_of(0x1F170, False), **row_of(0x1F170)},
    "regional indicators": {**row_of(0x1F1E6, False), **row_of(0x1F1E6)},
    "outlined capitals": row_of(0x1CCD6, False),
    "superscript letters": pairs("aᵃ bᵇ cᶜ dᵈ eᵉ fᶠ gᵍ hʰ iⁱ jʲ kᵏ lˡ mᵐ nⁿ oᵒ pᵖ rʳ sˢ tᵗ uᵘ vᵛ wʷ xˣ yʸ zᶻ"),
    "subscript vowels": pairs("aₐ eₑ iᵢ oₒ uᵤ"),
    "Roman numerals": pairs("iⅰ vⅴ xⅹ lⅼ cⅽ dⅾ mⅿ IⅠ VⅤ XⅩ LⅬ CⅭ DⅮ MⅯ"),
    "letters with dots below": pairs("aạ eẹ iị oọ uụ yỵ sṣ tṭ nṇ rṛ lḷ hḥ dḍ kḳ mṃ bḅ vṿ wẉ zẓ"),
    "letters with acutes": pairs("aá eé ií oó uú yý sś nń rŕ lĺ cć zź gǵ kḱ mḿ pṕ wẃ"),
    "letters with strokes": pairs("aⱥ bƀ cȼ dđ eɇ gǥ hħ iɨ lł oø rɍ tŧ uʉ yɏ zƶ"),
    "letters with hooks": pairs("aᶏ bɓ cƈ dɗ eȩ fƒ gɠ hɦ kƙ mɱ nɲ pƥ sʂ tƭ vʋ yƴ zȥ"),
    "leet": dict(zip("aeiost", "431057")),
    "leet and signs": dict(zip("aeios", "@3!0$")),
    "zero and one": dict(zip("ol", "01")),
    "Greek by looks": pairs("aα bβ eε iι kκ nη oσ pρ tτ uυ vν wω xχ yγ"),
    "Cyrillic by looks": pairs("aд bь eё hн iі kк mм nп oо rг tт wш yу"),
    "Canadian syllables": pairs("bᑲ dᑯ Vᐯ Uᑌ Pᑭ Lᒪ Jᒍ"),
    "upside down": dict(zip(LOWER, "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz")),
}
SHOWN_HARD = {
    "zero and one",
    "leet",
    "leet and signs",
    "upside down",
    "Greek by looks",
    "Cyrillic by looks",
    "Canadian syllables",
    "letters with hooks",
    "letters with strokes",
    "regional indicators",
    "subscript vowels",
    "letters of phonetics",
    "outlined capitals",
}  # or a font rarely has them
ONE_IS_READ = {"letters with hooks", "letters with strokes", "subscript vowels", "letters of phonetics"}
AMBIGUOUS = {"leet", "leet and signs", "zero and one", "upside down"}


def text_of(change, form=None):
    """The spam in UTF-8, sent as 8bit."""

    def make(spam):
        html = spam.html if form is None else form == PAGE
        return simple(spam, html, spam.page(change) if html else spam.plain(change))

    return make


def replaced(table):
    return lettered(lambda letter: table.get(letter, letter))


def one_letter(table):
    """Replaces only the first letter of each word that is in the table."""

    def word(text):
        for at, letter in enumerate(text):
            if letter in table:
                return text[:at] + table[letter] + text[at + 1 :]
        return text

    return lambda text: " ".join(map(word, text.split(" ")))


def undone(table):
    back = {to: letter for letter, to in table.items()}
    return lambda text: "".join(back.get(letter, letter) for letter in text)


def called(code):
    return f"U+{code:04X}"


def each_letter(junk):
    return lettered(lambda letter: letter + junk if letter.isalpha() else letter)


def tricks():
    for code in INVISIBLE:
        # The beginning of a right-to-left isolate moves the text after it.
        yield Trick(f"{called(code)} inside words", "F06", text_of(inside(chr(code))), shown=NO if code == 0x2067 else YES)
    for name, junk in (
        ("many kinds of invisible letters", "\u200b\u2060\u00ad\ufeff\u034f"),
        ("ten of U+200B", "\u200b" * 10),
        ("U+200D and U+FE0F", "\u200d\ufe0f"),
        ("tags", "\U000e0061\U000e0062\U000e007f"),
        ("U+202A and U+202C", "\u202a\u202c"),
        ("U+2066 and U+2069", "\u2066\u2069"),
    ):
        yield Trick(f"{name} inside words", "F06", text_of(inside(junk)))
    for code in (0x200B, 0xAD, 0x2060, 0xFE0F, 0xE0061):
        yield Trick(f"{called(code)} after each letter", "F06", text_of(each_letter(chr(code))))
        yield Trick(
            f"{called(code)} before words",
            "F06",
            text_of(lambda text, code=code: chr(code) + text.replace(" ", " " + chr(code))),
        )
        yield Trick(
            f"{called(code)} with each space", "F06", text_of(lambda text, code=code: text.replace(" ", f" {chr(code)} "))
        )
    yield Trick(
        "U+00AD in windows-1252",
        "F06",
        lambda spam: simple(
            spam, spam.html, spam.page(inside("\u00ad")) if spam.html else spam.plain(inside("\u00ad")), "windows-1252"
        ),
    )
    for code in BLANK:
        yield Trick(f"{called(code)} inside words", "F06", text_of(inside(chr(code))), shown=HARD if code == 0x2800 else YES)
    for code in SPACES:
        yield Trick(f"{called(code)} inside words", "F18", text_of(inside(chr(code))))
        yield Trick(f"{called(code)} after each letter", "F18", text_of(each_letter(chr(code))), shown=HARD)
    for code in BROAD_SPACES:
        yield Trick(
            f"{called(code)} after each letter",
            "F18",
            text_of(lambda text, code=code: "  ".join(chr(code).join(word) for word in text.split(" "))),
            shown=HARD,
        )
        yield Trick(f"{called(code)} between words", "F18", text_of(lambda text, code=code: text.replace(" ", chr(code))))
    for text, name in (
        (".", "a dot"),
        ("-", "a hyphen"),
        ("_", "a line"),
        ("*", "a star"),
        ("|", "a bar"),
        ("·", "a middle dot"),
        ("\u2011", "a firm hyphen"),
    ):
        yield Trick(
            f"{name} after each letter",
            "F18",
            text_of(lambda line, text=text: " ".join(text.join(word) for word in line.split(" "))),
            shown=HARD,
        )
    for code in MARKS:
        yield Trick(
            f"{called(code)} on each letter",
            "F07",
            text_of(each_letter(chr(code))),
            shown=HARD if code in (0x20DD, 0x489) else YES,
        )
    yield Trick("two marks on each letter", "F07", text_of(each_letter("\u0323\u0301")))
    yield Trick("decomposed letters (NFD)", "F07", text_of(lambda text: unicodedata.normalize("NFD", text)))
    for code in CONTROLS:
        yield Trick(f"{called(code)} inside words", "F19", text_of(inside(chr(code))))
    yield Trick("NUL inside words of plain text", "F19", text_of(inside("\0"), PLAIN), form=PLAIN, shown=HARD)
    for name, table in ALPHABETS.items():
        shown = HARD if name in SHOWN_HARD else YES
        unread = "other letters look like these, too" if name in AMBIGUOUS else ""
        yield Trick(f"look-alikes: {name}", "F07", text_of(replaced(table)), shown=shown, undo=undone(table), unread=unread)
        yield Trick(
            f"look-alikes, one in a word: {name}",
            "F07",
            text_of(one_letter(table)),
            undo=undone(table),
            unread=unread,
            shown=HARD if name in SHOWN_HARD - ONE_IS_READ else YES,
        )
    for name in ("Cyrillic", "bold", "full-width", "small capitals"):
        table = ALPHABETS[name]
        yield Trick(
            f"look-alikes in every other word: {name}",
            "F07",
            text_of(
                lambda text, table=table: " ".join(
                    replaced(table)(word) if number % 2 else word for number, word in enumerate(text.split(" "))
                )
            ),
            undo=undone(table),
        )
        yield Trick(
            f"look-alikes with invisible letters: {name}",
            "F07",
            text_of(lambda text, table=table: inside("\u200b")(replaced(table)(text))),
            undo=undone(table),
        )
    some = {letter: CYRILLIC[letter] for letter in "aceopxyABCEHKMOPTX"}
    yield Trick(
        "Cyrillic look-alikes in windows-1251",
        "F07",
        lambda spam: simple(
            spam,
            spam.html,
            fitting(spam.page(replaced(some)) if spam.html else spam.plain(replaced(some)), "cp1251", spam.html).decode(
                "cp1251"
            ),
            "windows-1251",
        ),
        undo=undone(some),
    )
    yield Trick(
        "ligatures",
        "F07",
        text_of(
            lambda text: text.replace("ffi", "ﬃ").replace("fi", "ﬁ").replace("fl", "ﬂ").replace("ff", "ﬀ").replace("st", "ﬆ")
        ),
    )
    yield Trick("long s", "F07", text_of(lambda text: text.replace("s", "ſ")), undo=lambda text: text.replace("ſ", "s"))
    yield Trick("capitals", "F07", text_of(str.upper))
    yield Trick(
        "capitals by turns", "F07", text_of(lettered(lambda letter: letter.upper() if ord(letter) % 2 else letter.lower()))
    )
    yield from ordered()


def five_words(before, after):
    """Lines of five words, each reversed: a longer line would be wrapped, and its end read first."""

    def change(text):
        words = text.split(" ")
        return "\n".join(before + " ".join(words[at : at + 5])[::-1] + after for at in range(0, len(words), 5))

    return change


def ordered():
    for name, before, after in (
        ("RLO and PDF", "\u202e", "\u202c"),
        ("RLO to the line's end", "\u202e", ""),
        ("RLO in RLI", "\u2067\u202e", "\u202c\u2069"),
        ("RLO in LRE", "\u202a\u202e", "\u202c\u202c"),
        ("two RLO", "\u202e\u202e", "\u202c\u202c"),
        ("RLO in FSI", "\u2068\u202e", "\u202c\u2069"),
    ):
        yield Trick(
            f"reversed lines: {name}",
            "F08",
            text_of(five_words(before, after), PLAIN),
            form=PLAIN,
            undo=in_display_order,
        )
        if after:
            yield Trick(
                f"reversed words: {name}",
                "F08",
                text_of(
                    turned_words(before, after),
                    PLAIN,
                ),
                form=PLAIN,
                undo=in_display_order,
            )
            yield Trick(
                f"reversed ends of words: {name}",
                "F08",
                text_of(
                    lambda text, before=before, after=after: WORD.sub(
                        lambda word: word[0][:2] + before + word[0][2:][::-1] + after + "\u200e", text
                    ),
                    PLAIN,
                ),
                form=PLAIN,
                undo=in_display_order,
            )
    yield Trick("LRO around RLO", "F08", text_of(lambda text: f"\u202e\u202d{text}\u202c\u202c"))
    yield Trick("LRI around words", "F08", text_of(lambda text: " ".join(f"\u2066{word}\u2069" for word in text.split(" "))))
    yield Trick("RLM before lines", "F08", text_of(lambda text: f"\u200f{text}"))
    yield Trick(
        "letters in reverse, no override",
        "F08",
        text_of(lambda text: text[::-1], PLAIN),
        form=PLAIN,
        shown=HARD,
        unread="read backwards",
    )
