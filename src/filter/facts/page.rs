//! Facts about HTML parts and visible text.

use crate::filter::facts::fact::Fact;
use crate::filter::facts::text_style::{
    big_sum, capital_words_in_row, exclamations, letters_as_numbers,
};
use crate::filter::message_view::MessageView;
use crate::message::page_traits::{HiddenText, PageTraits};

pub(super) const FACTS: &[Fact] = &[
    Fact::number(
        "hidden-text",
        "How many bytes of text no mail client shows, other than a preview at the top and what is visible, too.",
        |mail| hidden_text(mail, |traits| &traits.hidden),
    )
    .of_pages(),
    Fact::number(
        "faint-text",
        "How many bytes of text have the colour of their background, counted as hidden text is.",
        |mail| hidden_text(mail, |traits| &traits.faint),
    )
    .of_pages(),
    Fact::number(
        "tiny-text",
        "How many bytes of text are too small to read or outside the window, counted as hidden text is.",
        |mail| hidden_text(mail, |traits| &traits.tiny),
    )
    .of_pages(),
    Fact::number(
        "hidden-share",
        "How many of a hundred bytes of text are hidden, faint or tiny, counted as hidden text is.",
        hidden_share,
    )
    .of_pages(),
    Fact::number(
        "hidden-in-words",
        "How many words have text in them that nobody sees.",
        |mail| {
            let pages = mail.content.page_traits();
            pages.map(|traits| traits.in_words).sum::<usize>() as f64
        },
    )
    .of_pages(),
    Fact::number(
        "empty-in-words",
        "How many words have HTML elements in them that have no content.",
        |mail| {
            let pages = mail.content.page_traits();
            pages.map(|traits| traits.empty_in_words).sum::<usize>() as f64
        },
    )
    .of_pages(),
    Fact::number(
        "turned-words",
        "How many words are written from right to left, so that people read them from left to right.",
        |mail| {
            let texts = mail.content.texts.iter();
            texts.map(|text| text.text.turned_words).sum::<usize>() as f64
        },
    ),
    Fact::holds(
        "page-styles-endless",
        "HTML whose style sheets are too costly to compare with its elements.",
        |mail| any_page(mail, |traits| traits.sheets_unread),
    )
    .of_pages(),
    Fact::number(
        "visible-text",
        "How many bytes of text are visible.",
        |mail| visible(mail) as f64,
    ),
    Fact::number(
        "image-count",
        "How many images the HTML parts show.",
        |mail| {
            mail.content
                .page_traits()
                .map(|traits| traits.images)
                .sum::<usize>() as f64
        },
    )
    .of_pages(),
    Fact::holds(
        "image-for-text",
        "A clickable image, or a link on a background image, with hardly any text.",
        image_for_text,
    )
    .of_pages(),
    Fact::holds("page-refreshes", "The HTML redirects by itself.", |mail| {
        mail.content
            .page_traits()
            .find_map(|traits| traits.refresh.clone())
    }).of_pages(),
    Fact::holds(
        "form-asks-password",
        "A form asks for a password.",
        |mail| {
            let mut pages = mail.content.page_traits();
            let traits = pages.find(|traits| traits.passwords > 0)?;
            Some(traits.forms.first().cloned().unwrap_or_default())
        },
    )
    .of_pages(),
    Fact::holds(
        "form-in-mail",
        "A form that can be submitted from within the message.",
        |mail| {
            mail.content
                .page_traits()
                .find_map(|traits| traits.forms.first().cloned())
        },
    )
    .of_pages(),
    Fact::holds("page-has-script", "HTML with a script.", |mail| {
        let mut pages = mail.content.page_traits();
        pages
            .any(|traits| traits.scripts > 0)
            .then(|| "script".to_owned())
    }).of_pages(),
    Fact::number(
        "unknown-tags",
        "How many unknown HTML elements there are.",
        |mail| {
            mail.content
                .page_traits()
                .map(|traits| traits.unknown)
                .sum::<usize>() as f64
        },
    )
    .of_pages(),
    Fact::number(
        "entities-for-letters",
        "How many plain letters and digits are written as numeric character references.",
        |mail| {
            let pages = mail.content.pages();
            let pages = pages.map(|page| mail.work.beginning(page, 1));
            pages.map(letters_as_numbers).sum::<usize>() as f64
        },
    )
    .of_pages(),
    Fact::number(
        "split-words",
        "How many words of the text contain invisible characters.",
        |mail| {
            let texts = mail.content.texts.iter();
            texts.map(|text| text.text.split_words).sum::<usize>() as f64
        },
    ),
    Fact::number(
        "disguised-words",
        "How many words of the subject, the sender's name and the text are disguised with letters of other alphabets.",
        |mail| {
            let words = mail.disguised().iter();
            words.map(|words| words.split(' ').count()).sum::<usize>() as f64
        },
    ),
    Fact::number(
        "letters-apart",
        "How many letters of the text or the subject stand alone, in long rows as of words, if most of it does.",
        |mail| mail.spelled_out().0.letters as f64,
    ),
    Fact::holds(
        "page-is-centered",
        "HTML whose text is centred by `<center>`.",
        |mail| any_page(mail, |traits| traits.centered),
    )
    .of_pages(),
    Fact::holds("page-has-red-text", "HTML with pure red text.", |mail| {
        any_page(mail, |traits| traits.red)
    }).of_pages(),
    Fact::holds(
        "page-has-loud-ground",
        "HTML with a yellow, red, green or magenta background.",
        |mail| any_page(mail, |traits| traits.loud_ground),
    )
    .of_pages(),
    Fact::holds(
        "page-has-large-letters",
        "HTML with large letters set by `<font>`.",
        |mail| any_page(mail, |traits| traits.large),
    )
    .of_pages(),
    Fact::holds(
        "page-pushes-down",
        "HTML that moves its content far down, out of view.",
        |mail| any_page(mail, |traits| traits.pushed_down),
    )
    .of_pages(),
    Fact::holds(
        "page-pushes-far-down",
        "HTML whose styles or scripts name a height, or a margin or a padding at the top, of thousands of lines: 10,000 pixels, 1,000 em, rem or vh, or 1,000 %.",
        |mail| any_page(mail, |traits| traits.pushed_far),
    )
    .of_pages(),
    Fact::holds(
        "page-begins-with-image",
        "HTML that begins with a clickable image.",
        |mail| any_page(mail, |traits| traits.image_first),
    )
    .of_pages(),
    Fact::number(
        "comments-in-words",
        "How many words are split by a comment.",
        |mail| {
            mail.content
                .page_traits()
                .map(|traits| traits.split_words)
                .sum::<usize>() as f64
        },
    )
    .of_pages(),
    Fact::holds(
        "page-script-unpacks",
        "A script that unpacks what it shows.",
        page_script_unpacks,
    )
    .of_pages(),
    Fact::number(
        "capital-words-in-row",
        "The longest run of words in capitals.",
        |mail| {
            mail.visible_letters(3)
                .map(capital_words_in_row)
                .max()
                .unwrap_or(0) as f64
        },
    ),
    Fact::number(
        "exclamations",
        "How many runs of exclamation or dollar signs there are.",
        |mail| mail.visible_letters(3).map(exclamations).sum::<usize>() as f64,
    ),
    Fact::number(
        "styled-letters",
        "How many letters of the text are in styled words: mathematical, circled, small capitals, or full-width where that is unusual.",
        styled_letters,
    ),
    Fact::number(
        "mixed-script-words",
        "How many words of the subject, the sender's name and the text mix letters of two alphabets, or are broken up with marks.",
        mixed_script_words,
    ),
    Fact::holds(
        "names-big-sum",
        "The text names a sum of money in thousands or millions.",
        |mail| mail.visible().find_map(big_sum).map(str::to_owned),
    ),
    Fact::holds(
        "text-only-links",
        "A link and hardly any other text.",
        text_only_links,
    )
    .of_links(),
    Fact::holds(
        "empty-message",
        "No subject, no text and no files.",
        empty_message,
    ),
];

fn any_page(mail: &MessageView<'_>, is: fn(&PageTraits) -> bool) -> Option<String> {
    mail.content.page_traits().any(is).then(String::new)
}

fn page_script_unpacks(mail: &MessageView<'_>) -> Option<String> {
    const WAYS: [&str; 5] = [
        "unescape(",
        "atob(",
        "fromCharCode",
        "eval(",
        "msSaveOrOpenBlob",
    ];
    let mut pages = mail.content.texts.iter();
    pages.find_map(|text| {
        text.traits.as_ref().filter(|traits| traits.scripts > 0)?;
        let way = WAYS.iter().find(|way| text.source.contains(**way))?;
        Some((*way).to_owned())
    })
}

fn mixed_script_words(mail: &MessageView<'_>) -> f64 {
    let [subject, name] = mail.shown_letters();
    let named = subject.mixed_words + name.mixed_words;
    let texts = mail.content.texts.iter();
    let texts = texts.map(|text| text.letters.mixed_words);
    (named + texts.sum::<usize>()) as f64
}

fn styled_letters(mail: &MessageView<'_>) -> f64 {
    let texts = mail.content.texts.iter();
    texts.map(|text| text.letters.styled_letters).sum::<usize>() as f64
}

fn hidden_text(mail: &MessageView<'_>, of: fn(&PageTraits) -> &HiddenText) -> f64 {
    mail.content
        .page_traits()
        .map(|traits| of(traits).bytes)
        .sum::<usize>() as f64
}

fn hidden_share(mail: &MessageView<'_>) -> f64 {
    let shares = mail.content.texts.iter().filter_map(|text| {
        let traits = text.traits.as_ref()?;
        let hidden = traits.hidden.bytes + traits.faint.bytes + traits.tiny.bytes;
        Some(100.0 * hidden as f64 / (hidden + text.text.text.len()).max(1) as f64)
    });
    shares.fold(0.0, f64::max).floor()
}

fn visible(mail: &MessageView<'_>) -> usize {
    // Readers see one of the alternatives.
    mail.visible().map(str::len).max().unwrap_or(0)
}

fn image_for_text(mail: &MessageView<'_>) -> Option<String> {
    // A sentence or two: bulk mailers must add an unsubscribe notice.
    const LITTLE: usize = 200;
    let page = mail
        .content
        .texts
        .iter()
        .find(|text| text.traits.is_some())?;
    if page.text.text.len() > LITTLE {
        return None;
    }
    let has_background = page.traits.as_ref().is_some_and(|it| it.backgrounds > 0);
    let mut anchors = mail.content.anchors.iter();
    let anchor = anchors.find(|anchor| anchor.image || has_background)?;
    Some(anchor.target.clone())
}

fn text_only_links(mail: &MessageView<'_>) -> Option<String> {
    const LITTLE: usize = 60;
    let links: usize = mail.web_links().map(|link| link.text.len()).max()?;
    let plain = mail.content.page_traits().next().is_none();
    let shown = visible(mail);
    let rest = if plain {
        shown.saturating_sub(links)
    } else {
        shown
    };
    let images = mail.content.page_traits().any(PageTraits::has_picture);
    let first = mail.web_links().next()?;
    (rest < LITTLE && !images).then(|| first.text.to_owned())
}

fn empty_message(mail: &MessageView<'_>) -> Option<String> {
    let files = mail
        .content
        .parts
        .iter()
        .any(|part| part.name.is_some() || part.attached);
    let images = mail.content.page_traits().any(PageTraits::has_picture);
    let empty = visible(mail) == 0 && !files && !images && mail.subject().is_empty();
    empty.then(String::new)
}
