//! Dates of events and variations of products, as a seed names them.

use super::{
    dated,
    plan::{EventPlan, ItemPlan, QuotaPlan},
    refused,
};
use crate::{app::Tx, catalog::edit as catalog};
use anyhow::Context as _;
use std::collections::BTreeSet;
use willcall_domain::{
    catalog::draft::{DateTyped, Series, VariationTyped},
    clock::UtcMillis,
    id::{DateId, EventId, ItemId},
    money::Currency,
};

/// The variations of a product that was made now.
pub(super) async fn apply_variations(
    tx: &mut Tx,
    event: EventId,
    (item, currency): (ItemId, Currency),
    plan: &ItemPlan,
) -> anyhow::Result<()> {
    for (rank, variation) in (1_i32..).zip(&plan.variations) {
        let typed = VariationTyped {
            name: &variation.name,
            price: &variation.price,
            rank: &rank.to_string(),
            active: true,
            checkin_text: &variation.checkin_text,
        };
        let draft = typed.read(currency).map_err(|wrong| refused(wrong.into()));
        let draft = draft.with_context(|| format!("variation {} of {}", variation.name, plan.name))?;
        catalog::create_variation(tx, event, item, &draft).await.map_err(refused)?;
    }
    Ok(())
}

/// Makes the dates that are not there yet: those at whose time none starts.
pub(super) async fn apply_dates(tx: &mut Tx, event: EventId, plan: &EventPlan, now: UtcMillis) -> anyhow::Result<()> {
    let there: BTreeSet<UtcMillis> =
        catalog::list_dates(tx, event).await?.into_iter().map(|d| d.draft.starts_at).collect();
    for date in &plan.dates {
        let moment = |text: &str| dated(text, now, &plan.zone);
        let (starts_at, ends_at) = (moment(&date.starts_at)?, moment(&date.ends_at)?);
        let admission_at = moment(&date.admission_at)?;
        let typed = DateTyped {
            name: &date.name,
            starts_at: &starts_at,
            ends_at: &ends_at,
            admission_at: &admission_at,
            active: true,
        };
        let first = typed.read(&plan.zone).map_err(|wrong| refused(wrong.into()));
        let first = first.with_context(|| format!("date {}", date.starts_at))?;
        let series = Series::read(&date.every_days.to_string(), &date.times.to_string());
        let series = series.map_err(|wrong| refused(wrong.into()))?;
        let mut dates = series.dates(&first, &plan.zone);
        dates.retain(|d| !there.contains(&d.starts_at));
        if !dates.is_empty() {
            catalog::create_dates(tx, event, &dates, None).await.map_err(refused)?;
        }
    }
    Ok(())
}

/// The dates a quota is made for: each, or once for all.
pub(super) async fn dates_of(tx: &mut Tx, event: EventId, plan: &QuotaPlan) -> anyhow::Result<Vec<Option<DateId>>> {
    if !plan.each_date {
        return Ok(vec![None]);
    }
    let dates = catalog::list_dates(tx, event).await?;
    anyhow::ensure!(!dates.is_empty(), "quota {}: each_date, and the event has no dates", plan.name);
    Ok(dates.into_iter().map(|d| Some(d.date_id)).collect())
}
