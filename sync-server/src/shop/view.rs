//! Pieces that several pages show: the frame around a page, lines of an order, events as cards.

use super::{
    assets::{accent_css, assets},
    words::{LANGUAGES, Words, fill, tag, words},
};
use crate::{
    catalog::{ListedEvent, Seller},
    orders::{FullOrder, FullPosition},
};
use willcall_domain::{
    catalog::{Article, DateRow},
    clock::UtcMillis,
    money::Money,
    orders::{TaxLine, totals},
    paper::Language,
};

/// In which language a page is shown, and whether somebody chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tongue {
    pub language: Language,
    /// By `?lang=`: links then carry it on.
    pub chosen: bool,
}

impl Tongue {
    #[must_use]
    pub fn words(self) -> &'static Words {
        words(self.language)
    }

    /// An address within the shop that stays in the chosen language.
    #[must_use]
    pub fn link(self, path: &str) -> String {
        if !self.chosen {
            return path.to_owned();
        }
        let joint = if path.contains('?') { '&' } else { '?' };
        match path.split_once('#') {
            Some((before, anchor)) => format!("{before}{joint}lang={}#{anchor}", tag(self.language)),
            None => format!("{path}{joint}lang={}", tag(self.language)),
        }
    }
}

/// Whose page it is.
#[derive(Debug)]
pub struct House {
    pub name: String,
    pub href: String,
    pub seller: String,
    pub address: Vec<String>,
}

/// A language to choose.
#[derive(Debug)]
pub struct Choice {
    pub tag: &'static str,
    pub name: &'static str,
    pub href: String,
    pub current: bool,
}

/// Everything around the content of a page.
#[derive(Debug)]
pub struct Chrome {
    pub words: &'static Words,
    pub tag: &'static str,
    pub title: String,
    pub home: String,
    pub organizer: Option<House>,
    pub languages: Vec<Choice>,
    pub stylesheet: &'static str,
    pub font: &'static str,
    pub icon: &'static str,
    pub accent: Option<String>,
}

impl Chrome {
    /// `here` is the page's own path with its query but `lang`, for the choice of languages.
    #[must_use]
    pub fn new(tongue: Tongue, title: &str, here: &str, seller: Option<&Seller>) -> Self {
        let choice = |language: Language| Choice {
            tag: tag(language),
            name: &words(language).language_name,
            href: Tongue { language, chosen: true }.link(here),
            current: language == tongue.language,
        };
        let assets = assets();
        Self {
            words: tongue.words(),
            tag: tag(tongue.language),
            title: match seller {
                Some(seller) => format!("{title} · {}", seller.name),
                None => format!("{title} · Willcall"),
            },
            home: tongue.link("/"),
            organizer: seller.map(|s| House {
                name: s.name.clone(),
                href: tongue.link(&format!("/{}", s.slug)),
                seller: s.contract_name().to_owned(),
                address: text_lines(&s.address),
            }),
            languages: LANGUAGES.map(choice).into(),
            stylesheet: &assets.shop_css,
            font: &assets.font,
            icon: &assets.icon,
            accent: seller.and_then(|s| accent_css(&s.accent)),
        }
    }
}

/// So many of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub quantity: u32,
    pub name: String,
    /// Of all of them together.
    pub price: String,
}

/// One rate of tax and how much of the total it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    pub name: String,
    pub amount: String,
}

/// Positions put together by article and price, in the order in which they come.
#[must_use]
pub fn lines_of<'a>(
    language: Language,
    words: &Words,
    positions: impl Iterator<Item = (Article, &'a str, Money)>,
) -> Vec<Line> {
    let mut lines: Vec<(Article, Money, u32, &str)> = Vec::new();
    for (article, name, price) in positions {
        match lines.iter_mut().find(|(of, at, ..)| (*of, *at) == (article, price)) {
            Some((_, _, quantity, _)) => *quantity += 1,
            None => lines.push((article, price, 1, name)),
        }
    }
    let line = |(_, price, quantity, name): (Article, Money, u32, &str)| Line {
        quantity,
        name: name.to_owned(),
        price: price.times(i64::from(quantity)).map_or_else(|e| e.to_string(), |sum| price_text(language, words, sum)),
    };
    lines.into_iter().map(line).collect()
}

/// What each position of an order is called: its product, its variation, and its date where they are of several.
#[must_use]
pub fn names_of(language: Language, zone: &str, order: &FullOrder, dates: &[DateRow]) -> Vec<String> {
    let date = |p: &FullPosition| dates.iter().find(|d| Some(d.date_id) == p.date_id && dates.len() > 1);
    let name = |p: &FullPosition| match date(p) {
        Some(date) => format!("{}, {}", p.item_name, moment(language, date.starts_at, zone)),
        None => p.item_name.clone(),
    };
    order.positions.iter().map(name).collect()
}

/// The taxes in a total, without rates of nothing.
#[must_use]
pub fn taxes_of(
    language: Language,
    words: &Words,
    positions: impl Iterator<Item = (Money, u32)>,
    zero: Money,
) -> Vec<Tax> {
    let taxes = totals(positions, zero.currency).map(|t| t.taxes).unwrap_or_default();
    let tax = |t: TaxLine| Tax {
        name: fill(&words.order.of_which_tax, &[("rate", &language.rate(t.rate_bp))]),
        amount: language.money(t.tax),
    };
    taxes.into_iter().filter(|t| t.tax.minor != 0).map(tax).collect()
}

/// A price, or the word for none.
#[must_use]
pub fn price_text(language: Language, words: &Words, price: Money) -> String {
    if price.minor == 0 { words.free.clone() } else { language.money(price) }
}

/// The lines of a text that say something.
#[must_use]
pub fn text_lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// An event as a line of a list.
#[derive(Debug)]
pub struct Card {
    pub href: String,
    pub iso: String,
    pub month: &'static str,
    pub day: i8,
    pub weekday: &'static str,
    pub name: String,
    pub time: String,
    pub location: String,
    pub price: String,
    pub sold_out: bool,
}

impl Card {
    #[must_use]
    pub fn of(tongue: Tongue, organizer_slug: &str, event: &ListedEvent) -> Self {
        let words = tongue.words();
        let row = &event.row;
        let start = row.starts_at.in_zone(&row.zone);
        let when = tongue.language.when(row.starts_at, row.ends_at, None, &row.zone);
        let price = |minor| match minor {
            0 => words.free.clone(),
            _ => fill(&words.start.from_price, &[("price", &tongue.language.money(Money::new(minor, row.currency)))]),
        };
        Self {
            href: tongue.link(&format!("/{organizer_slug}/{}", event.slug)),
            iso: start.date().to_string(),
            month: &words.months[usize::try_from(start.month() - 1).unwrap_or(0) % 12],
            day: start.day(),
            weekday: &words.weekdays[usize::try_from(start.weekday().to_monday_zero_offset()).unwrap_or(0) % 7],
            name: row.name.clone(),
            time: when.until.map_or(when.time.clone(), |until| format!("{}, {until}", when.time)),
            location: row.location.clone(),
            price: event.from_minor.map(price).unwrap_or_default(),
            sold_out: event.sold_out,
        }
    }
}

/// A point in time with its date, in the event's zone.
#[must_use]
pub fn moment(language: Language, at: UtcMillis, zone: &str) -> String {
    let when = language.when(at, None, None, zone);
    format!("{}, {}", when.date, when.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::{id::ItemId, money::Currency};

    #[test]
    fn positions_of_one_product_at_one_price_are_one_line() {
        let (adult, child) = (Money::new(2400, Currency::EUR), Money::new(0, Currency::EUR));
        let of = |item| Article::from(ItemId(item));
        let positions = [(of(1), "Adult", adult), (of(2), "Child", child), (of(1), "Adult", adult)];
        let lines = lines_of(Language::En, words(Language::En), positions.into_iter());
        let told: Vec<_> = lines.iter().map(|l| (l.quantity, l.name.as_str(), l.price.as_str())).collect();
        assert_eq!(told, [(2, "Adult", "€48.00"), (1, "Child", "Free")]);
    }

    #[test]
    fn a_chosen_language_is_carried_on_and_an_unchosen_one_is_not() {
        let chosen = Tongue { language: Language::De, chosen: true };
        assert_eq!(chosen.link("/a/b"), "/a/b?lang=de");
        assert_eq!(chosen.link("/a/b?i1=2#tickets"), "/a/b?i1=2&lang=de#tickets");
        assert_eq!(Tongue { chosen: false, ..chosen }.link("/a/b"), "/a/b");
    }
}
