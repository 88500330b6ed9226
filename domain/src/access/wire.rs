//! The organizer as stations know it.

use crate::id::OrganizerId;
use serde::{Deserialize, Serialize};

/// Who sells: what a receipt, a ticket and a contract must name. `version` rises with each write of the row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizerRow {
    pub organizer_id: OrganizerId,
    /// What people call it.
    pub name: String,
    /// As the law wants it; empty: the name.
    #[serde(default)]
    pub legal_name: String,
    /// Several lines; may be empty.
    #[serde(default)]
    pub address: String,
    /// Value added tax number or tax number; may be empty.
    #[serde(default)]
    pub tax_number: String,
    /// `#7a2e3a`; empty: the house's own.
    #[serde(default)]
    pub accent: String,
    pub version: i64,
}

impl OrganizerRow {
    /// The name a contract is made with.
    #[must_use]
    pub fn contract_name(&self) -> &str {
        if self.legal_name.is_empty() { &self.name } else { &self.legal_name }
    }

    /// Name and address in one line, as a ticket must carry them.
    #[must_use]
    pub fn imprint(&self) -> String {
        let lines = self.address.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.fold(self.contract_name().to_owned(), |all, line| format!("{all}, {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_legal_name_contracts_by_the_name_and_the_imprint_is_one_line() {
        let plain: OrganizerRow =
            serde_json::from_str(r#"{"organizer_id": 1, "name": "Harbour Hall", "version": 1}"#).unwrap();
        assert_eq!((plain.contract_name(), plain.imprint().as_str()), ("Harbour Hall", "Harbour Hall"));
        let address = "Kaistraße 12 \n\n20457 Hamburg\n".to_owned();
        let full = OrganizerRow { legal_name: "Harbour Hall gGmbH".to_owned(), address, ..plain };
        assert_eq!(full.imprint(), "Harbour Hall gGmbH, Kaistraße 12, 20457 Hamburg");
    }
}
