//! A check-in list as an organizer types it.

use crate::{
    catalog::draft::{FieldError, Wrong, moment, name},
    clock::UtcMillis,
    id::{DateId, GateId, ItemId},
};
use jiff::tz::TimeZone;

/// A list as it will be stored, but for its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListDraft {
    pub name: String,
    /// The products admitted; `None` is all.
    pub items: Option<Vec<ItemId>>,
    /// The date whose tickets are admitted; `None` is any.
    pub date_id: Option<DateId>,
    pub include_pending: bool,
    pub allow_multiple_entries: bool,
    pub allow_entry_after_exit: bool,
    /// A ticket also stands for its add-ons.
    pub addon_match: bool,
    /// The gates at which it is offered; empty is every gate.
    pub gates: Vec<GateId>,
    /// From when and until when the door chooses it by itself.
    pub shown_from: Option<UtcMillis>,
    pub shown_until: Option<UtcMillis>,
}

/// When a list is chosen, as typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShownTyped<'a> {
    pub from: &'a str,
    pub until: &'a str,
}

impl ShownTyped<'_> {
    /// On the wall clock of the event's zone; empty is open.
    ///
    /// # Errors
    /// Every field that is not right.
    pub fn read(&self, zone: &TimeZone) -> Result<(Option<UtcMillis>, Option<UtcMillis>), Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut read = |field: &'static str, typed: &str| {
            if typed.trim().is_empty() {
                return None;
            }
            moment(typed, zone).map_err(|error| wrong.push((field, error))).ok()
        };
        let (from, until) = (read("shown_from", self.from), read("shown_until", self.until));
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            wrong.push(("shown_until", FieldError::BeforeStart));
        }
        if wrong.is_empty() { Ok((from, until)) } else { Err(wrong) }
    }
}

impl ListDraft {
    /// The list every new event has.
    #[must_use]
    pub fn all_tickets(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            items: None,
            date_id: None,
            include_pending: false,
            allow_multiple_entries: false,
            allow_entry_after_exit: true,
            addon_match: false,
            gates: Vec::new(),
            shown_from: None,
            shown_until: None,
        }
    }

    /// The same list with the name as typed, and products chosen unless it admits all.
    ///
    /// # Errors
    /// Every field that is not right.
    pub fn checked(self) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = name(&self.name).map_err(|error| wrong.push(("name", error)));
        if self.items.as_ref().is_some_and(Vec::is_empty) {
            wrong.push(("items", FieldError::NoneChosen));
        }
        match name {
            Ok(name) if wrong.is_empty() => Ok(Self { name, ..self }),
            Ok(_) | Err(()) => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_does_not_admit_all_names_what_it_admits() {
        let list = ListDraft::all_tickets(" Main  gate ");
        assert_eq!(list.clone().checked().unwrap().name, "Main gate");
        let none = ListDraft { items: Some(Vec::new()), name: String::new(), ..list };
        assert_eq!(none.checked().unwrap_err(), [("name", FieldError::Empty), ("items", FieldError::NoneChosen)]);
    }

    #[test]
    fn a_list_is_chosen_from_and_until_the_clock_of_the_event_says_so() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let read = |from, until| ShownTyped { from, until }.read(&berlin);
        assert_eq!(read("", " "), Ok((None, None)));
        let at = |text: &str| Some(UtcMillis::parse(text).unwrap());
        assert_eq!(read("2026-07-04T18:00", ""), Ok((at("2026-07-04T16:00:00Z"), None)));
        assert_eq!(read("2026-07-04T18:00", "2026-07-04T18:00"), Err(vec![("shown_until", FieldError::BeforeStart)]));
        assert_eq!(
            read("soon", "2026-03-29T02:30"),
            Err(vec![("shown_from", FieldError::Moment), ("shown_until", FieldError::Skipped)])
        );
    }
}
