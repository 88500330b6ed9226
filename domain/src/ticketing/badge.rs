//! Badges: what a card that a guest wears shows, as an organizer laid it out. Not here: how it is drawn (see
//! [`crate::paper`]) and when it is printed (see [`crate::devices`]).

use crate::id::{BadgeId, EventId, ItemId, QuestionId};
use serde::{Deserialize, Serialize};

/// The most elements of a layout.
pub const MOST_ELEMENTS: usize = 40;
/// The longest fixed text, in characters.
pub const LONGEST_TEXT: usize = 200;
/// The smallest side of a code, in tenths of a millimetre: a smaller one is lost to cheap printers and tired cameras.
pub const SMALLEST_CODE: u16 = 120;
/// Narrowest and widest card, in tenths of a millimetre.
pub const WIDTHS: (u16, u16) = (200, 2_100);
/// Lowest and highest card, in tenths of a millimetre.
pub const HEIGHTS: (u16, u16) = (150, 2_970);
/// Smallest and largest letters, in tenths of a point.
pub const SIZES: (u16, u16) = (50, 1_500);

/// A badge of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadgeRow {
    pub badge_id: BadgeId,
    pub event_id: EventId,
    pub name: String,
    pub layout: BadgeLayout,
    /// The products it is for; empty is every product that has no badge of its own.
    pub items: Vec<ItemId>,
    pub version: i64,
}

/// What stands where on a card. Measures are tenths of a millimetre, from the upper left corner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadgeLayout {
    pub width: u16,
    pub height: u16,
    pub elements: Vec<BadgeElement>,
}

/// One thing on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadgeElement {
    pub what: BadgePart,
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
    /// Of the letters, in tenths of a point; what does not fit is set smaller. Nothing to a code or a line.
    pub size: u16,
    #[serde(default)]
    pub bold: bool,
    #[serde(default)]
    pub align: Align,
}

/// Where letters stand in their field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    Left,
    #[default]
    Center,
    Right,
}

impl Align {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::Left, Self::Center, Self::Right];

    /// The word that is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Center => "center",
            Self::Right => "right",
        }
    }
}

/// What an element shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum BadgePart {
    /// Who wears it.
    Name,
    Product,
    Variation,
    Event,
    /// The date of the ticket, where the event has several; else when it begins.
    Date,
    Organizer,
    OrderCode,
    /// The ticket's code as a QR symbol.
    Code,
    /// A filled area: a line or a bar.
    Bar,
    /// The same words on every card.
    Text {
        text: String,
    },
    /// What the guest answered.
    Answer {
        question_id: QuestionId,
    },
}

/// What is wrong with a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadgeError {
    #[error("the card is smaller or larger than any printer takes")]
    Card,
    #[error("at most {MOST_ELEMENTS} elements")]
    TooMany,
    #[error("element {0} leaves the card")]
    Outside(usize),
    #[error("element {0} has no room")]
    NoRoom(usize),
    #[error("the letters of element {0} are too small or too large")]
    Size(usize),
    #[error("the code of element {0} is too small to be read")]
    CodeTooSmall(usize),
    #[error("the text of element {0} is empty or too long")]
    Text(usize),
}

impl BadgeLayout {
    /// A card of the size of a bank card, to begin with: event, name large, product, code.
    #[must_use]
    pub fn usual() -> Self {
        let element = |what, (x, y), (width, height), size, bold, align| BadgeElement {
            what,
            x,
            y,
            width,
            height,
            size,
            bold,
            align,
        };
        Self {
            width: 860,
            height: 540,
            elements: vec![
                element(BadgePart::Bar, (0, 0), (860, 25), 100, false, Align::Center),
                element(BadgePart::Event, (40, 45), (780, 55), 100, false, Align::Left),
                element(BadgePart::Name, (40, 125), (500, 220), 260, true, Align::Left),
                element(BadgePart::Product, (40, 385), (500, 100), 140, false, Align::Left),
                element(BadgePart::Code, (570, 200), (250, 250), 100, false, Align::Center),
            ],
        }
    }

    /// Whether it can be printed.
    ///
    /// # Errors
    /// The first thing that is wrong; elements are counted from 1.
    pub fn check(&self) -> Result<(), BadgeError> {
        let within = |value: u16, (least, most): (u16, u16)| (least..=most).contains(&value);
        if !within(self.width, WIDTHS) || !within(self.height, HEIGHTS) {
            return Err(BadgeError::Card);
        }
        if self.elements.len() > MOST_ELEMENTS {
            return Err(BadgeError::TooMany);
        }
        self.elements.iter().zip(1..).try_for_each(|(element, nth)| self.check_element(element, nth))
    }

    fn check_element(&self, element: &BadgeElement, nth: usize) -> Result<(), BadgeError> {
        if element.width == 0 || element.height == 0 {
            return Err(BadgeError::NoRoom(nth));
        }
        let right = u32::from(element.x) + u32::from(element.width);
        let foot = u32::from(element.y) + u32::from(element.height);
        if right > u32::from(self.width) || foot > u32::from(self.height) {
            return Err(BadgeError::Outside(nth));
        }
        match &element.what {
            BadgePart::Code if element.width.min(element.height) < SMALLEST_CODE => {
                return Err(BadgeError::CodeTooSmall(nth));
            }
            BadgePart::Code | BadgePart::Bar => return Ok(()),
            BadgePart::Text { text } if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT => {
                return Err(BadgeError::Text(nth));
            }
            BadgePart::Name
            | BadgePart::Product
            | BadgePart::Variation
            | BadgePart::Event
            | BadgePart::Date
            | BadgePart::Organizer
            | BadgePart::OrderCode
            | BadgePart::Text { .. }
            | BadgePart::Answer { .. } => {}
        }
        if (SIZES.0..=SIZES.1).contains(&element.size) { Ok(()) } else { Err(BadgeError::Size(nth)) }
    }
}

/// The badge of a product: the first that names it, else the first that names none; `None` where it has none.
#[must_use]
pub fn badge_of<'a>(badges: impl IntoIterator<Item = &'a BadgeRow>, item: ItemId) -> Option<&'a BadgeRow> {
    let mut of_all = None;
    for badge in badges {
        if badge.items.contains(&item) {
            return Some(badge);
        }
        if badge.items.is_empty() && of_all.is_none() {
            of_all = Some(badge);
        }
    }
    of_all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_usual_card_can_be_printed_and_travels_as_it_is() {
        let layout = BadgeLayout::usual();
        assert_eq!(layout.check(), Ok(()));
        let there: BadgeLayout = serde_json::from_str(&serde_json::to_string(&layout).unwrap()).unwrap();
        assert_eq!(there, layout);
        assert_eq!(json!(layout)["elements"][1]["what"], json!({ "part": "event" }));
    }

    #[test]
    fn whatever_cannot_be_printed_is_named() {
        let usual = BadgeLayout::usual();
        let with = |change: fn(&mut BadgeElement)| {
            let mut layout = usual.clone();
            change(&mut layout.elements[2]);
            layout.check()
        };
        for (change, error) in [
            ((|e| e.width = 0) as fn(&mut BadgeElement), BadgeError::NoRoom(3)),
            (|e| e.x = 800, BadgeError::Outside(3)),
            (|e| e.y = u16::MAX, BadgeError::Outside(3)),
            (|e| e.size = 49, BadgeError::Size(3)),
            (|e| e.size = 1_501, BadgeError::Size(3)),
            (|e| e.what = BadgePart::Text { text: " ".into() }, BadgeError::Text(3)),
            (|e| e.what = BadgePart::Text { text: "x".repeat(201) }, BadgeError::Text(3)),
        ] {
            assert_eq!(with(change), Err(error));
        }
        let code = |e: &mut BadgeElement| (e.what, e.height) = (BadgePart::Code, 119);
        assert_eq!(with(code), Err(BadgeError::CodeTooSmall(3)));
        assert_eq!(BadgeLayout { width: 199, ..usual.clone() }.check(), Err(BadgeError::Card));
        assert_eq!(BadgeLayout { height: 2_971, ..usual.clone() }.check(), Err(BadgeError::Card));
        let many = vec![usual.elements[0].clone(); MOST_ELEMENTS + 1];
        assert_eq!(BadgeLayout { elements: many, ..usual }.check(), Err(BadgeError::TooMany));
    }

    #[test]
    fn a_product_has_its_own_badge_before_the_one_for_all() {
        let badge = |id: i64, items: &[i64]| BadgeRow {
            badge_id: BadgeId(id),
            event_id: EventId(1),
            name: String::new(),
            layout: BadgeLayout::usual(),
            items: items.iter().map(|item| ItemId(*item)).collect(),
            version: 1,
        };
        let badges = [badge(1, &[]), badge(2, &[7]), badge(3, &[7, 8])];
        for (item, wanted) in [(7, 2), (8, 3), (9, 1)] {
            assert_eq!(badge_of(&badges, ItemId(item)).map(|badge| badge.badge_id.0), Some(wanted));
        }
        assert_eq!(badge_of(&badges[1..], ItemId(9)), None);
    }
}
