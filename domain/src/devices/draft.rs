//! A device as an organizer types it.

use super::{Right, Role};
use crate::{
    catalog::draft::{FieldError, MAX_NAME, Wrong, name, text},
    id::EventId,
};

/// A device as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDraft {
    pub name: String,
    /// Where it stands; empty for none.
    pub gate: String,
    pub role: Role,
    /// The events it may see; `None` is all, also those to come.
    pub events: Option<Vec<EventId>>,
    /// What it may do besides its role.
    pub rights: Vec<Right>,
}

/// A device as typed.
#[derive(Debug, Clone, Default)]
pub struct DeviceTyped<'a> {
    pub name: &'a str,
    pub gate: &'a str,
    pub role: &'a str,
    pub all_events: bool,
    pub events: Vec<EventId>,
    pub rights: Vec<Right>,
}

impl DeviceTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self) -> Result<DeviceDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = name(self.name).map_err(|error| wrong.push(("name", error))).ok();
        let gate = text(self.gate, MAX_NAME).map_err(|error| wrong.push(("gate", error))).ok();
        let role = [Role::Door, Role::Till].into_iter().find(|role| role.as_str() == self.role);
        if role.is_none() {
            wrong.push(("role", FieldError::Choice));
        }
        if !self.all_events && self.events.is_empty() {
            wrong.push(("events", FieldError::NoneChosen));
        }
        match (name, gate, role) {
            (Some(name), Some(gate), Some(role)) if wrong.is_empty() => {
                let events = if self.all_events { None } else { Some(self.events.clone()) };
                Ok(DeviceDraft { name, gate, role, events, rights: self.rights.clone() })
            }
            _ => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_name_a_role_and_something_to_see() {
        let fields = |typed: DeviceTyped<'_>| -> Vec<&str> {
            typed.read().map_or_else(|wrong| wrong.into_iter().map(|(field, _)| field).collect(), |_| Vec::new())
        };
        assert_eq!(fields(DeviceTyped::default()), ["name", "role", "events"]);
        let door = DeviceTyped { name: "Door 1", role: "door", all_events: true, ..DeviceTyped::default() };
        assert_eq!(door.read().unwrap().events, None);
        let one = DeviceTyped { all_events: false, events: vec![EventId(7)], ..door };
        assert_eq!(one.read().unwrap().events, Some(vec![EventId(7)]));
    }
}
