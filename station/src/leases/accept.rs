//! Taking a grant in: checked, then lease, blanks and the fact in one transaction. The same grant again changes
//! nothing.

use crate::{
    change_feed::Topic,
    error::Fault,
    journal::{self, Pen},
    leases,
    station::Station,
};
use rusqlite::Transaction;
use willcall_domain::{
    leases::{BlankCodes, Grant, GrantBody, check_grant},
    problem::{Code, Problem},
    sync::Fact,
};

/// Takes a grant in; answers whether it was news.
///
/// # Errors
/// When the grant is not this server's for this station, or it could not be recorded.
pub async fn accept(station: &Station, grant: Grant) -> Result<bool, Problem> {
    let identity = station.enrolled()?;
    let body = check_grant(&grant, &identity.server_key, identity.device_id)
        .map_err(|error| Problem::new(Code::Protocol, format!("A grant of units was refused: {error}.")))?;
    let pen = station.pen(&identity, station.reading().at)?;
    let (lease, units) = (body.lease_id, body.units);
    let news = station.db().write(move |tx| take_in(tx, &pen, &body, grant)).await?;
    if news {
        tracing::info!(%lease, units, "took units in");
        station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    }
    Ok(news)
}

fn take_in(tx: &Transaction<'_>, pen: &Pen, body: &GrantBody, grant: Grant) -> Result<bool, Fault> {
    leases::answered(tx, body.request_id)?;
    if leases::known(tx, body.lease_id)? {
        return Ok(false);
    }
    let fact = Fact::LeaseAccepted {
        lease_id: body.lease_id,
        quota_id: body.quota_id,
        event_id: body.event_id,
        units: body.units,
        grant: grant.body,
        grant_signature: grant.signature,
    };
    journal::append(tx, pen, &fact, None, Vec::new())?;
    let codes: Vec<BlankCodes> = grant.codes;
    leases::put_blanks(tx, body.lease_id, &body.blanks, &codes)?;
    Ok(true)
}
