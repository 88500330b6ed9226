//! The list of last resort: who may come in, on A4 and as a table for a spreadsheet, for a door whose machines are gone.
//! Names as in a telephone book, one line each with a box to tick, and at the head from when it is: what happened since
//! is not on it. Not here: which tickets belong on it and where it goes.

use super::{
    Fonts, Language, PaperError,
    page::{self, About, Area, INK, LINE, MM, Page, SOFT, Style},
};
use crate::clock::UtcMillis;
use unicode_normalization::UnicodeNormalization;

/// What the door must know of one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorListState {
    /// It may come in.
    Open,
    /// It has come in; the first time at this instant.
    Entered { at: UtcMillis, inside: bool },
    /// Its order is not paid.
    Unpaid,
    /// It was blocked; nobody comes in with it.
    Blocked,
}

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorListRow {
    /// As it was given; `None` where there is none or whoever prints may not see it.
    pub name: Option<String>,
    /// The product, with variation and date where it has them.
    pub product: String,
    pub order_code: String,
    pub state: DoorListState,
    /// A ticket made to try things out.
    pub test: bool,
}

/// Everybody on one check-in list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorList {
    pub event_name: String,
    pub list_name: String,
    /// IANA name of the zone in which times are told.
    pub zone: String,
    pub starts_at: UtcMillis,
    pub printed_at: UtcMillis,
    /// When the data behind it was last known to be complete; `None` where that is not known.
    pub data_from: Option<UtcMillis>,
    /// Who made it: the station's place, or the office.
    pub made_by: String,
    /// In any order.
    pub rows: Vec<DoorListRow>,
}

/// Fixed words of one language.
struct Words {
    tag: &'static str,
    title: &'static str,
    data_from: &'static str,
    data_unknown: &'static str,
    page: &'static str,
    of: &'static str,
    tickets: &'static str,
    entered: &'static str,
    /// Heads of the columns: name, product, order, note.
    columns: [&'static str; 4],
    inside: &'static str,
    left: &'static str,
    unpaid: &'static str,
    blocked: &'static str,
    test: &'static str,
    nameless: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en",
    title: "Door list",
    data_from: "as of",
    data_unknown: "age of the data unknown",
    page: "Page",
    of: "of",
    tickets: "tickets",
    entered: "in already",
    columns: ["Name", "Product", "Order", "Note"],
    inside: "in at",
    left: "left, came",
    unpaid: "NOT PAID",
    blocked: "BLOCKED",
    test: "test",
    nameless: "–",
};

const GERMAN: Words = Words {
    tag: "de",
    title: "Einlassliste",
    data_from: "Stand",
    data_unknown: "Stand der Daten unbekannt",
    page: "Seite",
    of: "von",
    tickets: "Tickets",
    entered: "schon drin",
    columns: ["Name", "Produkt", "Bestellung", "Hinweis"],
    inside: "drin seit",
    left: "gegangen, kam",
    unpaid: "NICHT BEZAHLT",
    blocked: "GESPERRT",
    test: "Test",
    nameless: "–",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::De => &GERMAN,
    }
}

/// `Ada Lovelace` as people look it up: `Lovelace, Ada`.
fn looked_up(name: &str) -> String {
    let name = name.trim();
    match name.rsplit_once(char::is_whitespace) {
        Some((first, last)) => format!("{last}, {}", first.trim_end()),
        None => name.to_owned(),
    }
}

/// Letters without accents and case, so that Öztürk stands among the O.
fn order_of(text: &str) -> String {
    text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase).collect()
}

/// The rows with what stands in the column of names, in the order in which they are looked up: by name, then those
/// without one by order.
fn sorted(list: &DoorList) -> Vec<(Option<String>, &DoorListRow)> {
    let named = |row: &DoorListRow| row.name.as_deref().map(looked_up).filter(|name| !name.is_empty());
    let mut rows: Vec<_> = list.rows.iter().map(|row| (named(row), row)).collect();
    rows.sort_by_cached_key(|(name, row)| {
        (name.is_none(), name.as_deref().map(order_of), row.order_code.clone(), row.product.clone())
    });
    rows
}

/// What stands in the column of notes.
fn note(list: &DoorList, row: &DoorListRow, language: Language) -> String {
    let words = words(language);
    let state = match row.state {
        DoorListState::Open => String::new(),
        DoorListState::Entered { at, inside } => {
            let (stamp, word) = (at.in_zone(&list.zone), if inside { words.inside } else { words.left });
            format!("{word} {}", stamp.strftime("%H:%M"))
        }
        DoorListState::Unpaid => words.unpaid.to_owned(),
        DoorListState::Blocked => words.blocked.to_owned(),
    };
    match (row.test, state.is_empty()) {
        (false, _) => state,
        (true, true) => words.test.to_owned(),
        (true, false) => format!("{state}, {}", words.test),
    }
}

const WIDTH: f32 = 210.0 * MM;
const HEIGHT: f32 = 297.0 * MM;
const MARGIN: f32 = 12.0 * MM;
const INNER: f32 = WIDTH - 2.0 * MARGIN;
/// Where the table begins.
const TOP: f32 = MARGIN + 62.0;
/// High enough for a finger and a pencil.
const ROW: f32 = 15.5;
/// Where columns begin, from the left margin: name, product, order, note.
const COLUMNS: [f32; 4] = [18.0, 208.0, 352.0, 420.0];
/// Room between a column's text and the next.
const GAP: f32 = 7.0;
const TEXT: Style = Style::regular(9.0, INK);
const STRONG: Style = Style::bold(9.0, INK);
const HEAD: Style = Style::bold(8.0, SOFT);
/// The box to tick.
const BOX: f32 = 8.5;

/// Rows on one page.
const A_PAGE: usize = ((HEIGHT - MARGIN - 14.0 - TOP) / ROW) as usize;

/// The list as a PDF on A4.
///
/// # Errors
/// When nobody is on it, or the PDF cannot be written.
pub fn door_list_pdf(fonts: &Fonts, list: &DoorList, language: Language) -> Result<Vec<u8>, PaperError> {
    let pages = draw(fonts, list, language)?;
    let words = words(language);
    let title = format!("{} – {} – {}", words.title, list.event_name, list.list_name);
    page::write(fonts, &pages, &About { title, author: &list.made_by, at: list.printed_at, language: words.tag })
}

fn draw(fonts: &Fonts, list: &DoorList, language: Language) -> Result<Vec<Page>, PaperError> {
    let rows = sorted(list);
    if rows.is_empty() {
        return Err(PaperError::Nothing);
    }
    let sheet = Sheet { fonts, list, language, words: words(language), of: rows.chunks(A_PAGE).len() };
    Ok(rows.chunks(A_PAGE).enumerate().map(|(nth, rows)| sheet.page(nth + 1, rows)).collect())
}

/// What all pages share.
struct Sheet<'a> {
    fonts: &'a Fonts,
    list: &'a DoorList,
    language: Language,
    words: &'static Words,
    /// Pages in all.
    of: usize,
}

impl Sheet<'_> {
    fn page(&self, number: usize, rows: &[(Option<String>, &DoorListRow)]) -> Page {
        let mut page = Page::new(WIDTH, HEIGHT);
        self.head(&mut page, rows);
        let rules = (0..=rows.len()).map(|n| Area { x: MARGIN, y: TOP + n as f32 * ROW, width: INNER, height: 0.5 });
        page.marks.push(page::Mark::Areas { areas: rules.collect(), ink: LINE });
        for (nth, (name, row)) in rows.iter().enumerate() {
            self.row(&mut page, TOP + nth as f32 * ROW, name.as_deref(), row);
        }
        self.foot(&mut page, number);
        page
    }

    /// One line of at most `width`, cut where it is longer.
    fn cell(&self, page: &mut Page, (x, baseline): (f32, f32), style: Style, text: &str, width: f32) {
        page.text(x, baseline, style, &self.cut(style, text, width));
    }

    /// As many letters as there is room for: a name that is too long shows its beginning, wherever its words end.
    fn cut(&self, style: Style, text: &str, width: f32) -> String {
        let mut text = self.fonts.printable(text);
        if self.fonts.width(style.weight, style.size, &text) <= width {
            return text;
        }
        while !text.is_empty() && self.fonts.width(style.weight, style.size, &format!("{text}…")) > width {
            text.pop();
        }
        format!("{}…", text.trim_end())
    }

    fn head(&self, page: &mut Page, rows: &[(Option<String>, &DoorListRow)]) {
        let (list, words) = (self.list, self.words);
        let title = Style::bold(15.0, INK);
        let when = self.language.when(list.starts_at, None, None, &list.zone);
        // As in a dictionary: who begins and who ends this page.
        let ends =
            [rows.first(), rows.last()].map(|row| row.and_then(|(name, row)| name.as_ref().or(Some(&row.order_code))));
        let [first, last] = ends.map(|text| text.map_or("", |text| text.split(',').next().unwrap_or("")));
        let range = self.cut(title.of_size(12.0), &format!("{first} – {last}"), INNER * 0.42);
        let taken = self.fonts.width(title.weight, 12.0, &range);
        page.text_to(self.fonts, WIDTH - MARGIN, MARGIN + 13.0, title.of_size(12.0), &range);
        self.cell(page, (MARGIN, MARGIN + 13.0), title, &list.event_name, INNER - taken - 14.0);
        let line = format!("{} · {} · {} {}", words.title, list.list_name, when.date, when.time);
        self.cell(page, (MARGIN, MARGIN + 28.0), Style::regular(9.5, INK), &line, INNER);
        let data = match list.data_from {
            Some(at) => format!("{} {}", words.data_from, self.language.stamp(at, &list.zone)),
            None => words.data_unknown.to_owned(),
        };
        let entered = list.rows.iter().filter(|row| matches!(row.state, DoorListState::Entered { .. })).count();
        let counts = format!("{} {}, {entered} {}", list.rows.len(), words.tickets, words.entered);
        self.cell(page, (MARGIN, MARGIN + 41.0), STRONG, &format!("{data} · {counts}"), INNER);
        for (x, word) in COLUMNS.iter().zip(words.columns) {
            page.text(MARGIN + x, TOP - 5.0, HEAD, word);
        }
    }

    fn row(&self, page: &mut Page, top: f32, name: Option<&str>, row: &DoorListRow) {
        let (left, y) = (MARGIN + 1.0, top + (ROW - BOX) / 2.0);
        if row.state == DoorListState::Open {
            let edges = [
                Area { x: left, y, width: BOX, height: 0.7 },
                Area { x: left, y: y + BOX - 0.7, width: BOX, height: 0.7 },
                Area { x: left, y, width: 0.7, height: BOX },
                Area { x: left + BOX - 0.7, y, width: 0.7, height: BOX },
            ];
            page.marks.push(page::Mark::Areas { areas: edges.to_vec(), ink: INK });
        } else if let DoorListState::Entered { .. } = row.state {
            page.area(Area { x: left, y, width: BOX, height: BOX }, SOFT);
        }
        let ends = COLUMNS.iter().skip(1).copied().chain([INNER + GAP]);
        let note = note(self.list, row, self.language);
        let texts = [name.unwrap_or(self.words.nameless), row.product.as_str(), row.order_code.as_str(), note.as_str()];
        let styles = [STRONG, TEXT, TEXT, if row.state == DoorListState::Open { TEXT } else { STRONG }];
        for (((x, end), text), style) in COLUMNS.iter().zip(ends).zip(texts).zip(styles) {
            self.cell(page, (MARGIN + x, top + 10.8), style, text, end - x - GAP);
        }
    }

    fn foot(&self, page: &mut Page, number: usize) {
        let (small, baseline) = (Style::regular(7.5, SOFT), HEIGHT - MARGIN + 4.0);
        let pages = format!("{} {number} {} {}", self.words.page, self.words.of, self.of);
        let made = format!("{} · {}", self.list.made_by, self.language.stamp(self.list.printed_at, &self.list.zone));
        self.cell(page, (MARGIN, baseline), small, &made, INNER * 0.7);
        page.text_to(self.fonts, WIDTH - MARGIN, baseline, small, &pages);
    }
}

/// The list as a table for a spreadsheet: UTF-8 with its mark, commas, in the same order as on paper.
#[must_use]
pub fn door_list_csv(list: &DoorList, language: Language) -> String {
    let [name, product, order, note_head] = words(language).columns;
    let mut out = format!("\u{feff}{name},{product},{order},{note_head}\r\n");
    for (_, row) in sorted(list) {
        let note = note(list, row, language);
        let cells = [row.name.as_deref().unwrap_or_default(), row.product.as_str(), row.order_code.as_str(), &note];
        out.push_str(&cells.map(cell).join(","));
        out.push_str("\r\n");
    }
    out
}

/// A cell as RFC 4180 writes it. What a spreadsheet would take for a formula is made text: buyers type these.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::{super::page::proof, *};

    fn at(text: &str) -> UtcMillis {
        UtcMillis::parse(text).unwrap()
    }

    fn row(name: &str, order: &str, state: DoorListState) -> DoorListRow {
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        DoorListRow { name, product: "Stehplatz".into(), order_code: order.into(), state, test: false }
    }

    fn list(rows: Vec<DoorListRow>) -> DoorList {
        DoorList {
            event_name: "Winternacht der Klänge".into(),
            list_name: "Haupteingang".into(),
            zone: "Europe/Berlin".into(),
            starts_at: at("2025-12-12T19:00:00Z"),
            printed_at: at("2025-12-12T18:40:05Z"),
            data_from: Some(at("2025-12-12T18:31:00Z")),
            made_by: "Kasse 1".into(),
            rows,
        }
    }

    fn mixed() -> DoorList {
        let entered = |inside| DoorListState::Entered { at: at("2025-12-12T18:12:00Z"), inside };
        list(vec![
            row("", "ZZZ", DoorListState::Open),
            row("Zoë Müller", "K7M3Q", DoorListState::Open),
            row("Aydın Öztürk", "A1", entered(true)),
            row("Ada Lovelace", "B2", entered(false)),
            row("Anna van der Berg", "C3", DoorListState::Unpaid),
            row("Cher", "D4", DoorListState::Blocked),
            row("=cmd|'/c calc'!A1", "E5", DoorListState::Open),
        ])
    }

    #[test]
    fn names_stand_as_people_look_them_up_and_those_without_one_behind_them() {
        let list = mixed();
        let names: Vec<_> =
            sorted(&list).into_iter().map(|(name, row)| name.unwrap_or(row.order_code.clone())).collect();
        let expected = [
            "Berg, Anna van der",
            "calc'!A1, =cmd|'/c",
            "Cher",
            "Lovelace, Ada",
            "Müller, Zoë",
            "Öztürk, Aydın",
            "ZZZ",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn each_state_is_said_in_both_languages_and_an_open_ticket_needs_no_word() {
        let list = mixed();
        let notes = |language| list.rows.iter().map(|row| note(&list, row, language)).collect::<Vec<_>>();
        assert_eq!(notes(Language::En), ["", "", "in at 19:12", "left, came 19:12", "NOT PAID", "BLOCKED", ""]);
        let german = ["", "", "drin seit 19:12", "gegangen, kam 19:12", "NICHT BEZAHLT", "GESPERRT", ""];
        assert_eq!(notes(Language::De), german);
        let test = DoorListRow { test: true, ..list.rows[2].clone() };
        assert_eq!(note(&list, &test, Language::En), "in at 19:12, test");
    }

    #[test]
    fn a_table_holds_everybody_and_no_formula() {
        let csv = door_list_csv(&mixed(), Language::De);
        let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').split_terminator("\r\n").collect();
        assert_eq!(lines[0], "Name,Produkt,Bestellung,Hinweis");
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[1], "Anna van der Berg,Stehplatz,C3,NICHT BEZAHLT");
        assert_eq!(lines[2], "'=cmd|'/c calc'!A1,Stehplatz,E5,");
        assert_eq!(lines[4], "Ada Lovelace,Stehplatz,B2,\"gegangen, kam 19:12\"");
        assert_eq!(lines[7], ",Stehplatz,ZZZ,");
    }

    #[test]
    fn nothing_overflows_whatever_people_are_called() {
        let long = "Wolfeschlegelsteinhausenbergerdorff ".repeat(9);
        let rows = (0..A_PAGE + 3).map(|n| DoorListRow {
            name: Some(format!("{long}{n}")),
            product: long.clone(),
            order_code: "WWWWWWWWWWWWWWWW".into(),
            state: DoorListState::Entered { at: at("2025-12-12T18:12:00Z"), inside: n % 2 == 0 },
            test: true,
        });
        let mut list = list(rows.collect());
        (list.event_name, list.list_name, list.made_by) = (long.clone(), long.clone(), long);
        for language in [Language::En, Language::De] {
            let pages = draw(Fonts::shipped(), &list, language).unwrap();
            assert_eq!(pages.len(), 2);
            pages.iter().for_each(|page| proof::nothing_overflows(Fonts::shipped(), page, MARGIN));
        }
    }

    #[test]
    fn everybody_is_on_some_page_and_every_page_says_from_when_it_is() {
        let rows = (0..200).map(|n| row(&format!("Gast {n:03}"), &format!("G{n:03}"), DoorListState::Open));
        let pages = draw(Fonts::shipped(), &list(rows.collect()), Language::De).unwrap();
        let texts = |page: &Page| -> Vec<String> {
            let text = |mark: &page::Mark| match mark {
                page::Mark::Text { text, .. } => Some(text.clone()),
                page::Mark::Areas { .. } | page::Mark::Symbol { .. } => None,
            };
            page.marks.iter().filter_map(text).collect()
        };
        let all: Vec<String> = pages.iter().flat_map(texts).collect();
        for n in 0..200 {
            assert_eq!(all.iter().filter(|text| **text == format!("G{n:03}")).count(), 1, "{n}");
        }
        for page in &pages {
            let said = texts(page);
            assert!(said.iter().any(|text| text.starts_with("Stand 12.12.2025, 19:31:00 · 200 Tickets")), "{said:?}");
        }
        assert!(texts(&pages[0])[0].starts_with("000 – "), "{:?}", texts(&pages[0])[0]);
    }

    #[test]
    fn the_file_is_the_same_each_time_and_nobody_is_an_error() {
        let list = mixed();
        let pdf = door_list_pdf(Fonts::shipped(), &list, Language::En).unwrap();
        assert_eq!(pdf, door_list_pdf(Fonts::shipped(), &list, Language::En).unwrap());
        proof::fonts_are_subsets(&pdf);
        let nobody = DoorList { rows: Vec::new(), ..list };
        assert_eq!(door_list_pdf(Fonts::shipped(), &nobody, Language::En), Err(PaperError::Nothing));
        assert_eq!(door_list_csv(&nobody, Language::En).lines().count(), 1);
    }
}
