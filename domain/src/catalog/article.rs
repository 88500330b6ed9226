//! What a position is of. Everything that counts, signs or admits positions tells them apart by this.

use super::{DateRow, EventRow, ItemRow, QuotaRow, VariationRow};
use crate::{
    id::{DateId, ItemId, VariationId},
    money::Money,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A product, in one of its variations where it has some, for one date where its event has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
pub struct Article {
    pub item_id: ItemId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub variation_id: Option<VariationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub date_id: Option<DateId>,
}

impl From<ItemId> for Article {
    /// A product without variations, of an event without dates.
    fn from(item_id: ItemId) -> Self {
        Self { item_id, variation_id: None, date_id: None }
    }
}

impl EventRow {
    /// It as whoever comes on this date is told: that date's times, and its name behind the event's.
    #[must_use]
    pub fn on(self, date: Option<&DateRow>) -> Self {
        let Some(date) = date else { return self };
        let name = if date.name.is_empty() { self.name } else { format!("{} · {}", self.name, date.name) };
        Self { name, starts_at: date.starts_at, ends_at: date.ends_at, admission_at: date.admission_at, ..self }
    }
}

impl QuotaRow {
    /// Whether a position of it takes a unit of this quota: the product counts in it, and it is bound to no date or to
    /// that one.
    #[must_use]
    pub fn counts(&self, article: Article) -> bool {
        self.items.contains(&article.item_id) && (self.date_id.is_none() || self.date_id == article.date_id)
    }
}

impl VariationRow {
    /// What it costs where its product costs `product`.
    #[must_use]
    pub fn price_of(&self, product: Money) -> Money {
        self.price.unwrap_or(product)
    }
}

impl ItemRow {
    /// Its variation of this number, switched off ones too.
    #[must_use]
    pub fn variation(&self, id: VariationId) -> Option<&VariationRow> {
        self.variations.iter().find(|v| v.variation_id == id)
    }

    /// The variations sold now, in the order of screens.
    #[must_use]
    pub fn variations_on_sale(&self) -> Vec<&VariationRow> {
        let mut on_sale: Vec<&VariationRow> = self.variations.iter().filter(|v| v.active).collect();
        on_sale.sort_by_key(|v| (v.rank, v.variation_id));
        on_sale
    }

    /// What a position of it costs, in this variation or none.
    #[must_use]
    pub fn price_in(&self, variation: Option<VariationId>) -> Money {
        variation.and_then(|id| self.variation(id)).map_or(self.price, |v| v.price_of(self.price))
    }

    /// As people read it: the product, and its variation behind it.
    #[must_use]
    pub fn name_in(&self, variation: Option<VariationId>) -> String {
        match variation.and_then(|id| self.variation(id)) {
            Some(variation) => format!("{}, {}", self.name, variation.name),
            None => self.name.clone(),
        }
    }

    /// Whether it is sold only together with others.
    #[must_use]
    pub fn is_addon(&self) -> bool {
        !self.addon_to.is_empty()
    }
}
