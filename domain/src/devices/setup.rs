//! What an organizer sets for one device besides its role: its gate and lists, who may do what there, and how it behaves.

use crate::{
    devices::Right,
    id::{GateId, ListId},
};
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

/// Whether a badge is printed when its ticket is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BadgePrint {
    #[default]
    Never,
    /// With the first admission anywhere.
    Once,
    /// With each admission.
    Always,
}

impl BadgePrint {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::Never, Self::Once, Self::Always];

    /// The word that is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Once => "once",
            Self::Always => "always",
        }
    }

    /// The way of a word; `None` for one that this version does not know.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// What an organizer sets for one device. What an older server does not say is as it was before there was such a choice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceSetup {
    /// Whether the server says these things. An older one does not; searching is nobody's extra right then.
    pub told: bool,
    /// The gate it stands at; its name travels as `gate`.
    pub gate_id: Option<GateId>,
    /// The lists it scans for; empty is every list of its events.
    pub lists: Vec<ListId>,
    /// Nobody staffs it: guests scan by themselves, and only who may `supervise` gets out of that.
    pub kiosk: bool,
    #[serde(deserialize_with = "known_badge_print")]
    pub badge_print: BadgePrint,
    /// Products of high risk are refused when data is older than so many minutes; `None` is never.
    pub max_data_age_min: Option<u32>,
    /// Nothing is scanned or sold until somebody signs in by PIN.
    pub locked: bool,
    /// Rights of the device that only who signed in by PIN and has them too may use.
    #[serde(deserialize_with = "super::wire::known_rights")]
    pub guarded: Vec<Right>,
    /// Names are here for searching, and stand on no verdict.
    pub hide_names: bool,
}

/// A word of a newer server prints nothing.
fn known_badge_print<'de, D: Deserializer<'de>>(word: D) -> Result<BadgePrint, D::Error> {
    Ok(BadgePrint::of_word(&String::deserialize(word)?).unwrap_or_default())
}

impl DeviceSetup {
    /// Whether this device scans for `list`.
    #[must_use]
    pub fn scans_for(&self, list: ListId) -> bool {
        self.lists.is_empty() || self.lists.contains(&list)
    }

    /// The rights that came with this, as they are meant: where the server knows no right to search, everybody may.
    #[must_use]
    pub fn meant(&self, rights: &[Right]) -> Vec<Right> {
        let assumed = (!self.told && !rights.contains(&Right::Search)).then_some(Right::Search);
        rights.iter().copied().chain(assumed).collect()
    }

    /// What may be done at a device with these rights while an operator with those is signed in: the device's, but those
    /// that are guarded only where the operator has them too.
    #[must_use]
    pub fn in_force(&self, device: &[Right], operator: Option<&[Right]>) -> Vec<Right> {
        let may = |right: &Right| !self.guarded.contains(right) || operator.is_some_and(|own| own.contains(right));
        device.iter().copied().filter(may).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_older_server_sets_nothing_and_words_of_a_newer_one_do_nothing() {
        let older: DeviceSetup = serde_json::from_value(json!({ "device_id": 1 })).unwrap();
        assert_eq!(older, DeviceSetup::default());
        assert!(older.scans_for(ListId(7)) && !older.kiosk && !older.locked);
        let newer = json!({ "badge_print": "on_request", "guarded": ["undo", "open_the_roof"], "lists": [3] });
        let newer: DeviceSetup = serde_json::from_value(newer).unwrap();
        assert_eq!((newer.badge_print, newer.guarded.as_slice()), (BadgePrint::Never, &[Right::Undo][..]));
        assert!(newer.scans_for(ListId(3)) && !newer.scans_for(ListId(4)));
    }

    #[test]
    fn whoever_knows_no_right_to_search_lets_everybody_search() {
        assert_eq!(DeviceSetup::default().meant(&[Right::Undo]), [Right::Undo, Right::Search]);
        let told = DeviceSetup { told: true, ..DeviceSetup::default() };
        assert_eq!(told.meant(&[Right::Undo]), [Right::Undo]);
    }

    #[test]
    fn a_guarded_right_needs_an_operator_who_has_it_and_nobody_brings_one_the_device_lacks() {
        let setup = DeviceSetup { guarded: vec![Right::Undo, Right::Search], ..DeviceSetup::default() };
        let device = [Right::Names, Right::Undo, Right::Search];
        for (operator, may) in [
            (None, vec![Right::Names]),
            (Some(&[][..]), vec![Right::Names]),
            (Some(&[Right::Undo][..]), vec![Right::Names, Right::Undo]),
            (Some(&[Right::Undo, Right::Search, Right::AdmitUnpaid][..]), device.to_vec()),
        ] {
            assert_eq!(setup.in_force(&device, operator), may, "{operator:?}");
        }
        assert_eq!(DeviceSetup::default().in_force(&device, None), device, "nothing is guarded");
    }

    #[test]
    fn every_way_to_print_badges_has_the_word_it_is_sent_by() {
        for way in BadgePrint::ALL {
            assert_eq!(json!(way), json!(way.as_str()));
            assert_eq!(BadgePrint::of_word(way.as_str()), Some(way));
        }
    }
}
