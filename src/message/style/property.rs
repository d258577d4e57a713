//! The CSS properties that matter.
//!
//! In: a name; out: the property, if it can hide, colour, reverse or lay out text.

/// A property that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    Display,
    Visibility,
    ContentVisibility,
    Opacity,
    FontSize,
    Font,
    Text,
    Ground,
    Background,
    BackgroundImage,
    Clip,
    ClipPath,
    Overflow,
    Height,
    MaxHeight,
    Width,
    MaxWidth,
    Position,
    Float,
    Filter,
    Inset,
    Left,
    Top,
    Right,
    Bottom,
    Margin,
    MarginTop,
    MarginLeft,
    Padding,
    Indent,
    Transform,
    Scale,
    MsoHide,
    UnicodeBidi,
    Direction,
}

/// Looked up by length first, because most names are none of these.
pub(super) fn property(name: &str) -> Option<Property> {
    use Property as P;
    let known: &[(&str, P)] = match name.len() {
        3 => &[("top", P::Top)],
        4 => &[
            ("font", P::Font),
            ("left", P::Left),
            ("clip", P::Clip),
            ("zoom", P::Scale),
        ],
        5 => &[
            ("color", P::Text),
            ("width", P::Width),
            ("right", P::Right),
            ("scale", P::Scale),
            ("float", P::Float),
            ("inset", P::Inset),
        ],
        6 => &[
            ("height", P::Height),
            ("margin", P::Margin),
            ("bottom", P::Bottom),
            ("filter", P::Filter),
        ],
        7 => &[
            ("display", P::Display),
            ("opacity", P::Opacity),
            ("padding", P::Padding),
        ],
        8 => &[
            ("overflow", P::Overflow),
            ("position", P::Position),
            ("mso-hide", P::MsoHide),
        ],
        9 => &[
            ("font-size", P::FontSize),
            ("max-width", P::MaxWidth),
            ("clip-path", P::ClipPath),
            ("transform", P::Transform),
            ("direction", P::Direction),
        ],
        10 => &[
            ("visibility", P::Visibility),
            ("background", P::Background),
            ("max-height", P::MaxHeight),
            ("margin-top", P::MarginTop),
            ("overflow-x", P::Overflow),
            ("overflow-y", P::Overflow),
        ],
        11 => &[
            ("text-indent", P::Indent),
            ("margin-left", P::MarginLeft),
            ("padding-top", P::Padding),
        ],
        12 => &[("unicode-bidi", P::UnicodeBidi)],
        16 => &[
            ("background-color", P::Ground),
            ("background-image", P::BackgroundImage),
        ],
        17 => &[
            ("-webkit-transform", P::Transform),
            ("-webkit-clip-path", P::ClipPath),
        ],
        18 => &[("content-visibility", P::ContentVisibility)],
        23 => &[("-webkit-text-fill-color", P::Text)],
        _ => &[],
    };
    let first = name.as_bytes().first()?.to_ascii_lowercase();
    let found = known.iter().find(|(known, _)| {
        known.as_bytes().first() == Some(&first)
            && (name == *known || name.eq_ignore_ascii_case(known))
    });
    found.map(|(_, property)| *property)
}
