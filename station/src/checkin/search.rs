//! Finding a ticket by name or order code, letters folded.

use super::{found::FoundSeal, store};
use crate::{access, catalog, devices::Identity, error::Fault, leases, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::wire::FoundTicket,
    devices::Right,
    id::ListId,
    orders::PositionRow,
    problem::{Code, Problem},
};

/// Most tickets answered; who sees as many types another letter.
const MOST: u32 = 50;
const NOT_ALLOWED: &str =
    "Nobody may look for names here now. Somebody who may can sign in by PIN; the organizer sets who that is.";

/// Whether tickets may be found by name or order code here. A till always may, but where that is guarded.
#[must_use]
pub fn may_search(identity: &Identity, in_force: &[Right]) -> bool {
    in_force.contains(&Right::Search) || identity.role.sells() && !identity.setup.guarded.contains(&Right::Search)
}

/// Tickets of the list's event whose name has words beginning with those typed, or whose order code begins so.
///
/// # Errors
/// When fewer than two letters were typed, there is no such list, or the database cannot be read.
pub async fn search(station: &Station, list: ListId, text: &str) -> Result<Vec<FoundTicket>, Problem> {
    let identity = station.enrolled()?;
    access::sign_in::awake(station, &identity)?;
    if !may_search(&identity, &station.rights_in_force(&identity)) {
        return Err(Problem::new(Code::Forbidden, NOT_ALLOWED));
    }
    let typed = text.trim().to_owned();
    if typed.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return Err(Problem::field("text", "Type at least two letters of the name or order code."));
    }
    let seal = station.found_seal().clone();
    Ok(station.db().read(move |tx| find(tx, &seal, list, &typed)).await?)
}

fn find(tx: &Transaction<'_>, seal: &FoundSeal, list: ListId, typed: &str) -> Result<Vec<FoundTicket>, Fault> {
    let no_list = || Fault::refused(Code::NotFound, format!("There is no check-in list {list} here."));
    let list = store::list(tx, list)?.ok_or_else(no_list)?;
    let event = catalog::event(tx, list.event_id)?.ok_or_else(no_list)?;
    let mut found = orders::by_order_code(tx, list.event_id, &typed.to_uppercase(), MOST)?;
    for position in by_words(tx, &list, typed)? {
        if !found.iter().any(|p| p.position_id == position.position_id) {
            found.push(position);
        }
    }
    found.truncate(MOST as usize);
    found
        .into_iter()
        .map(|position| {
            let product = catalog::item(tx, position.item_id)?.map(|i| i.name).unwrap_or_default();
            let code = match &position.plain {
                Some(plain) => plain.clone(),
                None => leases::code_of(tx, position.position_id)?.unwrap_or_else(|| seal.text(position.position_id)),
            };
            Ok(FoundTicket {
                position_id: position.position_id,
                inside: store::is_inside(tx, list.list_id, position.position_id)?,
                order_code: position.order_code,
                name: position.name,
                product,
                event_name: event.name.clone(),
                code,
            })
        })
        .collect()
}

/// By the longest word through the index, by the others among what that found.
fn by_words(
    tx: &Transaction<'_>,
    list: &willcall_domain::checkin::ListRow,
    typed: &str,
) -> Result<Vec<PositionRow>, Fault> {
    let typed = orders::words(typed);
    let Some(longest) = typed.iter().max_by_key(|w| w.chars().count()) else { return Ok(Vec::new()) };
    let mut found = orders::by_name(tx, list.event_id, longest, MOST * 10)?;
    found.retain(|position| {
        let words = position.name.as_deref().map(orders::words).unwrap_or_default();
        typed.iter().all(|t| words.iter().any(|w| w.starts_with(t.as_str())))
    });
    Ok(found)
}
