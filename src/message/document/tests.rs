//! Generated documents: complete, truncated, damaged, hostile.

use super::*;
use flate2::{Compress, Compression, FlushCompress};

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(text.len() + 1024);
    let mut deflater = Compress::new(Compression::best(), true);
    deflater
        .compress_vec(text, &mut output, FlushCompress::Finish)
        .unwrap();
    output
}

fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("\n7 0 obj\n<<{dictionary}>>\nstream\r\n");
    [head.as_bytes(), content, b"\nendstream\nendobj\n"].concat()
}

const OBJECTS: &str = "/Type/ObjStm/N 1/First 4/Filter/FlateDecode";

fn read_pdf(data: &[u8]) -> Option<Pdf> {
    pdf(data, &Work::new(1 << 30))
}

fn read(parts: &[&[u8]]) -> Pdf {
    let data = [&[&b"%PDF-1.7\n"[..]], parts].concat().concat();
    read_pdf(&data).unwrap()
}

#[test]
fn plain_objects() {
    let pdf = read(&[
        b"1 0 obj <</Type /Catalog /AcroForm 4 0 R /OpenAction <</S/JavaScript /JS (x)>> >>",
        b"<</Type/Pages/Count 2>> <</Type /Page>> <</Type\n/Page/Annots [",
        b"<</A<</S /URI /URI (http://a.example/\\(1\\))>>>>",
        b"<</A<</S/#55RI/UR#49 <687474703a2f2f62>>>>>",
        b"<</A<</S/URI/URI(http://a.example/\\(1\\))>>>>",
        b"<</A<</S/URI/URI(\xfe\xff\0h\0:\0/)>>>>",
        b"<</A<</S/URI/URI 12 0 R>>>>",
        b"<</S/Launch/F(cmd.exe)>>",
    ]);
    let expected = Pdf {
        links: vec![
            "http://a.example/(1)".into(),
            "http://b".into(),
            "h:/".into(),
        ],
        qr_links: Vec::new(),
        javascript: true,
        launch: true,
        form: true,
        pages: 2,
        encrypted: false,
    };
    assert_eq!(pdf, expected);
}

#[test]
fn each_feature_of_a_document_is_recognized() {
    let nothing = Pdf::default();
    assert_eq!(read(&[b"/JSX /JavaScripts /Type /Pages /JS"]), nothing);
    assert!(read(&[b"/JS 3 0 R"]).javascript);
    assert!(read(&[b"/J#61vaScript"]).javascript);
    assert!(read(&[b"/L#61unch"]).launch);
    assert!(read(&[b"/SubmitForm"]).form);
    assert!(read(&[b"/Encrypt 5 0 R"]).encrypted);
    assert!(!read(&[b"/EncryptMetadata true"]).encrypted);
    assert_eq!(read(&[b"/Type/Page"]).pages, 1);
    assert_eq!(read_pdf(b"no document"), None);
    assert_eq!(read_pdf(b""), None);
}

#[test]
fn strings_in_encrypted_documents_are_not_links() {
    let pdf = read(&[b"/Encrypt 5 0 R /URI (\x91\xe2) /URI (http://a)"]);
    assert_eq!(pdf.links, ["http://a"]);
}

#[test]
fn objects_in_streams() {
    // Long enough to be compressed rather than stored.
    let text =
        " ".repeat(99) + "<</Type/Page/URI(http://a)/Type/Page/URI(http://a)>><</S/JavaScript>>";
    let objects = deflated(text.as_bytes());
    for dictionary in [
        OBJECTS,
        "/First 4/Filter[/FlateDecode]",
        "/Type/Obj#53tm/Filter/Fl",
    ] {
        let pdf = read(&[&stream(dictionary, &objects)]);
        assert_eq!(pdf.links, ["http://a"], "{dictionary}");
        assert_eq!((pdf.pages, pdf.javascript), (2, true), "{dictionary}");
    }
    for dictionary in [
        "/Subtype/Image/First 4/Filter/FlateDecode",
        "/Filter/FlateDecode",
        "/First 4",
    ] {
        let pdf = read(&[&stream(dictionary, &objects)]);
        assert_eq!(pdf, Pdf::default(), "{dictionary}");
    }
}

#[test]
fn damaged_streams_are_read_up_to_the_damage() {
    let filling: String = (0..20_000).map(|number| format!("{number} ")).collect();
    let text = format!("/URI(http://a){filling}/URI(http://b)");
    let whole = deflated(text.as_bytes());
    assert_eq!(read(&[&stream(OBJECTS, &whole)]).links.len(), 2);
    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle..].fill(0xff);
    assert_eq!(read(&[&stream(OBJECTS, &broken)]).links[0], "http://a");
    let mut sum = whole.clone();
    let end = sum.len() - 1;
    sum[end] ^= 1;
    assert_eq!(read(&[&stream(OBJECTS, &sum)]).links.len(), 2);
    let cut = &whole[..middle];
    let head = format!("<<{OBJECTS}>>stream\n");
    assert_eq!(read(&[head.as_bytes(), cut]).links, ["http://a"]);
}

#[test]
fn truncated_anywhere() {
    let objects = stream(OBJECTS, &deflated(b"/URI(http://a)/URI(http://b)"));
    let data = [
        b"%PDF-1.7\n/URI(http://c\\)\\051)/URI<68>/Type/Page",
        &objects[..],
    ]
    .concat();
    let mut seen = 0;
    for length in 5..=data.len() {
        let found = read_pdf(&data[..length]).unwrap().links.len();
        assert!(found >= seen, "{length}");
        seen = found;
    }
    assert_eq!(seen, 4);
}

#[test]
fn limits_are_enforced() {
    let links: String = (0..99)
        .map(|number| format!("/URI(http://{number})"))
        .collect();
    assert_eq!(read(&[links.as_bytes()]).links.len(), LINKS_LIMIT);
    let long = format!("/URI({})", "é".repeat(LINK_LIMIT));
    assert_eq!(read(&[long.as_bytes()]).links[0].len(), LINK_LIMIT);
    let noise = format!("/URI({})", "\\377".repeat(LINK_LIMIT));
    assert!(read(&[noise.as_bytes()]).links[0].len() <= LINK_LIMIT);

    // Each bomb exceeds the limit of one stream, and together they exceed the limit of all.
    let bomb = [vec![b' '; 300 << 10], b"/URI(http://late)".to_vec()].concat();
    let bomb = stream(OBJECTS, &deflated(&bomb));
    let last = stream(OBJECTS, &deflated(b"/URI(http://last)"));
    assert_eq!(read(&[&bomb.repeat(3), &last]).links, ["http://last"]);
    assert_eq!(read(&[&bomb.repeat(4), &last]).links.len(), 0);
    let empty = stream(OBJECTS, &deflated(b""));
    assert_eq!(read(&[&empty.repeat(63), &last]).links.len(), 1);
    assert_eq!(read(&[&empty.repeat(64), &last]).links.len(), 0);
}

#[test]
fn a_megabyte_of_junk_is_cheap() {
    // Empty stored blocks: input that inflates to nothing.
    let blocks = [b"\x78\x01".to_vec(), b"\0\0\0\xff\xff".repeat(60_000)].concat();
    let units = [
        b"/".to_vec(),
        b"/URI".to_vec(),
        b"/URI(".to_vec(),
        b"/URI<".to_vec(),
        b"/URI(a)".to_vec(),
        b"(".to_vec(),
        b"/URI (\\".to_vec(),
        b"/Type ".to_vec(),
        b"/JS ".to_vec(),
        b"#41".to_vec(),
        b"stream\n".to_vec(),
        b" stream".to_vec(),
        b">>stream\n".to_vec(),
        b"/First/Fl>>stream\n".to_vec(),
        [b"/URI".to_vec(), vec![b' '; 999]].concat(),
        stream(OBJECTS, &blocks),
    ];
    for unit in units {
        let junk = unit.repeat((1 << 20) / unit.len());
        assert!(read(&[&junk]).links.len() <= LINKS_LIMIT);
    }
}

#[test]
fn macros_are_recognized_by_member_names() {
    let names = |name: &str| vec!["word/document.xml".to_owned(), name.to_owned()];
    assert!(macros(b"PK", &names("word/vbaProject.bin")));
    assert!(macros(b"PK", &names("xl/VBAPROJECT.BIN")));
    assert!(macros(b"PK", &names("xl/macrosheets/sheet1.xml")));
    assert!(!macros(b"PK", &names("word/settings.xml")));
    let name: Vec<u8> = "_VBA_PROJECT".bytes().flat_map(|it| [it, 0]).collect();
    let mark = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
    assert!(macros(&[&mark[..], &[0; 99], &name].concat(), &[]));
    assert!(!macros(&[&mark[..], &[0; 99]].concat(), &[]));
    assert!(!macros(&name, &[]));
}

const CODE: &str = "https://parcel.example/pay?id=4817";

/// The rows of a picture of a code, four pixels a module, an octet per pixel.
fn drawn(text: &str) -> (usize, Vec<u8>) {
    let code = qrcode::QrCode::new(text).unwrap();
    let (modules, margin) = (code.width(), 4);
    let colours = code.to_colors();
    let side = 4 * (modules + 2 * margin);
    let mut shades = vec![255; side * side];
    for (at, shade) in shades.iter_mut().enumerate() {
        let (x, y) = (at % side / 4, at / side / 4);
        let inside = |it: usize| (margin..modules + margin).contains(&it);
        if inside(x) && inside(y) {
            let colour = colours[(y - margin) * modules + x - margin];
            *shade = if colour == qrcode::Color::Dark {
                0
            } else {
                255
            };
        }
    }
    (side, shades)
}

fn picture(side: usize, more: &str, rows: &[u8]) -> Vec<u8> {
    let dictionary =
        format!("/Type/XObject/Subtype/Image/Width {side}/Height {side}/Filter/FlateDecode{more}");
    stream(&dictionary, &deflated(rows))
}

#[test]
fn links_in_codes_of_pictures() {
    let (side, grey) = drawn(CODE);
    let bits: Vec<u8> = grey
        .chunks_exact(side)
        .flat_map(|row| row.chunks(8))
        .map(|eight| {
            let set = eight.iter().enumerate().filter(|(_, shade)| **shade > 0);
            set.map(|(at, _)| 0x80 >> at).sum()
        })
        .collect();
    let coloured: Vec<u8> = grey.iter().flat_map(|shade| [*shade; 3]).collect();
    // Each row as the difference from the one above.
    let mut above = vec![0; side];
    let mut differences = Vec::new();
    for row in grey.chunks_exact(side) {
        differences.push(2);
        differences.extend(
            row.iter()
                .zip(&above)
                .map(|(one, other)| one.wrapping_sub(*other)),
        );
        above = row.to_vec();
    }
    for (more, rows) in [
        ("/ColorSpace/DeviceGray/BitsPerComponent 8", &grey),
        ("/ColorSpace/DeviceGray/BitsPerComponent 1", &bits),
        ("/ImageMask true/BitsPerComponent 1", &bits),
        ("/ColorSpace/DeviceRGB/BitsPerComponent 8", &coloured),
        (
            "/ColorSpace/DeviceGray/BitsPerComponent 8/DecodeParms<</Predictor 15/Columns 1>>",
            &differences,
        ),
    ] {
        let pdf = read(&[&picture(side, more, rows)]);
        assert_eq!(pdf.qr_links, [CODE], "{more}");
        assert_eq!(pdf.links, [""; 0]);
    }
    let grey_picture = picture(side, "/ColorSpace/DeviceGray/BitsPerComponent 8", &grey);
    for pages in [b"<</Type/Page>>".repeat(5), b"<</Encrypt 3 0 R>>".to_vec()] {
        assert_eq!(read(&[&pages, &grey_picture]).qr_links, [""; 0]);
    }
    let (side, other) = drawn("WIFI:S:garden;P:tulips;;");
    let pdf = read(&[&picture(side, "/ColorSpace/DeviceGray", &other)]);
    assert_eq!(pdf.qr_links, [""; 0]);
}

#[test]
fn damaged_pictures_are_read_without_harm() {
    let (side, grey) = drawn(CODE);
    for more in [
        "/ColorSpace/DeviceGray/DecodeParms<</Predictor 15>>",
        "/ColorSpace/DeviceRGB/BitsPerComponent 1",
        "/ColorSpace/DeviceGray/BitsPerComponent 0",
        "/ColorSpace/DeviceGray/Width 999999/Height 999999",
        "/ColorSpace/DeviceGray/Width 4000/Height 4000",
        "/Filter/DCTDecode",
    ] {
        let whole = picture(side, more, &grey);
        for end in (0..whole.len()).step_by(31) {
            read(&[&whole[..end]]);
        }
    }
    let whole = picture(side, "/ColorSpace/DeviceGray", &grey);
    let data = [b"%PDF-1.7\n", &whole[..]].concat();
    let little = pdf(&data, &Work::new((side * side) as u64)).unwrap();
    assert_eq!(little.qr_links, [""; 0]);
}
