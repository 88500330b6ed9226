//! A check-in list as an organizer types it.

use crate::{
    catalog::draft::{FieldError, Wrong, name},
    id::ItemId,
};

/// A list as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListDraft {
    pub name: String,
    /// The products admitted; `None` is all.
    pub items: Option<Vec<ItemId>>,
    pub include_pending: bool,
    pub allow_multiple_entries: bool,
    pub allow_entry_after_exit: bool,
}

impl ListDraft {
    /// The list every new event has.
    #[must_use]
    pub fn all_tickets(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            items: None,
            include_pending: false,
            allow_multiple_entries: false,
            allow_entry_after_exit: true,
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
}
