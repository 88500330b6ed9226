//! A receipt: one page as wide as an 80 mm roll and as long as it must be. Adds up what was sold; black only, for
//! thermal printers know no grey. Not here: who gives receipt numbers and what the drawer holds.

use super::{
    Fonts, Language, PaperError,
    page::{self, About, BLACK, MM, Page, Style},
    words::Words,
};
use crate::{
    clock::UtcMillis,
    money::{Money, MoneyError},
};
use std::collections::BTreeMap;

/// One line: so many of one product at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptLine {
    pub name: String,
    pub quantity: u32,
    /// Gross, of one; negative for what is given back.
    pub price: Money,
    /// Tax in the price, hundredths of a percent.
    pub tax_rate_bp: u32,
}

/// What stands on one receipt. The total, the change and the taxes are worked out from the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptPaper {
    /// The legal name of who sells.
    pub seller_name: String,
    /// As many lines as there are.
    pub seller_address: String,
    /// Value added tax number or tax number, where there is one.
    pub seller_tax_number: Option<String>,
    pub receipt_number: String,
    /// The number of the receipt whose sale, or a part of it, was undone, where money goes back.
    pub reverses: Option<String>,
    pub at: UtcMillis,
    /// IANA name of the zone in which the time is told.
    pub zone: String,
    pub till: String,
    pub cashier: Option<String>,
    pub event_name: String,
    pub order_code: String,
    pub lines: Vec<ReceiptLine>,
    /// Cash handed over; below zero what was given back.
    pub given: Money,
    /// Which print this is, from 1; from 2 on marked as a copy.
    pub copy: u32,
    /// From training or a test event: marked so that nobody takes it for a real one.
    pub test: bool,
}

const WIDTH: f32 = 80.0 * MM;
/// Printers of 80 mm rolls reach 72 mm of them.
const MARGIN: f32 = 4.0 * MM;
const INNER: f32 = WIDTH - 2.0 * MARGIN;
const RIGHT: f32 = WIDTH - MARGIN;

const PLAIN: Style = Style::regular(8.5, BLACK);
const STRONG: Style = Style::bold(8.5, BLACK);
const SMALL: Style = Style::regular(7.5, BLACK);
const LINE_HEIGHT: f32 = 12.0;

/// Gross and tax of all lines of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taxed {
    gross: Money,
    tax: Money,
}

/// What the lines come to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sums {
    lines: Vec<Money>,
    total: Money,
    change: Money,
    /// By rate in hundredths of a percent. Tax is rounded for one piece and multiplied, as each piece is a position of
    /// the order.
    by_rate: BTreeMap<u32, Taxed>,
}

impl Sums {
    fn of(receipt: &ReceiptPaper) -> Result<Self, PaperError> {
        let mut total = Money::zero(receipt.given.currency);
        let mut by_rate = BTreeMap::new();
        let mut lines = Vec::with_capacity(receipt.lines.len());
        for line in &receipt.lines {
            let quantity = i64::from(line.quantity);
            let gross = line.price.times(quantity)?;
            let tax = line.price.tax_included(line.tax_rate_bp).times(quantity)?;
            total = total.plus(gross)?;
            let zero = Money::zero(gross.currency);
            let sum = by_rate.entry(line.tax_rate_bp).or_insert(Taxed { gross: zero, tax: zero });
            *sum = Taxed { gross: sum.gross.plus(gross)?, tax: sum.tax.plus(tax)? };
            lines.push(gross);
        }
        let change = receipt.given.minus(total)?;
        if change.minor < 0 {
            let number = receipt.receipt_number.clone();
            return Err(PaperError::GivenTooLittle { number, given: receipt.given, total });
        }
        Ok(Self { lines, total, change, by_rate })
    }
}

/// The receipt as a PDF of one page.
///
/// # Errors
/// There are no lines, amounts do not add up (currencies, size, too little given), or the PDF cannot be written.
pub fn receipt_pdf(fonts: &Fonts, receipt: &ReceiptPaper, language: Language) -> Result<Vec<u8>, PaperError> {
    if receipt.lines.is_empty() {
        return Err(PaperError::Nothing);
    }
    let page = draw(fonts, receipt, language)?;
    let words = language.words();
    let title = format!("{} {}", words.receipt, receipt.receipt_number);
    let about = About { title, author: &receipt.seller_name, at: receipt.at, language: words.tag };
    page::write(fonts, &[page], &about)
}

fn draw(fonts: &Fonts, receipt: &ReceiptPaper, language: Language) -> Result<Page, PaperError> {
    let sums = Sums::of(receipt)?;
    let mut roll =
        Roll { fonts, receipt, language, words: language.words(), page: Page::new(WIDTH, 0.0), top: 5.0 * MM };
    roll.seller();
    roll.marks();
    roll.facts();
    roll.sold(&sums);
    roll.paid(&sums)?;
    roll.taxes(&sums)?;
    roll.page.height = roll.top + 6.0 * MM;
    Ok(roll.page)
}

/// A roll being printed: `top` is where the next line begins.
struct Roll<'a> {
    fonts: &'a Fonts,
    receipt: &'a ReceiptPaper,
    language: Language,
    words: &'a Words,
    page: Page,
    top: f32,
}

impl Roll<'_> {
    /// Text from the left, in as many lines as it needs, at most `lines`.
    fn text(&mut self, style: Style, text: &str, lines: usize) {
        let set = self.fonts.set(style.weight, style.size, text, INNER, lines);
        if !set.lines.is_empty() {
            let last = self.page.lines(MARGIN, self.top + style.size, style, &set, 1.3);
            self.top = last + style.size * 0.35;
        }
    }

    /// What stands left, in at most `lines` lines, and an amount right of its first.
    fn pair(&mut self, style: Style, left: &str, right: &str, lines: usize) {
        let room = INNER - 10.0;
        let right = self.fonts.fit(style.weight, &[style.size, 7.5, 6.5, 5.5], right, room * 0.62, 1);
        let right_text = right.lines.first().map_or("", String::as_str);
        let taken = self.fonts.width(style.weight, right.size, right_text);
        let baseline = self.top + style.size;
        self.page.text_to(self.fonts, RIGHT, baseline, style.of_size(right.size), right_text);
        let left = self.fonts.set(style.weight, style.size, left, room - taken, lines);
        let last = self.page.lines(MARGIN, baseline, style, &left, 1.3).max(baseline);
        self.top = last + (LINE_HEIGHT - 8.5).max(style.size * 0.35);
    }

    fn rule(&mut self, thickness: f32) {
        self.top += 4.0;
        self.page.rule(MARGIN, self.top, INNER, thickness, BLACK);
        self.top += thickness + 4.5;
    }

    fn seller(&mut self) {
        let receipt = self.receipt;
        self.text(Style::bold(12.0, BLACK), &receipt.seller_name, 3);
        self.top += 1.0;
        for line in receipt.seller_address.lines().take(6) {
            self.text(PLAIN, line, 2);
        }
        if let Some(number) = &receipt.seller_tax_number {
            self.text(PLAIN, &format!("{} {number}", self.words.number_label(number)), 1);
        }
    }

    /// What sets this receipt apart from the one and only.
    fn marks(&mut self) {
        let test = self.receipt.test.then(|| self.words.receipt_test.to_owned());
        let reversal = self.receipt.reverses.as_ref().map(|_| self.words.reversal.to_owned());
        for text in [test, reversal, self.words.copy_mark(self.receipt.copy)].into_iter().flatten() {
            self.top += 7.0;
            let box_height = 19.0;
            let (x, y) = (MARGIN, self.top);
            for edge in [
                page::Area { x, y, width: INNER, height: 1.2 },
                page::Area { x, y: y + box_height - 1.2, width: INNER, height: 1.2 },
                page::Area { x, y, width: 1.2, height: box_height },
                page::Area { x: RIGHT - 1.2, y, width: 1.2, height: box_height },
            ] {
                self.page.area(edge, BLACK);
            }
            self.page.text_around(self.fonts, WIDTH / 2.0, y + 13.2, Style::bold(10.5, BLACK), &text);
            self.top += box_height + 1.0;
        }
    }

    fn facts(&mut self) {
        self.rule(0.6);
        let (receipt, words) = (self.receipt, self.words);
        self.pair(STRONG, words.number, &receipt.receipt_number, 1);
        if let Some(reversed) = &receipt.reverses {
            self.pair(PLAIN, words.reverses, reversed, 1);
        }
        self.pair(PLAIN, words.date, &self.language.stamp(receipt.at, &receipt.zone), 1);
        self.pair(PLAIN, words.till, &receipt.till, 1);
        if let Some(cashier) = &receipt.cashier {
            self.pair(PLAIN, words.cashier, cashier, 1);
        }
        self.pair(PLAIN, words.order, &receipt.order_code, 1);
        self.rule(0.6);
    }

    fn sold(&mut self, sums: &Sums) {
        let receipt = self.receipt;
        self.text(STRONG, &receipt.event_name, 3);
        self.top += 3.0;
        for (line, gross) in receipt.lines.iter().zip(&sums.lines) {
            self.pair(PLAIN, &line.name, &self.language.amount(*gross), 3);
            let each = format!("{} × {}", line.quantity, self.language.money(line.price));
            let rate = format!("{} {}", self.language.rate(line.tax_rate_bp), self.words.tax);
            self.text(SMALL, &format!("{each}  ·  {rate}"), 2);
            self.top += 2.5;
        }
    }

    fn paid(&mut self, sums: &Sums) -> Result<(), PaperError> {
        self.top -= 2.0;
        self.rule(1.4);
        let (language, words) = (self.language, self.words);
        self.top += 1.0;
        self.pair(Style::bold(14.0, BLACK), words.total, &language.money(sums.total), 1);
        self.top += 3.0;
        if self.receipt.reverses.is_some() {
            let back = Money::new(self.receipt.given.minor.saturating_neg(), self.receipt.given.currency);
            self.pair(PLAIN, words.cash_back, &language.amount(back), 1);
        } else {
            self.pair(PLAIN, words.cash, &language.amount(self.receipt.given), 1);
            self.pair(PLAIN, words.change, &language.amount(sums.change), 1);
        }
        self.rule(0.6);
        Ok(())
    }

    /// The table of rates: rate, net, tax, gross, figures under figures.
    fn taxes(&mut self, sums: &Sums) -> Result<(), MoneyError> {
        let (language, words) = (self.language, self.words);
        let row = |roll: &mut Self, cells: [&str; 4]| {
            let columns = [MARGIN + INNER * 0.49, MARGIN + INNER * 0.73, RIGHT];
            let baseline = roll.top + SMALL.size;
            let first = roll.fonts.fit(SMALL.weight, &[7.5, 6.0, 5.0], cells[0], INNER * 0.22, 1);
            roll.page.lines(MARGIN, baseline, SMALL, &first, 1.0);
            for (right, text) in columns.into_iter().zip(&cells[1..]) {
                let set = roll.fonts.fit(SMALL.weight, &[7.5, 6.5, 5.5, 4.5, 4.0], text, INNER * 0.23, 1);
                let text = set.lines.first().map_or("", String::as_str);
                roll.page.text_to(roll.fonts, right, baseline, SMALL.of_size(set.size), text);
            }
            roll.top += 11.0;
        };
        row(self, ["", words.net, words.tax, words.gross]);
        for (rate, sum) in &sums.by_rate {
            let net = sum.gross.minus(sum.tax)?;
            let cells =
                [language.rate(*rate), language.amount(net), language.amount(sum.tax), language.amount(sum.gross)];
            row(self, cells.each_ref().map(String::as_str));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::page::proof, *};
    use crate::money::Currency;
    use proptest::prelude::*;

    fn line(name: &str, quantity: u32, minor: i64, tax_rate_bp: u32) -> ReceiptLine {
        ReceiptLine { name: name.into(), quantity, price: Money::new(minor, Currency::EUR), tax_rate_bp }
    }

    fn receipt() -> ReceiptPaper {
        ReceiptPaper {
            seller_name: "Speicher Nord e. V.".into(),
            seller_address: "Hafenstraße 4\n20457 Hamburg".into(),
            seller_tax_number: Some("DE123456789".into()),
            receipt_number: "K1-000123".into(),
            reverses: None,
            at: UtcMillis::parse("2025-12-12T18:12:05Z").unwrap(),
            zone: "Europe/Berlin".into(),
            till: "Abendkasse 1".into(),
            cashier: Some("Żaneta".into()),
            event_name: "Winternacht der Klänge".into(),
            order_code: "K7M3Q".into(),
            lines: vec![
                line("Stehplatz", 2, 2400, 700),
                line("Sitzplatz, ermäßigt", 1, 1850, 700),
                line("Programmheft", 3, 450, 1900),
            ],
            given: Money::new(10_000, Currency::EUR),
            copy: 1,
            test: false,
        }
    }

    fn texts(receipt: &ReceiptPaper, language: Language) -> Vec<String> {
        let text = |mark: &page::Mark| match mark {
            page::Mark::Text { text, .. } => Some(text.replace('\u{A0}', " ")),
            page::Mark::Areas { .. } | page::Mark::Symbol { .. } => None,
        };
        draw(Fonts::shipped(), receipt, language).unwrap().marks.iter().filter_map(text).collect()
    }

    #[test]
    fn a_receipt_adds_up_and_shows_tax_by_rate() {
        let sums = Sums::of(&receipt()).unwrap();
        let eur = |minor| Money::new(minor, Currency::EUR);
        assert_eq!((sums.total, sums.change), (eur(8000), eur(2000)));
        assert_eq!(sums.by_rate[&700], Taxed { gross: eur(6650), tax: eur(2 * 157 + 121) });
        assert_eq!(sums.by_rate[&1900], Taxed { gross: eur(1350), tax: eur(3 * 72) });
        let texts = texts(&receipt(), Language::De);
        for text in [
            "Speicher Nord e. V.",
            "Hafenstraße 4",
            "20457 Hamburg",
            "USt-IdNr. DE123456789",
            "K1-000123",
            "12.12.2025, 19:12:05",
            "Abendkasse 1",
            "Żaneta",
            "K7M3Q",
            "Winternacht der Klänge",
            "Stehplatz",
            "48,00",
            "2 × 24,00 € · 7 % MwSt.",
            "80,00 €",
            "100,00",
            "20,00",
            "7 %",
            "62,15",
            "4,35",
            "66,50",
            "19 %",
            "13,50",
        ] {
            assert!(texts.iter().any(|t| t == text), "{text:?} is missing in {texts:?}");
        }
        assert!(!texts.iter().any(|t| t.starts_with("Kopie") || t.starts_with("TEST")));
    }

    #[test]
    fn a_copy_and_a_test_say_what_they_are() {
        let texts = texts(&ReceiptPaper { copy: 2, test: true, ..receipt() }, Language::En);
        assert!(texts.iter().any(|t| t == "Copy 2") && texts.iter().any(|t| t == "TEST – NOT A RECEIPT"));
    }

    #[test]
    fn what_does_not_add_up_is_refused_with_a_sentence() {
        let make = |receipt| receipt_pdf(Fonts::shipped(), &receipt, Language::En);
        assert_eq!(make(ReceiptPaper { lines: Vec::new(), ..receipt() }), Err(PaperError::Nothing));
        let error = make(ReceiptPaper { given: Money::new(7999, Currency::EUR), ..receipt() }).unwrap_err();
        assert_eq!(error.to_string(), "receipt K1-000123: EUR 79.99 were handed over, EUR 80.00 are owed");
        let francs = make(ReceiptPaper { given: Money::new(10_000, Currency::CHF), ..receipt() });
        assert!(matches!(francs, Err(PaperError::Money(MoneyError::Mixed(..)))));
        let huge = make(ReceiptPaper { lines: vec![line("x", u32::MAX, i64::MAX, 0)], ..receipt() });
        assert_eq!(huge, Err(PaperError::Money(MoneyError::Overflow)));
    }

    #[test]
    fn what_is_given_back_says_for_which_receipt_and_how_much() {
        let back = ReceiptPaper {
            lines: vec![line("Stehplatz", 1, -2400, 700)],
            given: Money::new(-2400, Currency::EUR),
            receipt_number: "K1-000124".into(),
            reverses: Some("K1-000123".into()),
            ..receipt()
        };
        let sums = Sums::of(&back).unwrap();
        assert_eq!((sums.total.minor, sums.change.minor, sums.by_rate[&700].tax.minor), (-2400, 0, -157));
        let german = texts(&back, Language::De);
        for text in ["Storno", "Zu Beleg", "K1-000123", "K1-000124", "-24,00", "Bar zurückgegeben", "24,00"] {
            let shown = |t: &String| t.replace('\u{2212}', "-") == text;
            assert!(german.iter().any(shown), "{text:?} is missing in {german:?}");
        }
        assert!(!german.iter().any(|t| t == "Rückgeld"));
    }

    #[test]
    fn a_roll_is_as_long_as_its_lines_and_its_file_is_small() {
        let (short, long) = (receipt(), ReceiptPaper { lines: vec![line("Stehplatz", 1, 100, 700); 80], ..receipt() });
        let height = |receipt: &ReceiptPaper| draw(Fonts::shipped(), receipt, Language::En).unwrap().height;
        assert!(height(&long) > height(&short) + 70.0 * 20.0);
        let pdf = receipt_pdf(Fonts::shipped(), &short, Language::De).unwrap();
        proof::fonts_are_subsets(&pdf);
        assert!(pdf.len() < 40_000, "{} bytes", pdf.len());
        assert!(pdf == receipt_pdf(Fonts::shipped(), &short, Language::De).unwrap(), "the same bytes");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_sold_nothing_overflows_and_nothing_panics(
            name in ".{0,120}", quantity in 0_u32..10_000, minor in -10_000_000_i64..1_000_000_000, rate in any::<u32>(),
            long in "\\PC{0,90}", at in any::<i64>(), copy in any::<u32>(),
        ) {
            let receipt = ReceiptPaper {
                lines: vec![line(&name, quantity, minor, rate), line(&long, 1, 100, 700)],
                given: Money::new(i64::MAX / 4, Currency::EUR), seller_name: long.clone(), seller_address: name.clone(),
                receipt_number: long.clone(), till: name.clone(), cashier: Some(long.clone()), event_name: long,
                order_code: name, at: UtcMillis(at), copy, test: copy % 2 == 0, ..receipt()
            };
            for language in [Language::En, Language::De] {
                proof::nothing_overflows(Fonts::shipped(), &draw(Fonts::shipped(), &receipt, language).unwrap(), MARGIN);
            }
        }
    }
}
