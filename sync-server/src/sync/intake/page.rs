//! A page of entries as it arrives: read entry by entry, so that one that cannot be read does not take the others along.

use super::Checked;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;
use willcall_domain::{id::DeviceId, sync::Entry};

/// Whose entries these say to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sync) struct Claim {
    pub station: DeviceId,
    pub incarnation: u32,
}

impl Claim {
    /// What there is one case of: this incarnation.
    pub(in crate::sync) fn about(&self) -> String {
        format!("{}/{}", self.station, self.incarnation)
    }
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Box<RawValue>>,
}

/// What cannot be read as an entry may still say whose it is.
fn claim_of(raw: &str) -> (Claim, u64) {
    let value: Value = serde_json::from_str(raw).unwrap_or_default();
    let number = |name: &str| value.get(name).and_then(Value::as_i64).unwrap_or(0);
    let claim =
        Claim { station: DeviceId(number("station")), incarnation: u32::try_from(number("incarnation")).unwrap_or(0) };
    (claim, u64::try_from(number("seq")).unwrap_or(0))
}

fn read_raw(raw: Box<RawValue>) -> (Claim, Checked) {
    match serde_json::from_str::<Entry>(raw.get()) {
        Ok(entry) => {
            let claim = Claim { station: entry.station, incarnation: entry.incarnation };
            (claim, Checked { seq: entry.seq, entry: Some(entry), raw, sound: Err(String::new()) })
        }
        Err(error) => {
            let (claim, seq) = claim_of(raw.get());
            (claim, Checked { seq, entry: None, raw, sound: Err(format!("it cannot be read: {error}")) })
        }
    }
}

/// The entries of a page by whose they say to be; not checked yet.
///
/// # Errors
/// When it is no page.
pub(in crate::sync) fn read(bytes: &[u8]) -> Result<BTreeMap<Claim, Vec<Checked>>, serde_json::Error> {
    let page: Page = serde_json::from_slice(bytes)?;
    let mut groups: BTreeMap<Claim, Vec<Checked>> = BTreeMap::new();
    for raw in page.entries {
        let (claim, one) = read_raw(raw);
        groups.entry(claim).or_default().push(one);
    }
    Ok(groups)
}

/// One entry from the bytes it came in; `None` when they are no JSON.
pub(in crate::sync) fn read_one(bytes: &[u8]) -> Option<(Claim, Checked)> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(read_raw(RawValue::from_string(text.to_owned()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_does_not_take_the_others_along() {
        let page = br#"{"entries": [{"station": 7, "incarnation": 2, "seq": 9}, [], "x", {"station": -1, "seq": -4}]}"#;
        let groups = read(page).unwrap();
        let claims: Vec<(i64, u32, usize)> =
            groups.iter().map(|(c, all)| (c.station.0, c.incarnation, all.len())).collect();
        assert_eq!(claims, [(-1, 0, 1), (0, 0, 2), (7, 2, 1)]);
        assert!(groups.values().flatten().all(|one| one.entry.is_none() && one.sound.is_err()));
        assert!(read(b"{\"entries\": 7}").is_err());
        assert!(read(b"{\"entries\": [{]}").is_err(), "cut off");
    }
}
