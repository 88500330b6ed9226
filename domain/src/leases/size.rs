//! How much to lend: enough for the planned outage, fair between tills and web, never all.

/// Inputs of the size of one grant; all in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantSize {
    /// What the station asks for.
    pub wanted: u32,
    /// Units nobody holds; `None` is an unlimited quota.
    pub free: Option<i64>,
    /// Size of the quota; `None` is unlimited.
    pub size: Option<i64>,
    /// What this station already holds unsold.
    pub held: u32,
    /// Stations that may sell of this quota, this one included; at least 1.
    pub tills: u32,
}

/// Most units one station may hold unsold of an unlimited quota.
const UNLIMITED_CAP: i64 = 500;

impl GrantSize {
    /// Units to grant, 0 to `wanted`. Half of what is free stays for the web and the other tills share the rest, so
    /// that one till never starves the others; the last units go one station after the other.
    #[must_use]
    pub fn units(&self) -> u32 {
        let cap = self.size.map_or(UNLIMITED_CAP, |size| (size / 2 / i64::from(self.tills.max(1))).max(1));
        let room = (cap - i64::from(self.held)).max(0);
        let share = self.free.map_or(i64::MAX, |free| {
            let fair = free.max(0) / 2 / i64::from(self.tills.max(1));
            if free > 0 { fair.max(1) } else { 0 }
        });
        u32::try_from(i64::from(self.wanted).min(room).min(share)).unwrap_or(0)
    }
}

/// What a station wants to hold: its sales rate over the planned outage, at least ten.
#[must_use]
pub fn target(sold_last_hour: u32, planned_outage_min: u32) -> u32 {
    let expected = u64::from(sold_last_hour) * u64::from(planned_outage_min) / 60;
    u32::try_from(expected).unwrap_or(u32::MAX).clamp(10, 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_till_never_gets_all_and_the_last_unit_is_still_lent() {
        let size = GrantSize { wanted: 100, free: Some(100), size: Some(100), held: 0, tills: 1 };
        assert_eq!(size.units(), 50);
        assert_eq!(GrantSize { tills: 5, ..size }.units(), 10);
        assert_eq!(GrantSize { free: Some(1), ..size }.units(), 1);
        assert_eq!(GrantSize { free: Some(0), ..size }.units(), 0);
        assert_eq!(GrantSize { held: 50, ..size }.units(), 0, "the cap is reached");
        assert_eq!(GrantSize { free: None, size: None, wanted: 900, ..size }.units(), 500);
    }

    proptest! {
        #[test]
        fn no_grant_exceeds_what_is_free_or_wanted(wanted: u16, free in -5i64..5000, held: u16, tills: u8, more in 0i64..100) {
            let size = GrantSize { wanted: u32::from(wanted), free: Some(free), size: Some(free.max(0) + more), held: u32::from(held), tills: u32::from(tills) };
            prop_assert!(i64::from(size.units()) <= free.max(0));
            prop_assert!(size.units() <= u32::from(wanted));
        }
    }
}
