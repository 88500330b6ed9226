//! Giving rights back: what the server recalls, what was not used for long, what is of an event that this station does not
//! see any more, what a person does not want here, and all of them when this station ends. The entry is written first, so that nothing is done by that right any more.

use super::{list, store};
use crate::{
    change_feed::Topic,
    copies,
    devices::{self, Identity},
    error::Fault,
    journal::{self, Pen},
    station::Station,
};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::voucher::fold_code,
    clock::UtcMillis,
    leases::{HeldRight, right_view::RightsView},
    problem::{Code, Problem},
    sync::Fact,
};

/// Gives back what is due; answers how many.
///
/// # Errors
/// When it cannot be recorded; nothing is given back then.
pub async fn give_back(station: &Station, identity: &Identity) -> Result<u32, Problem> {
    let pen = station.pen(identity, station.reading().at)?;
    let now = station.reading().now;
    let rights = station.db().write(move |tx| give_back_in(tx, &pen, now)).await?;
    if rights > 0 {
        tracing::info!(rights, "gave rights back");
        station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    }
    Ok(rights)
}

fn give_back_in(tx: &Transaction<'_>, pen: &Pen, now: UtcMillis) -> Result<u32, Fault> {
    let Some(me) = devices::current(tx)?.filter(|me| me.device_id == pen.station) else { return Ok(0) };
    let mut rights = 0;
    for held in store::held(tx, pen.station, pen.incarnation)? {
        if !me.events.contains(&held.event_id) || held.is_due_back(store::last_used(tx, held.subject)?, now) {
            release(tx, pen, &held)?;
            rights += 1;
        }
    }
    Ok(rights)
}

/// This till does not need the right of this code any more.
///
/// # Errors
/// `not-found` when it is not here; else when it cannot be recorded.
pub async fn release_right(station: &Station, code: &str) -> Result<RightsView, Problem> {
    let identity = station.enrolled()?;
    copies::standing::must_not_doubt(station).await?;
    let pen = station.pen(&identity, station.reading().at)?;
    let code = fold_code(code);
    let write = move |tx: &Transaction<'_>| {
        let held = store::held(tx, pen.station, pen.incarnation)?;
        let named: Vec<&HeldRight> = held.iter().filter(|right| right.code == code).collect();
        if named.is_empty() {
            return Err(Fault::refused(Code::NotFound, format!("This till holds nothing called {code}.")));
        }
        for right in named {
            release(tx, &pen, right)?;
        }
        list::rights_in(tx, pen.station, pen.incarnation)
    };
    let view = station.db().write(write).await?;
    station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    Ok(view)
}

/// Gives back all that is held, before the journal ends.
///
/// # Errors
/// When it cannot be recorded.
pub fn all_that_is_held(tx: &Transaction<'_>, pen: &Pen) -> Result<(), Fault> {
    store::held(tx, pen.station, pen.incarnation)?.iter().try_for_each(|held| release(tx, pen, held))
}

fn release(tx: &Transaction<'_>, pen: &Pen, held: &HeldRight) -> Result<(), Fault> {
    let fact = Fact::RightReleased { right_id: held.right_id, event_id: held.event_id, subject: held.subject };
    journal::append(tx, pen, &fact, None, Vec::new())?;
    Ok(())
}
