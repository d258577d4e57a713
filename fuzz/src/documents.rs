//! Any octets as an attachment or a page: the readers stay within their limits, and what they find is text.

use popgate::message::work::Work;
use popgate::message::{archive, document, file_type, html};

/// Work for one input: as much as a message of a megabyte may cost.
const BUDGET: u64 = 64 << 20;

pub fn run(data: &[u8]) {
    let work = Work::new(BUDGET);
    let _ = file_type::of(data);
    if let Some(archive) = archive::read(data, &work) {
        assert!(archive.names.len() <= archive::NAMES_LIMIT);
        assert!(
            archive
                .names
                .iter()
                .all(|name| name.len() <= archive::NAME_LIMIT)
        );
        let _ = document::macros(data, &archive.names);
    }
    let _ = document::macros(data, &[]);
    if let Some(pdf) = document::pdf(data, &work) {
        assert!(pdf.links.len() <= document::LINKS_LIMIT);
        assert!(
            pdf.links
                .iter()
                .all(|link| link.len() <= document::LINK_LIMIT)
        );
    }
    let page = String::from_utf8_lossy(data);
    let limits = html::PageLimits {
        text: 64 << 10,
        links: 100,
        tags: true,
    };
    let _ = html::read(&page, limits, &work);
    // One step may begin while there is some left.
    assert!(
        work.spent() <= BUDGET + (1 << 20),
        "{} of {BUDGET} spent",
        work.spent()
    );
}
