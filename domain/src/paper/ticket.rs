//! A ticket: one A6 page, its code at the foot. Decides what stands where and what shrinks when there is much to say.
//! Not here: whether the ticket is valid, and what its code means.

use super::{
    Fonts, Language, PaperError,
    fonts::{Set, Weight},
    page::{self, About, Area, INK, Ink, LINE, MM, Page, SOFT, Style, WHITE},
    qr::Symbol,
    words::Words,
};
use crate::{clock::UtcMillis, money::Money};

/// The colour of an organizer: red, green, blue. It is drawn as a bar without text on it, so any colour is readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent(pub [u8; 3]);

impl Accent {
    /// The house's own.
    pub const HOUSE: Self = Self([0x7a, 0x2e, 0x3a]);

    /// Reads `#7a2e3a`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#')?, &mut parts).ok()?;
        Some(Self(parts))
    }
}

/// What stands on one ticket. Texts may be of any length: they are wrapped, set smaller, and in the end cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPaper {
    pub organizer_name: String,
    pub accent: Accent,
    pub event_name: String,
    /// IANA name of the zone in which times are told.
    pub zone: String,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    /// When the doors open.
    pub admission_at: Option<UtcMillis>,
    /// Empty for none; lines are joined.
    pub location: String,
    pub product_name: String,
    pub attendee_name: Option<String>,
    /// `Row 12, seat 4`.
    pub seat: Option<String>,
    pub order_code: String,
    /// Gross.
    pub price: Money,
    /// Tax in the price, hundredths of a percent: 700 is 7 %.
    pub tax_rate_bp: u32,
    /// What the QR code holds, byte for byte.
    pub code: String,
    /// Marked so that nobody takes it for a real one.
    pub test: bool,
    /// Which print this is, from 1; from 2 on marked as a copy. The code is the same.
    pub copy: u32,
    /// Who sold it, as the law wants it: name and address.
    pub seller: String,
    /// When the ticket was issued: the date inside the file.
    pub issued_at: UtcMillis,
}

const WIDTH: f32 = 105.0 * MM;
const HEIGHT: f32 = 148.0 * MM;
const MARGIN: f32 = 24.0;
const INNER: f32 = WIDTH - 2.0 * MARGIN;
/// Side of the square the QR symbol stands in, without its quiet zone: more leaves no room for words.
const SQUARE: f32 = 38.0 * MM;
const SQUARE_TOP: f32 = 264.0;
/// No symbol is printed smaller.
const SMALLEST_SYMBOL: f32 = 31.0 * MM;
/// Symbols of few modules stay smaller than their square, so that four modules of quiet fit around it.
const LARGEST_MODULE: f32 = 0.95 * MM;
/// Most modules on a side: smaller ones than 0.45 mm are lost to cheap printers and tired cameras.
const MOST_MODULES: usize = 85;
/// Where the dashes run that part words from code, above every quiet zone.
const FOLD: f32 = 250.0;
/// Labels of the list of facts stand left of this.
const VALUES: f32 = MARGIN + 50.0;

/// Sizes tried for the facts beside the code, in points.
const VALUE_SIZES: [f32; 5] = [11.0, 10.0, 9.0, 8.0, 7.0];
const LABEL: Style = Style::regular(8.0, SOFT);

/// Sizes of one attempt at the upper part, in points.
#[derive(Clone, Copy)]
struct Scale {
    event: f32,
    event_lines: usize,
    text: f32,
    location_lines: usize,
    gap: f32,
}

impl Scale {
    const fn new(event: f32, event_lines: usize, text: f32, location_lines: usize, gap: f32) -> Self {
        Self { event, event_lines, text, location_lines, gap }
    }
}

/// From generous to the smallest that is still read at arm's length; the last always fits, for it cuts.
const SCALES: [Scale; 7] = [
    Scale::new(25.0, 3, 11.0, 2, 15.0),
    Scale::new(22.0, 3, 11.0, 2, 13.0),
    Scale::new(19.0, 3, 10.5, 2, 11.0),
    Scale::new(16.5, 3, 10.0, 2, 9.0),
    Scale::new(14.0, 4, 9.5, 2, 7.0),
    Scale::new(12.5, 5, 9.0, 3, 5.0),
    Scale::new(12.5, 4, 9.0, 2, 5.0),
];

/// The tickets as one PDF, a page each.
///
/// # Errors
/// There is no ticket, one has no code or one too long to print, or the PDF cannot be written.
pub fn ticket_pdf(fonts: &Fonts, tickets: &[TicketPaper], language: Language) -> Result<Vec<u8>, PaperError> {
    let first = tickets.first().ok_or(PaperError::Nothing)?;
    let words = language.words();
    let pages = tickets
        .iter()
        .enumerate()
        .map(|(nth, ticket)| draw(fonts, ticket, language, (nth + 1, tickets.len())))
        .collect::<Result<Vec<_>, _>>()?;
    let title = format!("{} – {} {}", fonts.printable(&first.event_name), words.ticket, first.order_code);
    let about = About { title, author: &first.organizer_name, at: first.issued_at, language: words.tag };
    page::write(fonts, &pages, &about)
}

fn draw(fonts: &Fonts, ticket: &TicketPaper, language: Language, nth: (usize, usize)) -> Result<Page, PaperError> {
    if ticket.code.is_empty() {
        return Err(PaperError::NoCode(ticket.order_code.clone()));
    }
    let too_long = || PaperError::CodeTooLong { order: ticket.order_code.clone(), length: ticket.code.len() };
    let symbol = Symbol::of(&ticket.code).filter(|s| s.side <= MOST_MODULES).ok_or_else(too_long)?;

    let sheet = Sheet { fonts, ticket, language, words: language.words() };
    let mut page = sheet.whole_upper(nth);
    sheet.lower(&mut page, &symbol);
    Ok(page)
}

/// One ticket and all that is needed to draw it.
struct Sheet<'a> {
    fonts: &'a Fonts,
    ticket: &'a TicketPaper,
    language: Language,
    words: &'a Words,
}

impl Sheet<'_> {
    /// All above the fold at the largest scale at which it fits, one smaller where that saves the event's name a line.
    fn whole_upper(&self, nth: (usize, usize)) -> Page {
        let lines =
            |scale: &Scale| self.fonts.set(Weight::Bold, scale.event, &self.ticket.event_name, INNER, 4).lines.len();
        let skipped = usize::from(lines(&SCALES[1]) < lines(&SCALES[0]));
        let attempts = SCALES.iter().skip(skipped).map(|scale| self.upper(*scale, nth));
        let mut last = None;
        for (page, fits) in attempts {
            if fits {
                return page;
            }
            last = Some(page);
        }
        last.unwrap_or_else(|| Page::new(WIDTH, HEIGHT))
    }

    /// All above the fold, and whether it fits there whole.
    fn upper(&self, scale: Scale, nth: (usize, usize)) -> (Page, bool) {
        let (fonts, ticket) = (self.fonts, self.ticket);
        let mut page = Page::new(WIDTH, HEIGHT);
        let mut top = self.head(&mut page, nth);

        let event = fonts.balanced(Weight::Bold, &[scale.event], &ticket.event_name, INNER, scale.event_lines);
        let mut fits = !event.cut && !event.broken;
        let baseline = top + scale.event * 0.95;
        top = page.lines(MARGIN, baseline, Style::bold(scale.event, INK), &event, 1.14) + scale.text + scale.gap * 0.8;

        let when = self.language.when(ticket.starts_at, ticket.ends_at, ticket.admission_at, &ticket.zone);
        let strong = Style::bold(scale.text, INK);
        let plain = Style::regular(scale.text, INK);
        let line = |style: Style, text: &str| {
            let set = fonts.fit(style.weight, &[style.size, 9.5, 9.0, 8.5, 8.0, 7.5], text, INNER, 1);
            (style.of_size(set.size), set)
        };
        for (style, text) in [(strong, Some(&when.date)), (plain, Some(&when.time)), (plain, when.until.as_ref())] {
            if let Some(text) = text {
                let (style, set) = line(style, text);
                page.lines(MARGIN, top, style, &set, 1.0);
                top += scale.text * 1.38;
            }
        }
        let place = fonts.set(Weight::Regular, scale.text, &ticket.location, INNER, scale.location_lines);
        fits &= !place.cut;
        if !place.lines.is_empty() {
            top = page.lines(MARGIN, top, Style::regular(scale.text, SOFT), &place, 1.3) + scale.text * 1.38;
        }

        top += scale.gap - scale.text;
        page.rule(MARGIN, top, INNER, 0.6, LINE);
        top += scale.gap * 0.35;
        let facts = [(self.words.ticket, Some(&ticket.product_name)), (self.words.name, ticket.attendee_name.as_ref())];
        for (label, value) in facts {
            if let Some(value) = value {
                let width = WIDTH - MARGIN - VALUES;
                let set = fonts.balanced(Weight::Bold, &[scale.text, scale.text - 1.0, 8.0], value, width, 2);
                top = self.fact(&mut page, top, label, &set, scale.text);
            }
        }
        fits &= top <= FOLD - 4.0;
        (page, fits)
    }

    /// Bar, banner, organizer; answers where the event's name may begin.
    fn head(&self, page: &mut Page, (nth, of): (usize, usize)) -> f32 {
        let (fonts, ticket) = (self.fonts, self.ticket);
        page.area(Area { x: 0.0, y: 0.0, width: WIDTH, height: 11.0 }, Ink(ticket.accent.0));
        let mut top = 11.0;
        if ticket.test {
            page.area(Area { x: 0.0, y: top, width: WIDTH, height: 17.0 }, INK);
            let style = Style::bold(9.0, WHITE);
            page.text_around(fonts, WIDTH / 2.0, top + 11.7, style, self.words.ticket_test);
            top += 17.0;
        }
        top += 19.0;
        let soft = Style::bold(8.5, SOFT);
        let mut room = INNER;
        let mark = |page: &mut Page, room: &mut f32, style: Style, text: &str| {
            page.text_to(fonts, MARGIN + *room, top, style, text);
            *room -= fonts.width(style.weight, style.size, text) + 12.0;
        };
        if of > 1 {
            mark(page, &mut room, Style::regular(8.5, SOFT), &format!("{nth}/{of}"));
        }
        if let Some(copy) = self.words.copy_mark(ticket.copy) {
            mark(page, &mut room, Style::bold(8.5, INK), &copy);
        }
        let organizer = fonts.fit(soft.weight, &[8.5, 8.0, 7.5], &ticket.organizer_name, room, 1);
        page.lines(MARGIN, top, soft, &organizer, 1.0);
        top + 9.0
    }

    /// A label and its value in the list of facts; answers where the next begins.
    fn fact(&self, page: &mut Page, top: f32, label: &str, value: &Set, size: f32) -> f32 {
        let baseline = top + size * 1.15;
        page.text(MARGIN, baseline, LABEL, label);
        page.lines(VALUES, baseline, Style::bold(size, INK), value, 1.2) + size * 0.45
    }

    /// The code and what stands beside and below it.
    fn lower(&self, page: &mut Page, symbol: &Symbol) {
        let (fonts, ticket, words) = (self.fonts, self.ticket, self.words);
        page.dashes(MARGIN, FOLD, INNER, 0.6, LINE);
        let side = (symbol.side as f32 * LARGEST_MODULE).clamp(SMALLEST_SYMBOL, SQUARE);
        page.symbol(MARGIN, SQUARE_TOP + (SQUARE - side) / 2.0, side, symbol);

        let x = MARGIN + SQUARE + 17.0;
        let width = WIDTH - MARGIN - x;
        let value = Style::bold(11.0, INK);
        let mut top = SQUARE_TOP - 1.0;
        let mut put = |page: &mut Page, label: &str, text: &str, lines: usize, note: Option<&str>| {
            page.text(x, top + 6.0, Style::regular(7.5, SOFT), label);
            let set = fonts.balanced(value.weight, &VALUE_SIZES, text, width, lines);
            let mut last = page.lines(x, top + 9.0 + set.size * 0.8, value, &set, 1.12);
            if let Some(note) = note {
                let set = fonts.fit(Weight::Regular, &[7.5, 7.0, 6.5, 6.0], note, width, 2);
                last = page.lines(x, last + 9.5, Style::regular(set.size, SOFT), &set, 1.2);
            }
            top = last + 7.5;
        };
        if let Some(seat) = ticket.seat.as_deref().filter(|seat| !fonts.printable(seat).is_empty()) {
            // Broken after a comma where that works: "Row 12" stays together.
            let parts: Vec<String> = seat.split(", ").map(|part| part.trim().replace(' ', "\u{A0}")).collect();
            let together = parts.join(", ");
            let whole = fonts.fit(Weight::Bold, &VALUE_SIZES, &together, width, 2);
            put(page, words.seat, if whole.cut || whole.broken { seat } else { &together }, 2, None);
        }
        put(page, words.order, &ticket.order_code, 1, None);
        if ticket.price.minor == 0 {
            put(page, words.price, words.free, 1, None);
        } else {
            let tax = self.language.tax(ticket.price, ticket.tax_rate_bp);
            put(page, words.price, &self.language.money(ticket.price), 1, Some(&tax));
        }
        put(page, words.code, &tail(&ticket.code), 1, None);

        let seller = format!("{} {}", words.seller, ticket.seller);
        let seller = fonts.balanced(Weight::Regular, &[7.0, 6.5, 6.0], &seller, INNER, 3);
        page.lines(MARGIN, SQUARE_TOP + SQUARE + 22.5, Style::regular(seller.size, SOFT), &seller, 1.25);
    }
}

/// What a person reads out when the code cannot be scanned: all of a short code, else its last eight characters.
fn tail(code: &str) -> String {
    let characters: Vec<char> = code.chars().collect();
    if characters.len() <= 16 {
        return code.to_owned();
    }
    let end: String = characters[characters.len() - 8..].iter().collect();
    let (left, right) = end.split_at(end.char_indices().nth(4).map_or(end.len(), |(i, _)| i));
    format!("…{left}\u{A0}{right}")
}

#[cfg(test)]
mod tests {
    use super::{super::page::proof, *};
    use crate::money::Currency;
    use proptest::prelude::*;

    const CODE: &str = "0XQ8K2M7VNPR4T1HYB6G3WJZ9CDFSLAEU$%*-.0XQ8K2M7VNPR4T1HYB6G3WJZ9CDFSLAEU$%*-.0XQ8K2M7VNPR4T1HYB6G3WJZ9CDFSLAEU$%*-.0XQ8K2M7VNPR4T1HYB6G3WJZ9CDFSLAEU$%*-.7";

    pub(super) fn ticket() -> TicketPaper {
        let at = |text| UtcMillis::parse(text).unwrap();
        TicketPaper {
            organizer_name: "Speicher Nord e. V.".into(),
            accent: Accent::HOUSE,
            event_name: "Winternacht der Klänge".into(),
            zone: "Europe/Berlin".into(),
            starts_at: at("2025-12-12T19:00:00Z"),
            ends_at: None,
            admission_at: Some(at("2025-12-12T18:00:00Z")),
            location: "Speicher Nord, Hafenstraße 4, 20457 Hamburg".into(),
            product_name: "Stehplatz, ermäßigt".into(),
            attendee_name: Some("Zoë Müller-Żółć".into()),
            seat: Some("Block B, Reihe 12, Platz 104".into()),
            order_code: "K7M3Q".into(),
            price: Money::new(2400, Currency::EUR),
            tax_rate_bp: 700,
            code: CODE.into(),
            test: false,
            copy: 1,
            seller: "Speicher Nord e. V., Hafenstraße 4, 20457 Hamburg, VR 12345".into(),
            issued_at: at("2025-11-01T10:00:00Z"),
        }
    }

    fn worst() -> TicketPaper {
        let at = |text| UtcMillis::parse(text).unwrap();
        TicketPaper {
            organizer_name: "Internationale Gesellschaft der Freundinnen und Freunde der Kammermusik am Hafen".into(),
            event_name: "Donaudampfschifffahrtsgesellschaftskapitänskonzert mit Wolfgang Amadeus Mozarts vollständigem \
                         Streichquartettschaffen und anschließender Podiumsdiskussion über Weltkulturerbestätten"
                .into(),
            ends_at: Some(at("2025-12-31T22:00:00Z")),
            location: "Landesfunkhaus Mecklenburg-Vorpommern, Konzertsaal im dritten Obergeschoss, Eingang über den \
                       Innenhof der Schlossgartenallee 61, 19061 Schwerin, Deutschland"
                .into(),
            product_name: "Ermäßigte Karte für Schülerinnen, Studierende und Menschen mit Schwerbehindertenausweis".into(),
            attendee_name: Some("Maximiliana-Theophania Freifrau von und zu Wolkenstein-Rodenegg".into()),
            seat: Some("Zweiter Rang links, Loge 14, Reihe 112, Platz 1042, Hörplatz".into()),
            order_code: "ABCDEFGHIJKLMNOPQRSTUVWXYZ".into(),
            price: Money::new(999_999_999_999, "KWD".parse().unwrap()),
            tax_rate_bp: 1925,
            test: true,
            seller: "Internationale Gesellschaft der Freundinnen und Freunde der Kammermusik, Schlossgartenallee 61, \
                     19061 Schwerin, Amtsgericht Schwerin VR 123456, USt-IdNr. DE123456789, vertreten durch den Vorstand"
                .into(),
            ..ticket()
        }
    }

    fn drawn(ticket: &TicketPaper, language: Language) -> Page {
        draw(Fonts::shipped(), ticket, language, (12, 400)).unwrap()
    }

    fn texts(page: &Page) -> Vec<String> {
        let text = |mark: &page::Mark| match mark {
            page::Mark::Text { text, .. } => Some(text.replace('\u{A0}', " ")),
            page::Mark::Areas { .. } | page::Mark::Symbol { .. } => None,
        };
        page.marks.iter().filter_map(text).collect()
    }

    #[test]
    fn a_ticket_says_what_where_when_who_and_for_how_much() {
        let texts = texts(&drawn(&ticket(), Language::De)).join("\n");
        for part in [
            "Speicher Nord e. V.",
            "Freitag, 12. Dezember 2025",
            "20:00 Uhr · Einlass 19:00 Uhr",
            "Stehplatz, ermäßigt",
            "Zoë Müller-Żółć",
            "K7M3Q",
            "24,00 €",
            "inkl. 7 % MwSt. 1,57 €",
            "…EU$% *-.7",
            "Verkauft von Speicher Nord e. V.",
        ] {
            assert!(texts.contains(part), "{part:?} is missing in\n{texts}");
        }
        assert!(!texts.contains("TEST"));
    }

    #[test]
    fn a_ticket_printed_again_says_which_copy_it_is_and_keeps_its_code() {
        let again = TicketPaper { copy: 2, ..ticket() };
        let (first, second) = (texts(&drawn(&ticket(), Language::De)), texts(&drawn(&again, Language::De)));
        assert!(!first.iter().any(|t| t.starts_with("Kopie")) && second.contains(&"Kopie 2".to_owned()), "{second:?}");
        let symbol = |ticket| {
            let marks = drawn(ticket, Language::De).marks;
            format!("{:?}", marks.iter().find(|m| matches!(m, page::Mark::Symbol { .. })).unwrap())
        };
        assert_eq!(symbol(&ticket()), symbol(&again));
    }

    #[test]
    fn a_test_ticket_says_so_in_each_language() {
        let test = TicketPaper { test: true, ..ticket() };
        assert!(texts(&drawn(&test, Language::En)).contains(&"TEST – NOT VALID FOR ENTRY".to_owned()));
        assert!(texts(&drawn(&test, Language::De)).contains(&"TEST – KEIN GÜLTIGES TICKET".to_owned()));
    }

    #[test]
    fn the_longest_words_stay_on_the_page_and_apart() {
        for language in [Language::En, Language::De] {
            for ticket in [ticket(), worst(), TicketPaper { test: true, ..ticket() }] {
                proof::nothing_overflows(Fonts::shipped(), &drawn(&ticket, language), MARGIN - 0.5);
            }
        }
    }

    #[test]
    fn an_event_name_of_three_lines_and_a_name_of_sixty_letters_are_printed_whole() {
        let ticket = TicketPaper {
            event_name: "Die lange Nacht der Filmmusik mit dem Hafenorchester und dem Kammerchor Sankt Nikolai".into(),
            attendee_name: Some("Anna-Sophia Charlotte Elisabeth von Hohenberg zu Lichtenstein".into()),
            ..ticket()
        };
        let all = texts(&drawn(&ticket, Language::De)).join(" ");
        for word in ticket.event_name.split(' ').chain(ticket.attendee_name.as_deref().unwrap().split(' ')) {
            assert!(all.contains(word), "{word:?} is missing in {all}");
        }
        assert!(!texts(&drawn(&ticket, Language::De)).iter().any(|text| text.ends_with('…')));
    }

    #[test]
    fn the_symbol_is_at_least_thirty_millimetres_wide_inside_a_quiet_zone_of_four_modules() {
        for code in ["A1", CODE, &"k3y+".repeat(40)] {
            let page = drawn(&TicketPaper { code: code.into(), ..ticket() }, Language::En);
            let (x, module, runs) = page
                .marks
                .iter()
                .find_map(|mark| match mark {
                    page::Mark::Symbol { x, module, runs, .. } => Some((*x, *module, runs)),
                    page::Mark::Text { .. } | page::Mark::Areas { .. } => None,
                })
                .unwrap();
            let side = runs.iter().map(|run| run.from + run.length).max().unwrap();
            assert!(side as f32 * module >= 30.0 * MM);
            assert!(x >= 4.0 * module);
            proof::nothing_overflows(Fonts::shipped(), &page, MARGIN - 0.5);
        }
    }

    #[test]
    fn a_file_is_small_and_carries_only_the_glyphs_it_uses() {
        for ticket in [ticket(), worst()] {
            let pdf = ticket_pdf(Fonts::shipped(), &[ticket], Language::De).unwrap();
            proof::fonts_are_subsets(&pdf);
            assert!(pdf.len() < 40_000, "{} bytes", pdf.len());
        }
    }

    #[test]
    fn the_same_tickets_give_the_same_bytes_and_others_give_others() {
        let pdf = |tickets: &[TicketPaper]| ticket_pdf(Fonts::shipped(), tickets, Language::En).unwrap();
        let two = [ticket(), worst()];
        assert!(pdf(&two) == pdf(&two));
        assert!(pdf(&two[..1]) != pdf(&two));
        let other = TicketPaper { attendee_name: Some("Anna".into()), ..ticket() };
        assert_ne!(
            proof::font_names(&pdf(&[other])),
            proof::font_names(&pdf(&two[..1])),
            "the tag tells subsets apart"
        );
    }

    #[test]
    fn many_tickets_in_one_file_share_their_fonts() {
        let many = vec![ticket(); 50];
        let pdf = ticket_pdf(Fonts::shipped(), &many, Language::En).unwrap();
        proof::fonts_are_subsets(&pdf);
        assert!(pdf.len() < 50 * 6_000, "{} bytes", pdf.len());
    }

    #[test]
    fn what_cannot_be_printed_is_refused_with_a_sentence() {
        let make = |ticket| ticket_pdf(Fonts::shipped(), &[ticket], Language::En);
        assert_eq!(ticket_pdf(Fonts::shipped(), &[], Language::En), Err(PaperError::Nothing));
        assert_eq!(make(TicketPaper { code: String::new(), ..ticket() }), Err(PaperError::NoCode("K7M3Q".into())));
        for length in [500, 5000] {
            let error = make(TicketPaper { code: "é".repeat(length), ..ticket() }).unwrap_err();
            assert_eq!(error, PaperError::CodeTooLong { order: "K7M3Q".into(), length: 2 * length });
        }
    }

    #[test]
    fn a_colour_is_read_as_written_on_the_web() {
        assert_eq!(Accent::parse("#7a2e3a"), Some(Accent::HOUSE));
        for wrong in ["7a2e3a", "#7a2e3", "#7a2e3az", "#gggggg", ""] {
            assert_eq!(Accent::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_typed_nothing_overflows_and_nothing_panics(
            event in "\\PC{0,200}", name in ".{0,120}", seat in proptest::option::of(".{0,80}"), place in ".{0,200}",
            code in "\\PC{1,60}", minor in any::<i64>(), rate in any::<u32>(), at in any::<i64>(), zone in ".{0,20}",
            test in any::<bool>(), copy in any::<u32>(),
        ) {
            let ticket = TicketPaper {
                event_name: event.clone(), attendee_name: Some(name.clone()), seat, location: place.clone(),
                product_name: name, organizer_name: event, seller: place, order_code: code.clone(), code,
                price: Money::new(minor, Currency::EUR), tax_rate_bp: rate, starts_at: UtcMillis(at), zone, test, copy,
                ends_at: Some(UtcMillis(at.saturating_add(86_400_000))), admission_at: Some(UtcMillis(at / 2)),
                issued_at: UtcMillis(at), ..ticket()
            };
            let page = draw(Fonts::shipped(), &ticket, Language::De, (1, 1)).unwrap();
            proof::nothing_overflows(Fonts::shipped(), &page, MARGIN - 0.5);
        }
    }
}
