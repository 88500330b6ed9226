//! The door of one list in numbers: arrivals over time, by gate and by product, and why people were turned away.

use super::store::{self, board};
use crate::{catalog, error::Fault, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::board::{ArrivalsView, ProductCount, bars},
    clock::UtcMillis,
    id::{DeviceId, ListId},
    problem::{Code, Problem},
};

/// What *lately* is, in milliseconds.
const LATELY_MS: i64 = 10 * 60 * 1000;

impl Station {
    /// The door of a list in numbers.
    ///
    /// # Errors
    /// See [`arrivals`].
    pub async fn arrivals(&self, list: ListId) -> Result<ArrivalsView, Problem> {
        arrivals(self, list).await
    }
}

/// As far as scans are known here, of every station.
///
/// # Errors
/// When the station is not enrolled, there is no such list, or the database cannot be read.
pub async fn arrivals(station: &Station, list: ListId) -> Result<ArrivalsView, Problem> {
    let me = station.enrolled()?.device_id;
    let now = station.reading().now;
    Ok(station.db().read(move |tx| view(tx, list, me, now)).await?)
}

fn view(tx: &Transaction<'_>, list: ListId, me: DeviceId, now: UtcMillis) -> Result<ArrivalsView, Fault> {
    let no_list = || Fault::refused(Code::NotFound, format!("There is no check-in list {list} here."));
    let row = store::list(tx, list)?.ok_or_else(no_list)?;
    let (bars, bar_min) = bars(&board::by_time(tx, list)?);
    let entered = board::by_product(tx, list)?;
    let mut products = Vec::new();
    for item in catalog::items_of_event(tx, row.event_id)? {
        if row.items.as_ref().is_some_and(|items| !items.contains(&item.item_id)) {
            continue;
        }
        let only = willcall_domain::checkin::ListRow { items: Some(vec![item.item_id]), ..row.clone() };
        let expected = orders::count_for_list(tx, &only)?.unsigned_abs();
        let found = entered.iter().find(|(id, ..)| *id == item.item_id);
        let (admitted, inside) = found.map_or((0, 0), |(_, admitted, inside)| (*admitted, *inside));
        if item.admission && expected + admitted > 0 {
            products.push(ProductCount { product: item.name, expected, admitted, inside });
        }
    }
    Ok(ArrivalsView {
        list_id: list,
        bars,
        bar_min,
        gates: board::by_gate(tx, list, me)?,
        products,
        refusals: board::by_reason(tx, list)?,
        lately: board::let_in_since(tx, list, UtcMillis(now.0.saturating_sub(LATELY_MS)))?,
    })
}
