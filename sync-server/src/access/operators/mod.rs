//! People who sign in at devices by a PIN: as an organizer makes and changes them. Not here: signing in, which happens at
//! the device, and staff of the office.

mod store;

pub use store::OperatorFull;

use super::password;
use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    access::operator::valid_pin,
    catalog::draft::{FieldError, Wrong, name},
    devices::Right,
    id::OperatorId,
    problem::{Code, Problem},
};

/// An operator as typed.
#[derive(Debug, Clone, Default)]
pub struct OperatorTyped<'a> {
    pub name: &'a str,
    /// 4 to 12 digits; empty keeps the one there is.
    pub pin: &'a str,
    pub rights: Vec<Right>,
    pub active: bool,
}

/// An operator as read; the PIN still as typed.
struct Draft<'a> {
    name: String,
    pin: Option<&'a str>,
}

impl OperatorTyped<'_> {
    fn read(&self, has_pin: bool) -> Result<Draft<'_>, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = name(self.name).map_err(|error| wrong.push(("name", error))).unwrap_or_default();
        let pin = Some(self.pin.trim()).filter(|pin| !pin.is_empty());
        match pin {
            Some(pin) if !valid_pin(pin) => wrong.push(("pin", FieldError::Choice)),
            None if !has_pin => wrong.push(("pin", FieldError::Empty)),
            Some(_) | None => {}
        }
        if wrong.is_empty() { Ok(Draft { name, pin }) } else { Err(wrong) }
    }
}

/// All operators by name, those in use first.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx) -> Result<Vec<OperatorFull>, Failure> {
    Ok(store::operators(tx, None).await?)
}

/// One operator.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, operator: OperatorId) -> Result<OperatorFull, Failure> {
    let found = store::operators(tx, Some(operator)).await?.pop();
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such operator.").into())
}

/// Makes an operator.
///
/// # Errors
/// When the name or the PIN is none, or the database is away.
pub async fn create(tx: &mut Tx, typed: &OperatorTyped<'_>) -> Result<OperatorId, Refused> {
    let draft = typed.read(false)?;
    let pin = hashed(tx, draft.pin).await?.unwrap_or_default();
    let operator = store::insert(tx, &draft.name, &pin, &typed.rights).await?;
    note(tx, Subject::Operator(operator)).await?;
    audit::record(tx, Record::new(Deed::OperatorMade, None, number(operator), Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, operator = operator.0, "operator made");
    Ok(operator)
}

/// Changes an operator; who is signed in at a device goes on until the device hears of it.
///
/// # Errors
/// When it is not there, the name or the PIN is none, or the database is away.
pub async fn update(tx: &mut Tx, operator: OperatorId, typed: &OperatorTyped<'_>) -> Result<(), Refused> {
    let before = find(tx, operator).await?;
    let draft = typed.read(before.has_pin)?;
    let pin = hashed(tx, draft.pin).await?;
    let after = OperatorFull { name: draft.name, rights: typed.rights.clone(), active: typed.active, ..before.clone() };
    if pin.is_none() && before == after {
        return Ok(());
    }
    store::update(tx, &after, pin.as_deref()).await?;
    note(tx, Subject::Operator(operator)).await?;
    // Who it is stands in its row alone: that a name or PIN changed is told, not what it was.
    let mut changes = Changes::none().field("rights", &before.rights, &after.rights);
    changes = changes.field("active", &before.active, &after.active);
    if before.name != after.name {
        changes = changes.fact("renamed", true);
    }
    if pin.is_some() {
        changes = changes.fact("new_pin", true);
    }
    audit::record(tx, Record::new(Deed::OperatorChanged, None, number(operator), changes)).await?;
    tracing::info!(organizer = tx.organizer.0, operator = operator.0, "operator changed");
    Ok(())
}

fn number(operator: OperatorId) -> String {
    format!("#{operator}")
}

async fn hashed(tx: &Tx, pin: Option<&str>) -> Result<Option<String>, Failure> {
    match pin {
        Some(pin) => {
            let hashed = password::hash_pin_aside(pin.to_owned(), tx.entropy()).await;
            Ok(Some(hashed.map_err(Failure::internal)?))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_operator_needs_a_pin_and_a_known_one_keeps_it() {
        let fields = |typed: &OperatorTyped<'_>, has_pin: bool| -> Vec<&'static str> {
            typed.read(has_pin).map_or_else(|wrong| wrong.into_iter().map(|(field, _)| field).collect(), |_| Vec::new())
        };
        let typed = OperatorTyped { name: "Kim", ..OperatorTyped::default() };
        assert_eq!(fields(&typed, false), ["pin"]);
        assert_eq!(fields(&typed, true), Vec::<&str>::new());
        for pin in ["123", "12 34", "1234567890123", "12a4"] {
            assert_eq!(fields(&OperatorTyped { pin, ..typed.clone() }, true), ["pin"], "{pin}");
        }
        assert_eq!(fields(&OperatorTyped { pin: " 4711 ", name: "", ..typed }, false), ["name"]);
    }
}
