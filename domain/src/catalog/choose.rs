//! From the lines of a cart to the positions they mean: which product, in which variation, for which date, belonging to
//! which other. The same for the shop and for the till; how many there are is decided elsewhere (quotas, leases).

use super::{Article, DateRow, ItemRow};
use crate::{
    clock::UtcMillis,
    id::{DateId, ItemId, VariationId},
    money::Money,
};
use serde::{Deserialize, Serialize};

/// How long after its start a date without an end is over, in milliseconds: 12 hours.
const OVER_AFTER_MS: i64 = 12 * 3_600_000;

/// One line of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    #[serde(flatten)]
    pub article: Article,
    pub quantity: u32,
    /// The line, counted from 0, that this one is sold together with: its positions belong to that line's, one to each in
    /// turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon_to: Option<u32>,
}

impl Choice {
    /// A line that belongs to no other.
    #[must_use]
    pub fn of(article: impl Into<Article>, quantity: u32) -> Self {
        Self { article: article.into(), quantity, addon_to: None }
    }
}

/// What there is to choose from.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    pub items: &'a [ItemRow],
    /// The dates of the event, switched off ones too; empty where it takes place once.
    pub dates: &'a [DateRow],
    /// Dates that are over by then are not sold; `None` where whoever sells may sell them still.
    pub now: Option<UtcMillis>,
}

/// One position of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen<'a> {
    pub item: &'a ItemRow,
    pub article: Article,
    pub price: Money,
    /// Where the position it belongs to stands among the chosen.
    pub addon_to: Option<usize>,
}

/// Why a line cannot be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotChosen {
    #[error("product {0} is not for sale")]
    Item(ItemId),
    #[error("product {0} is sold in variations; choose one")]
    VariationNeeded(ItemId),
    #[error("variation {1} of product {0} is not for sale")]
    Variation(ItemId, VariationId),
    #[error("choose a date")]
    DateNeeded,
    #[error("date {0} is not for sale")]
    Date(DateId),
    #[error("product {0} is sold only together with another")]
    AddonAlone(ItemId),
    #[error("product {0} is not sold together with that one")]
    AddonOf(ItemId),
}

impl DateRow {
    /// Whether it is over at `now`: at its end, or 12 hours after its start where no end is set.
    #[must_use]
    pub fn is_over(&self, now: UtcMillis) -> bool {
        self.ends_at.map_or(self.starts_at.0.saturating_add(OVER_AFTER_MS), |end| end.0) <= now.0
    }
}

/// The positions these lines mean, in their order. Lines of quantity 0 are none.
///
/// # Errors
/// The first line that cannot be sold as it stands.
pub fn choose<'a>(lines: &[Choice], shelf: &Shelf<'a>) -> Result<Vec<Chosen<'a>>, NotChosen> {
    let mut chosen: Vec<Chosen<'a>> = Vec::new();
    // Where the positions of each line begin among the chosen.
    let mut begins = Vec::with_capacity(lines.len());
    for (nth, line) in lines.iter().enumerate() {
        begins.push(chosen.len());
        if line.quantity == 0 {
            continue;
        }
        let item = shelf.items.iter().find(|i| i.item_id == line.article.item_id && i.active);
        let item = item.ok_or(NotChosen::Item(line.article.item_id))?;
        check_variation(item, line.article.variation_id)?;
        let parent = match (line.addon_to, item.is_addon()) {
            (None, false) => None,
            (None, true) => return Err(NotChosen::AddonAlone(item.item_id)),
            (Some(_), false) => return Err(NotChosen::AddonOf(item.item_id)),
            (Some(to), true) => Some(parent(lines, nth, to, item)?),
        };
        let date_id = match parent {
            // It is of the date of what it belongs to, said or not.
            Some(to) => same_date(line.article.date_id, chosen.get(begins[to]).and_then(|c| c.article.date_id))?,
            None => date_of(line.article.date_id, shelf)?,
        };
        let article = Article { date_id, ..line.article };
        let price = item.price_in(article.variation_id);
        for unit in 0..line.quantity as usize {
            let addon_to = parent.map(|to| begins[to] + unit % lines[to].quantity as usize);
            chosen.push(Chosen { item, article, price, addon_to });
        }
    }
    Ok(chosen)
}

/// The same cart, with each add-on that is said to belong to nothing put to the positions it can belong to: one to each, in
/// the order of the lines, and round again. One that can belong to nothing stays as it is, and is refused.
#[must_use]
pub fn attach(lines: &[Choice], items: &[ItemRow]) -> Vec<Choice> {
    let item = |line: &Choice| items.iter().find(|i| i.item_id == line.article.item_id);
    let is_loose = |line: &Choice| line.addon_to.is_none() && item(line).is_some_and(ItemRow::is_addon);
    let (loose, mut out): (Vec<Choice>, Vec<Choice>) = lines.iter().partition(|line| is_loose(line));
    let bases = out.len();
    for line in loose {
        let of = item(&line).map_or(&[][..], |i| &i.addon_to);
        let fits = |at: &usize| out[*at].quantity > 0 && of.contains(&out[*at].article.item_id);
        let parents: Vec<usize> = (0..bases).filter(fits).collect();
        let room: u32 = parents.iter().fold(0, |sum, at| sum.saturating_add(out[*at].quantity));
        if room == 0 {
            out.push(line);
            continue;
        }
        let (rounds, mut rest) = (line.quantity / room, line.quantity % room);
        for at in parents {
            let more = rest.min(out[at].quantity);
            rest -= more;
            let quantity = rounds.saturating_mul(out[at].quantity).saturating_add(more);
            if quantity > 0 {
                out.push(Choice { quantity, addon_to: u32::try_from(at).ok(), ..line });
            }
        }
    }
    out
}

fn check_variation(item: &ItemRow, variation: Option<VariationId>) -> Result<(), NotChosen> {
    match variation {
        // One whose variations are all switched off is not sold, rather than sold without any.
        None if item.variations.is_empty() => Ok(()),
        None => Err(NotChosen::VariationNeeded(item.item_id)),
        Some(id) => match item.variation(id) {
            Some(variation) if variation.active => Ok(()),
            Some(_) | None => Err(NotChosen::Variation(item.item_id, id)),
        },
    }
}

/// The line an add-on belongs to: an earlier one, of a product it is sold together with.
fn parent(lines: &[Choice], nth: usize, to: u32, item: &ItemRow) -> Result<usize, NotChosen> {
    let to = to as usize;
    let fits = lines.get(to).is_some_and(|l| l.quantity > 0 && item.addon_to.contains(&l.article.item_id));
    if to < nth && fits { Ok(to) } else { Err(NotChosen::AddonOf(item.item_id)) }
}

fn same_date(said: Option<DateId>, parents: Option<DateId>) -> Result<Option<DateId>, NotChosen> {
    match said {
        Some(said) if Some(said) != parents => Err(NotChosen::Date(said)),
        Some(_) | None => Ok(parents),
    }
}

fn date_of(said: Option<DateId>, shelf: &Shelf<'_>) -> Result<Option<DateId>, NotChosen> {
    match said {
        None if shelf.dates.is_empty() => Ok(None),
        None => Err(NotChosen::DateNeeded),
        Some(id) => {
            let found = shelf.dates.iter().find(|d| d.date_id == id && d.active);
            let on_sale = found.is_some_and(|d| shelf.now.is_none_or(|now| !d.is_over(now)));
            if on_sale { Ok(Some(id)) } else { Err(NotChosen::Date(id)) }
        }
    }
}

#[cfg(test)]
mod tests;
