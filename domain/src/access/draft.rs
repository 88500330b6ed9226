//! An organizer as typed → what is stored, or what is wrong with which field. Not its address in the shop, which is given
//! once and for all (see [`crate::catalog::draft::valid_slug`]).

use crate::catalog::draft::{FieldError, MAX_NAME, Wrong, name, note, text};

/// The longest address or bank details, in characters: they are printed on every receipt.
pub const MAX_LINES: usize = 500;
/// The longest tax number, in characters.
pub const MAX_TAX_NUMBER: usize = 40;
/// The colour of who chose none.
pub const ACCENT: &str = "#2f5d8a";

/// An organizer as typed; each field as the form sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrganizerTyped<'a> {
    pub name: &'a str,
    pub legal_name: &'a str,
    pub address: &'a str,
    pub tax_number: &'a str,
    pub bank_details: &'a str,
    pub accent: &'a str,
}

/// An organizer as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizerDraft {
    pub name: String,
    /// Empty: the name.
    pub legal_name: String,
    /// Several lines; may be empty.
    pub address: String,
    /// Value added tax number or tax number; may be empty.
    pub tax_number: String,
    /// What a buyer who pays by transfer is told; several lines, may be empty.
    pub bank_details: String,
    /// `#2f5d8a`.
    pub accent: String,
}

impl OrganizerTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self) -> Result<OrganizerDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = note(&mut wrong, "name", name(self.name));
        let legal_name = note(&mut wrong, "legal_name", line(self.legal_name, MAX_NAME));
        let address = note(&mut wrong, "address", text(self.address, MAX_LINES));
        let tax_number = note(&mut wrong, "tax_number", line(self.tax_number, MAX_TAX_NUMBER));
        let bank_details = note(&mut wrong, "bank_details", text(self.bank_details, MAX_LINES));
        let accent = note(&mut wrong, "accent", colour(self.accent));
        match (name, legal_name, address, tax_number, bank_details, accent) {
            (Some(name), Some(legal_name), Some(address), Some(tax_number), Some(bank_details), Some(accent)) => {
                Ok(OrganizerDraft { name, legal_name, address, tax_number, bank_details, accent })
            }
            _ => Err(wrong),
        }
    }
}

/// One line that may be empty.
fn line(typed: &str, max: usize) -> Result<String, FieldError> {
    Ok(text(typed, max)?.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn colour(typed: &str) -> Result<String, FieldError> {
    let typed = typed.trim().to_ascii_lowercase();
    if typed.is_empty() {
        return Ok(ACCENT.to_owned());
    }
    let digits = typed.strip_prefix('#').filter(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
    if digits.is_some() { Ok(typed) } else { Err(FieldError::Colour) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organizer_needs_a_name_and_nothing_else() {
        let draft = OrganizerTyped { name: "Harbour Hall", ..OrganizerTyped::default() }.read().unwrap();
        assert_eq!((draft.accent.as_str(), draft.legal_name.as_str()), (ACCENT, ""));
        let full = OrganizerTyped {
            name: "Harbour  Hall",
            legal_name: "Harbour Hall\ngGmbH",
            address: " Kai 1\r\n20457 Hamburg ",
            tax_number: "DE 123 456 789 ",
            bank_details: "",
            accent: "#1F6F78",
        };
        let full = full.read().unwrap();
        assert_eq!((full.name.as_str(), full.legal_name.as_str()), ("Harbour Hall", "Harbour Hall gGmbH"));
        assert_eq!((full.address.as_str(), full.tax_number.as_str()), ("Kai 1\n20457 Hamburg", "DE 123 456 789"));
        assert_eq!(full.accent, "#1f6f78");
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let long = "x".repeat(MAX_LINES + 1);
        let wrong = OrganizerTyped {
            name: "",
            legal_name: &long,
            address: &long,
            tax_number: &long,
            bank_details: &long,
            accent: "teal",
        };
        let fields: Vec<&str> = wrong.read().unwrap_err().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["name", "legal_name", "address", "tax_number", "bank_details", "accent"]);
        for accent in ["#12345", "#1234567", "#12345é", "123456"] {
            let typed = OrganizerTyped { name: "A", accent, ..OrganizerTyped::default() };
            assert_eq!(typed.read(), Err(vec![("accent", FieldError::Colour)]), "{accent}");
        }
    }
}
