//! An order with all that belongs to it, for pages, mails and answers.

use super::store;
use crate::{catalog, tx::Tx};
use willcall_domain::{
    catalog::{Article, DateRow},
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, OrderId, PositionId, VariationId},
    money::Money,
    orders::OrderStatus,
    paper::Language,
};

/// An order as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullOrder {
    pub order_id: OrderId,
    pub event_id: EventId,
    pub code: String,
    pub status: OrderStatus,
    pub name: String,
    pub email: String,
    pub language: Language,
    pub total: Money,
    pub placed_at: UtcMillis,
    pub expires_at: Option<UtcMillis>,
    /// Rises with each change.
    pub version: i64,
    pub positions: Vec<FullPosition>,
}

/// One position of it, as it was sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullPosition {
    pub position_id: PositionId,
    pub item_id: ItemId,
    pub variation_id: Option<VariationId>,
    pub date_id: Option<DateId>,
    /// The position it was sold together with.
    pub addon_to: Option<PositionId>,
    /// The product, and its variation behind it.
    pub item_name: String,
    /// Whether it is a ticket that admits somebody.
    pub admission: bool,
    pub look_at_id: bool,
    pub attendee_name: String,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub issue: u8,
    pub canceled: bool,
    pub plain_code: Option<String>,
    /// Signed in advance, sold at a till.
    pub blank: bool,
}

impl FullPosition {
    /// What it is of.
    #[must_use]
    pub fn article(&self) -> Article {
        Article { item_id: self.item_id, variation_id: self.variation_id, date_id: self.date_id }
    }
}

/// The order with this id.
///
/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut Tx, id: OrderId) -> sqlx::Result<Option<FullOrder>> {
    let Some(mut order) = store::full(tx, id).await? else { return Ok(None) };
    order.positions = store::positions(tx, id, order.total.currency).await?;
    Ok(Some(order))
}

/// The order with this code. Codes are known to many: check the secret of the link before anything is shown.
///
/// # Errors
/// When the database does not answer.
pub async fn find_by_code(tx: &mut Tx, code: &str) -> sqlx::Result<Option<FullOrder>> {
    match store::id_of_code(tx, code).await? {
        Some(id) => find(tx, id).await,
        None => Ok(None),
    }
}

/// The dates of an order's positions, the earliest first; empty where its event takes place once.
///
/// # Errors
/// When the database does not answer.
pub async fn dates_of(tx: &mut Tx, order: &FullOrder) -> sqlx::Result<Vec<DateRow>> {
    if order.positions.iter().all(|p| p.date_id.is_none()) {
        return Ok(Vec::new());
    }
    let mut dates = catalog::dates(tx, order.event_id).await?;
    dates.retain(|d| order.positions.iter().any(|p| p.date_id == Some(d.date_id)));
    Ok(dates)
}
