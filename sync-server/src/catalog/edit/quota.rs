//! Making and changing a quota. It never becomes smaller than what is sold; a size below what stations hold is a target
//! that it falls to as units come back. What its products have sold already counts in it from the moment they join.

use super::{Refused, store};
use crate::{
    app::Tx,
    http::Failure,
    leases,
    sync::{Subject, note},
};
use willcall_domain::{
    catalog::draft::{FieldError, QuotaDraft},
    id::{DateId, EventId, ItemId, QuotaId},
    leases::ledger::QuotaAccount,
};

/// A quota with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaFull {
    pub quota_id: QuotaId,
    pub event_id: EventId,
    pub name: String,
    /// `None` is unlimited.
    pub size: Option<i64>,
    /// The smaller size that is wanted, until enough units have come back.
    pub target: Option<i64>,
    pub sold: i64,
    /// Units at stations.
    pub leased: i64,
    /// Those of them that are on their way between two.
    pub in_flight: i64,
    /// Held back for stations that were not heard of since the server was put back.
    pub unheard: i64,
    /// Sold beyond the size, each with a case.
    pub excess: i64,
    pub items: Vec<ItemId>,
    /// The date whose positions count in it; `None` is every date.
    pub date_id: Option<DateId>,
}

impl QuotaFull {
    /// Its numbers, to decide by.
    #[must_use]
    pub fn account(&self) -> QuotaAccount {
        QuotaAccount {
            size: self.size,
            target: self.target,
            sold: self.sold,
            leased: self.leased,
            in_flight: self.in_flight,
            unheard: self.unheard,
            excess: self.excess,
        }
    }

    /// The size an organizer has asked for, reached or not.
    #[must_use]
    pub fn wanted(&self) -> Option<i64> {
        self.target.or(self.size)
    }

    /// What nobody holds; `None` is unlimited.
    #[must_use]
    pub fn free(&self) -> Option<i64> {
        self.account().free()
    }
}

/// Makes a quota over `items`.
///
/// # Errors
/// When a product is not of this event, more is sold already than fits, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, draft: &QuotaDraft, items: &[ItemId]) -> Result<QuotaId, Refused> {
    lock_products(tx, event, items).await?;
    // Made unlimited first: its size is set once what is sold is known.
    known_date(tx, event, draft.date_id).await?;
    let quota = store::insert_quota(tx, event, draft).await?;
    settle(tx, event, quota, draft, items).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, quota = quota.0, size = draft.size, "quota made");
    Ok(quota)
}

/// Changes a quota and the products that count in it.
///
/// # Errors
/// When it is not there, would become smaller than what is sold, or the database is away.
pub async fn update(
    tx: &mut Tx,
    event: EventId,
    quota: QuotaId,
    draft: &QuotaDraft,
    items: &[ItemId],
) -> Result<(), Refused> {
    lock_products(tx, event, items).await?;
    let before = find(tx, event, quota).await?;
    let mut same: Vec<_> = items.to_vec();
    same.sort_unstable();
    same.dedup();
    let same_date = before.date_id == draft.date_id;
    if before.name == draft.name && before.wanted() == draft.size && before.items == same && same_date {
        return Ok(());
    }
    if !same_date {
        known_date(tx, event, draft.date_id).await?;
        if before.leased > 0 {
            // Their blanks are tickets of the date they were lent for.
            return Err(Refused::field("date", FieldError::LentOut));
        }
        store::set_quota_date(tx, quota, draft.date_id).await?;
    }
    settle(tx, event, quota, draft, items).await?;
    tracing::info!(organizer = tx.organizer.0, quota = quota.0, size = draft.size, "quota changed");
    Ok(())
}

async fn known_date(tx: &mut Tx, event: EventId, date: Option<DateId>) -> Result<(), Refused> {
    match date {
        Some(date) => Ok(super::find_date(tx, event, date).await.map(drop)?),
        None => Ok(()),
    }
}

/// Whoever sells writes an order of this event and its quotas: both are held until this change is through, so that no
/// sale is counted in neither or both of the old and the new set.
async fn lock_products(tx: &mut Tx, event: EventId, items: &[ItemId]) -> Result<(), Refused> {
    store::lock_event(tx, event).await?.ok_or_else(super::no_such_event)?;
    if store::foreign_items(tx, event, items).await? > 0 {
        return Err(super::not_found("There is no such product in this event.").into());
    }
    store::lock_quotas(tx, event).await?;
    Ok(())
}

async fn settle(
    tx: &mut Tx,
    event: EventId,
    quota: QuotaId,
    wanted: &QuotaDraft,
    items: &[ItemId],
) -> Result<(), Refused> {
    store::set_quota_items(tx, quota, items).await?;
    let mut account = find(tx, event, quota).await?.account();
    account.sold = store::count_sold(tx, quota).await?;
    if let Err(below) = account.resize(wanted.size) {
        return Err(Refused::field("size", FieldError::BelowSold { sold: below.sold, least: below.least }));
    }
    store::update_quota(tx, quota, &wanted.name, &account).await?;
    leases::set_targets(tx, quota).await?;
    note(tx, Subject::Quota(quota, event)).await?;
    Ok(())
}

/// One quota of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, quota: QuotaId) -> Result<QuotaFull, Failure> {
    let found = store::quotas(tx, event, Some(quota)).await?.pop();
    found.ok_or_else(|| super::not_found("There is no such quota in this event."))
}

/// The quotas of an event, by name.
///
/// # Errors
/// When the database is away.
pub async fn list(tx: &mut Tx, event: EventId) -> Result<Vec<QuotaFull>, Failure> {
    Ok(store::quotas(tx, event, None).await?)
}
