//! What may be sold, read for the shop and for placing orders. Changing it is the back office's.

pub mod edit;
mod store;
pub mod voucher;

use willcall_domain::catalog::{Article, EventRow, ItemRow, QuotaRow};

pub use store::{
    ARTICLES, Variation, dates, event_by_id, event_by_slug, event_for_sale, items, listed_events, quotas, seller,
    variations,
};

/// An event and what only the shop needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopEvent {
    pub row: EventRow,
    pub slug: String,
    /// Plain text; paragraphs are parted by an empty line.
    pub description: String,
    /// Whether the shop shows and sells it.
    pub live: bool,
    pub takes_bank_transfer: bool,
}

/// A product and what only the shop needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopItem {
    pub row: ItemRow,
    /// Plain text, a line or two.
    pub description: String,
}

/// An event as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEvent {
    pub row: EventRow,
    pub slug: String,
    /// The lowest gross price in minor units; `None` when nothing is for sale.
    pub from_minor: Option<i64>,
    /// Nothing is left of anything.
    pub sold_out: bool,
}

/// Who sells: what a contract, a footer and a bank transfer must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    pub slug: String,
    pub name: String,
    /// As the law wants it; empty: the name.
    pub legal_name: String,
    /// Several lines; may be empty.
    pub address: String,
    /// What a buyer who pays by transfer is told; several lines, may be empty.
    pub bank_details: String,
    /// `#7a2e3a`.
    pub accent: String,
}

impl Seller {
    /// The name a contract is made with.
    #[must_use]
    pub fn contract_name(&self) -> &str {
        if self.legal_name.is_empty() { &self.name } else { &self.legal_name }
    }
}

/// How many of an article can be sold at this moment; `None` is no limit. One in no quota cannot be sold at all.
#[must_use]
pub fn free_of(article: Article, quotas: &[QuotaRow]) -> Option<i64> {
    let mut counted = quotas.iter().filter(|q| q.counts(article)).peekable();
    if counted.peek().is_none() {
        return Some(0);
    }
    counted.filter_map(|q| q.free).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::id::{EventId, ItemId, QuotaId};

    fn quota(id: i64, items: &[i64], free: Option<i64>) -> QuotaRow {
        QuotaRow {
            quota_id: QuotaId(id),
            event_id: EventId(1),
            name: String::new(),
            size: free,
            items: items.iter().map(|i| ItemId(*i)).collect(),
            date_id: None,
            free,
            outstanding: 0,
            version: 1,
        }
    }

    #[test]
    fn what_is_left_of_a_product_is_what_its_tightest_quota_leaves() {
        let quotas = [quota(1, &[1, 2], Some(50)), quota(2, &[1], Some(3)), quota(3, &[2, 4], None)];
        assert_eq!(free_of(ItemId(1).into(), &quotas), Some(3));
        assert_eq!(free_of(ItemId(2).into(), &quotas), Some(50));
        assert_eq!(free_of(ItemId(4).into(), &quotas), None, "only an unlimited quota counts it");
        assert_eq!(free_of(ItemId(9).into(), &quotas), Some(0), "nobody said how many there are");
    }
}
