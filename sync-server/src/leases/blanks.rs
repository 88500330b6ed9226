//! Which codes signed in advance will never be a ticket: named by the station that gives them up, or all that are left of
//! a lease that has ended. Ranges, never codes; a blank whose sale is known is a ticket and stays one.

use super::store;
use crate::{
    app::Tx,
    http::problem::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    id::{DeviceId, EventId, LeaseId, PositionId},
    leases::{BlankRange, Units},
    sync::change::VoidWhy,
    ticketing::blank,
};

/// Each range of a lease, with the numbers of its blanks that can still become a ticket at its station.
pub(super) async fn left(tx: &mut Tx, lease: LeaseId) -> sqlx::Result<Vec<(BlankRange, Units)>> {
    let given = store::given_blanks(tx, lease).await?;
    let mut out = Vec::new();
    for (range, _, _) in store::blank_ranges(tx, lease).await? {
        let of_range = |g: &&BlankRange| blank::index(range.base, g.base).is_some();
        let away: Units = given.iter().filter(of_range).map(|g| g.numbers()).collect();
        let gone = store::sold_blanks(tx, range).await?.with(&store::void_ranges(tx, range.base).await?).with(&away);
        out.push((range, Units::from(range.numbers()).without(&gone)));
    }
    Ok(out)
}

/// Voids what is left of a lease; answers whether that was anything.
pub(super) async fn void_left(tx: &mut Tx, event: EventId, lease: LeaseId, why: VoidWhy) -> Result<bool, Failure> {
    let mut any = false;
    for (range, numbers) in left(tx, lease).await? {
        for run in numbers.ranges() {
            let part = BlankRange::part(range.article, range.base, *run);
            store::void(tx, (event, lease), part, why).await?;
            any = true;
        }
    }
    if any {
        note(tx, Subject::VoidBlanks(lease, event)).await?;
    }
    Ok(any)
}

/// Voids the blanks a station names, as far as they are of this lease and no tickets.
pub(super) async fn void_named(
    tx: &mut Tx,
    event: EventId,
    lease: LeaseId,
    named: &[BlankRange],
    why: VoidWhy,
) -> Result<(), Failure> {
    if named.is_empty() {
        return Ok(());
    }
    let ranges = store::blank_ranges(tx, lease).await?;
    for part in named {
        let whole = ranges
            .iter()
            .map(|(range, _, _)| *range)
            .find(|range| range.article == part.article && blank::index(range.base, part.base).is_some());
        let Some(whole) = whole else { continue };
        let own = Units::from(part.numbers()).common(&whole.numbers().into());
        let unsold = own.without(&store::sold_blanks(tx, whole).await?);
        for run in unsold.ranges() {
            store::void(tx, (event, lease), BlankRange::part(whole.article, whole.base, *run), why).await?;
        }
    }
    note(tx, Subject::VoidBlanks(lease, event)).await
}

/// The first and the last id of every range of blanks that went to a till.
///
/// # Errors
/// When the database is away.
pub async fn blanks_of(tx: &mut Tx, till: DeviceId) -> Result<Vec<(LeaseId, PositionId, PositionId)>, Failure> {
    let ends = |(lease, range): (LeaseId, BlankRange)| {
        let numbers = range.numbers();
        (lease, blank::position(range.base, numbers.from), blank::position(range.base, numbers.until.saturating_sub(1)))
    };
    Ok(store::ranges_of(tx, till).await?.into_iter().map(ends).collect())
}

/// Whether nobody but the till of this lease can have sold this blank, and it has not: it was neither sold nor given back,
/// nor handed on.
///
/// # Errors
/// When the database is away.
pub async fn is_left(tx: &mut Tx, lease: LeaseId, position: PositionId) -> Result<bool, Failure> {
    let left = left(tx, lease).await?;
    let is_here = |(range, numbers): &(BlankRange, Units)| {
        blank::index(range.base, position).is_some_and(|n| numbers.ranges().iter().any(|r| r.from <= n && n < r.until))
    };
    Ok(left.iter().any(is_here))
}
