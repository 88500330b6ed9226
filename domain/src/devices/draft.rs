//! A device as an organizer types it.

use super::{BadgePrint, DeviceSetup, Right, Role};
use crate::{
    catalog::draft::{FieldError, MAX_NAME, Wrong, name, text},
    id::{EventId, GateId, ListId},
};

/// The longest age of data that can be asked for, in minutes: a week.
pub const LONGEST_AGE_MIN: u32 = 10_080;

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

/// What is set for a device besides, as typed.
#[derive(Debug, Clone, Default)]
pub struct SetupTyped<'a> {
    pub gate: Option<GateId>,
    /// `None` is every list of its events.
    pub lists: Option<Vec<ListId>>,
    pub kiosk: bool,
    pub badge_print: &'a str,
    /// Minutes; empty is never.
    pub max_data_age: &'a str,
    pub locked: bool,
    pub guarded: Vec<Right>,
    pub hide_names: bool,
}

impl SetupTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self) -> Result<DeviceSetup, Vec<Wrong>> {
        let mut wrong = Vec::new();
        if self.lists.as_ref().is_some_and(Vec::is_empty) {
            wrong.push(("lists", FieldError::NoneChosen));
        }
        let badge_print = BadgePrint::of_word(self.badge_print);
        if badge_print.is_none() {
            wrong.push(("badge_print", FieldError::Choice));
        }
        let age = minutes(self.max_data_age).map_err(|error| wrong.push(("max_data_age", error)));
        match (badge_print, age) {
            (Some(badge_print), Ok(max_data_age_min)) if wrong.is_empty() => Ok(DeviceSetup {
                told: true,
                gate_id: self.gate,
                lists: self.lists.clone().unwrap_or_default(),
                kiosk: self.kiosk,
                badge_print,
                max_data_age_min,
                locked: self.locked,
                guarded: self.guarded.clone(),
                hide_names: self.hide_names,
            }),
            _ => Err(wrong),
        }
    }
}

/// An age of data in minutes, 1 to [`LONGEST_AGE_MIN`]; empty is none.
///
/// # Errors
/// When it is another number, or none.
pub fn minutes(typed: &str) -> Result<Option<u32>, FieldError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let wrong = FieldError::Number { min: 1, max: i64::from(LONGEST_AGE_MIN) };
    let minutes: u32 = typed.parse().map_err(|_| wrong.clone())?;
    if (1..=LONGEST_AGE_MIN).contains(&minutes) { Ok(Some(minutes)) } else { Err(wrong) }
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

    #[test]
    fn a_setup_chooses_lists_or_all_and_ages_in_whole_minutes() {
        let typed = SetupTyped { badge_print: "once", max_data_age: " 30 ", ..SetupTyped::default() };
        let setup = typed.read().unwrap();
        assert!(setup.told && setup.lists.is_empty());
        assert_eq!((setup.badge_print, setup.max_data_age_min), (BadgePrint::Once, Some(30)));
        let wrong = SetupTyped { badge_print: "maybe", lists: Some(Vec::new()), max_data_age: "0", ..typed };
        let fields: Vec<&str> = wrong.read().unwrap_err().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["lists", "badge_print", "max_data_age"]);
        assert_eq!((minutes(""), minutes("10080")), (Ok(None), Ok(Some(10_080))));
        assert!(minutes("10081").is_err() && minutes("1.5").is_err());
    }
}
