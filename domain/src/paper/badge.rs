//! A badge: one card of the size its organizer chose, drawn as a PDF for the printer and as a picture for the screen. Both
//! come from the same marks, so that the picture is what will be printed. Not here: what a layout may be.

use super::{
    Fonts, PaperError,
    fonts::{Set, Weight},
    page::{self, About, Area, BLACK, INK, Ink, MM, Page, Style},
    qr::{QUIET, Symbol},
    ticket::Accent,
};
use crate::{
    clock::UtcMillis,
    id::QuestionId,
    ticketing::badge::{Align, BadgeElement, BadgeLayout, BadgePart},
};

/// What a card says of one guest. Texts may be of any length: they are wrapped, set smaller, and in the end cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadgeData {
    pub name: String,
    pub product: String,
    pub variation: String,
    pub event: String,
    /// As it shall be read.
    pub date: String,
    pub organizer: String,
    pub accent: Accent,
    pub order_code: String,
    /// What the QR code holds, byte for byte; empty leaves the code away.
    pub code: String,
    pub answers: Vec<(QuestionId, String)>,
    /// The date inside the file.
    pub printed_at: UtcMillis,
}

/// Letters are never set smaller than this, in points.
const SMALLEST: f32 = 5.0;
/// From the first baseline to the next, in sizes.
const LEADING: f32 = 1.16;

/// One card as a PDF.
///
/// # Errors
/// A code too long to be printed, or the PDF cannot be written.
pub fn badge_pdf(fonts: &Fonts, layout: &BadgeLayout, data: &BadgeData) -> Result<Vec<u8>, PaperError> {
    let page = draw(fonts, layout, data)?;
    let title = format!("{} – {}", fonts.printable(&data.event), data.order_code);
    page::write(fonts, &[page], &About { title, author: &data.organizer, at: data.printed_at, language: "und" })
}

/// The same card as an SVG document, for a preview.
///
/// # Errors
/// A code too long to be printed.
pub fn badge_svg(fonts: &Fonts, layout: &BadgeLayout, data: &BadgeData) -> Result<String, PaperError> {
    Ok(draw(fonts, layout, data)?.svg(fonts))
}

fn draw(fonts: &Fonts, layout: &BadgeLayout, data: &BadgeData) -> Result<Page, PaperError> {
    let mut page = Page::new(points(layout.width), points(layout.height));
    for element in &layout.elements {
        match &element.what {
            BadgePart::Bar => page.area(area(element), Ink(data.accent.0)),
            BadgePart::Code if data.code.is_empty() => {}
            BadgePart::Code => {
                let too_long = || PaperError::CodeTooLong { order: data.order_code.clone(), length: data.code.len() };
                code(&mut page, element, &Symbol::of(&data.code).ok_or_else(too_long)?);
            }
            BadgePart::Name => text(fonts, &mut page, element, &data.name),
            BadgePart::Product => text(fonts, &mut page, element, &data.product),
            BadgePart::Variation => text(fonts, &mut page, element, &data.variation),
            BadgePart::Event => text(fonts, &mut page, element, &data.event),
            BadgePart::Date => text(fonts, &mut page, element, &data.date),
            BadgePart::Organizer => text(fonts, &mut page, element, &data.organizer),
            BadgePart::OrderCode => text(fonts, &mut page, element, &data.order_code),
            BadgePart::Text { text: fixed } => text(fonts, &mut page, element, fixed),
            BadgePart::Answer { question_id } => {
                let answer = data.answers.iter().find(|(question, _)| question == question_id);
                text(fonts, &mut page, element, answer.map_or("", |(_, answer)| answer));
            }
        }
    }
    Ok(page)
}

/// Points of tenths of a millimetre.
fn points(tenths: u16) -> f32 {
    f32::from(tenths) / 10.0 * MM
}

fn area(element: &BadgeElement) -> Area {
    let [x, y, width, height] = [element.x, element.y, element.width, element.height].map(points);
    Area { x, y, width, height }
}

/// The symbol with its quiet zone in the middle of its field.
fn code(page: &mut Page, element: &BadgeElement, symbol: &Symbol) {
    let field = area(element);
    let whole = field.width.min(field.height);
    let modules = (symbol.side + 2 * QUIET) as f32;
    let side = whole * symbol.side as f32 / modules;
    let x = field.x + (field.width - side) / 2.0;
    let y = field.y + (field.height - side) / 2.0;
    page.symbol(x, y, side, symbol);
}

/// Words in their field: as large as wished where they fit whole, else smaller, in the end cut.
fn text(fonts: &Fonts, page: &mut Page, element: &BadgeElement, words: &str) {
    let field = area(element);
    let weight = if element.bold { Weight::Bold } else { Weight::Regular };
    let ink = if element.bold { BLACK } else { INK };
    let set = fit(fonts, weight, f32::from(element.size) / 10.0, words, (field.width, field.height));
    let mut baseline = field.y + set.size * 0.95;
    for line in &set.lines {
        let free = field.width - fonts.width(weight, set.size, line);
        let x = match element.align {
            Align::Left => field.x,
            Align::Center => field.x + free / 2.0,
            Align::Right => field.x + free,
        };
        page.text(x, baseline, Style { weight, size: set.size, ink }, line);
        baseline += set.size * LEADING;
    }
}

fn fit(fonts: &Fonts, weight: Weight, wished: f32, words: &str, (width, height): (f32, f32)) -> Set {
    let mut size = wished;
    loop {
        // The last line needs its letters only, not what is between lines.
        let lines = ((height - size * 1.2) / (size * LEADING)).floor().max(0.0) as usize + 1;
        let set = fonts.balanced(weight, &[size], words, width, lines);
        let smaller = (size * 0.94).max(SMALLEST);
        if (!set.cut && !set.broken) || smaller >= size {
            return set;
        }
        size = smaller;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::page::Mark, *};
    use proptest::prelude::*;

    fn data() -> BadgeData {
        BadgeData {
            name: "Zoë Müller-Żółć".into(),
            product: "Speaker".into(),
            variation: "Two days".into(),
            event: "Open Harbour Conference".into(),
            date: "Saturday, 4 July 2026".into(),
            organizer: "Harbour Hall".into(),
            accent: Accent::HOUSE,
            order_code: "K7M3Q".into(),
            code: "0XQ8K2M7VNPR4T1HYB6G3WJZ9CDFSLAEU".into(),
            answers: vec![(QuestionId(4), "Vegan".into())],
            printed_at: UtcMillis(0),
        }
    }

    fn texts<'a>(page: &'a Page) -> Vec<&'a str> {
        let text = |mark: &'a Mark| match mark {
            Mark::Text { text, .. } => Some(text.as_str()),
            Mark::Areas { .. } | Mark::Symbol { .. } => None,
        };
        page.marks.iter().filter_map(text).collect()
    }

    #[test]
    fn a_card_says_what_its_elements_ask_for_and_nothing_else() {
        let fonts = Fonts::shipped();
        let mut layout = BadgeLayout::usual();
        layout.elements[1].what = BadgePart::Answer { question_id: QuestionId(4) };
        let page = draw(fonts, &layout, &data()).unwrap();
        // A long name is broken after its hyphen.
        assert_eq!(texts(&page).concat(), "VeganZoë Müller-ŻółćSpeaker");
        let svg = badge_svg(fonts, &layout, &data()).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains(">Vegan<"), "{svg}");
        assert!(badge_pdf(fonts, &layout, &data()).unwrap().starts_with(b"%PDF-"));
    }

    #[test]
    fn what_a_guest_typed_is_text_in_the_picture_and_no_markup() {
        let hostile = BadgeData { name: "<script>&\"'".into(), ..data() };
        let svg = badge_svg(Fonts::shipped(), &BadgeLayout::usual(), &hostile).unwrap();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;") && !svg.contains("<script"), "{svg}");
    }

    #[test]
    fn the_same_card_is_the_same_bytes() {
        let make = || badge_pdf(Fonts::shipped(), &BadgeLayout::usual(), &data()).unwrap();
        assert!(make() == make());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_name_leaves_its_field(name in "\\PC{0,120}", bold: bool, size in 50_u16..1_500) {
            let fonts = Fonts::shipped();
            let mut layout = BadgeLayout::usual();
            let element = BadgeElement { size, bold, ..layout.elements[2].clone() };
            layout.elements = vec![element.clone()];
            let page = draw(fonts, &layout, &BadgeData { name, ..data() }).unwrap();
            let field = area(&element);
            for mark in &page.marks {
                if let Mark::Text { x, baseline, style, text } = mark {
                    let width = fonts.width(style.weight, style.size, text);
                    prop_assert!(*x >= field.x - 0.01 && x + width <= field.x + field.width + 0.5, "{text:?}");
                    // A name that is too long even in the smallest letters is cut; one line always stands.
                    prop_assert!(*baseline <= field.y + field.height.max(style.size), "{text:?}");
                }
            }
        }
    }
}
