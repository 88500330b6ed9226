//! A set of unit numbers, kept as ranges: sales take from the low end, returns from the high end, so a set is a handful
//! of ranges however many units it has. Owns arithmetic of such sets; knows no lease.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Units `from` to `until`, the last not included; never empty inside a [`Units`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnitRange {
    pub from: u32,
    pub until: u32,
}

impl UnitRange {
    /// `count` units from `from` on; ends at the highest number there is.
    #[must_use]
    pub fn of(from: u32, count: u32) -> Self {
        Self { from, until: from.saturating_add(count) }
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> u32 {
        self.until.saturating_sub(self.from)
    }
}

/// A set of unit numbers: ascending ranges that neither overlap nor touch, so that equal sets are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<UnitRange>", into = "Vec<UnitRange>")]
pub struct Units(Vec<UnitRange>);

impl From<Vec<UnitRange>> for Units {
    fn from(ranges: Vec<UnitRange>) -> Self {
        ranges.into_iter().collect()
    }
}

impl From<Units> for Vec<UnitRange> {
    fn from(units: Units) -> Self {
        units.0
    }
}

impl From<UnitRange> for Units {
    fn from(range: UnitRange) -> Self {
        std::iter::once(range).collect()
    }
}

impl FromIterator<UnitRange> for Units {
    fn from_iter<I: IntoIterator<Item = UnitRange>>(ranges: I) -> Self {
        let mut sorted: Vec<UnitRange> = ranges.into_iter().filter(|r| r.count() > 0).collect();
        sorted.sort_unstable();
        let mut joined: Vec<UnitRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match joined.last_mut() {
                Some(last) if range.from <= last.until => last.until = last.until.max(range.until),
                Some(_) | None => joined.push(range),
            }
        }
        Self(joined)
    }
}

impl FromIterator<u32> for Units {
    fn from_iter<I: IntoIterator<Item = u32>>(units: I) -> Self {
        units.into_iter().map(|unit| UnitRange::of(unit, 1)).collect()
    }
}

impl fmt::Display for Units {
    /// `0-4, 7`, as people read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, range) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            match range.count() {
                1 => write!(f, "{comma}{}", range.from)?,
                _ => write!(f, "{comma}{}-{}", range.from, range.until - 1)?,
            }
        }
        Ok(())
    }
}

impl Units {
    /// No unit.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Units 0 to `count`, the last not included.
    #[must_use]
    pub fn first(count: u32) -> Self {
        UnitRange { from: 0, until: count }.into()
    }

    /// One unit.
    #[must_use]
    pub fn one(unit: u32) -> Self {
        UnitRange::of(unit, 1).into()
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[UnitRange] {
        &self.0
    }

    /// Every unit, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|r| r.from..r.until)
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|r| r.count()).sum()
    }

    /// The count as accounts keep it.
    #[must_use]
    pub fn total(&self) -> i64 {
        i64::from(self.count())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn contains(&self, unit: u32) -> bool {
        let after = self.0.partition_point(|r| r.from <= unit);
        after.checked_sub(1).is_some_and(|at| unit < self.0[at].until)
    }

    /// The lowest unit.
    #[must_use]
    pub fn lowest(&self) -> Option<u32> {
        self.0.first().map(|r| r.from)
    }

    /// The last run of units that follow each other.
    #[must_use]
    pub fn last_run(&self) -> Option<UnitRange> {
        self.0.last().copied()
    }

    /// Both.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        self.0.iter().chain(&more.0).copied().collect()
    }

    /// These without those.
    #[must_use]
    pub fn without(&self, less: &Self) -> Self {
        let mut rest = Vec::with_capacity(self.0.len());
        for &range in &self.0 {
            let mut from = range.from;
            for cut in less.0.iter().filter(|c| c.from < range.until && c.until > range.from) {
                if cut.from > from {
                    rest.push(UnitRange { from, until: cut.from });
                }
                from = from.max(cut.until);
            }
            if from < range.until {
                rest.push(UnitRange { from, until: range.until });
            }
        }
        Self(rest)
    }

    /// What is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    /// The `count` highest, or all where there are fewer.
    #[must_use]
    pub fn highest(&self, count: u32) -> Self {
        let mut wanted = count;
        let mut out = Vec::new();
        for range in self.0.iter().rev() {
            let taken = range.count().min(wanted);
            wanted -= taken;
            out.push(UnitRange { from: range.until - taken, until: range.until });
        }
        out.into_iter().collect()
    }

    /// Adds; `self` changes.
    pub fn add(&mut self, more: &Self) {
        *self = self.with(more);
    }

    /// Takes away; `self` changes.
    pub fn remove(&mut self, less: &Self) {
        *self = self.without(less);
    }

    /// Takes the lowest unit out.
    pub fn take_lowest(&mut self) -> Option<u32> {
        let first = self.0.first_mut()?;
        let unit = first.from;
        first.from += 1;
        if first.count() == 0 {
            self.0.remove(0);
        }
        Some(unit)
    }

    /// Each unit moved by `by` (new number = old − `down` + `up`), as when a range gets numbers of its own.
    #[must_use]
    pub fn renumbered(&self, down: u32, up: u32) -> Self {
        let moved = |n: u32| n.saturating_sub(down).saturating_add(up);
        self.0.iter().map(|r| UnitRange { from: moved(r.from), until: moved(r.until) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(units: &Units) -> BTreeSet<u32> {
        units.iter().collect()
    }

    fn some() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(0u32..30, 0..20)
    }

    #[test]
    fn ranges_are_joined_and_read_by_people() {
        let units: Units = [0, 1, 2, 3, 4, 7, 9, 8].into_iter().collect();
        assert_eq!(units.to_string(), "0-4, 7-9");
        assert_eq!(units.ranges().len(), 2);
        assert_eq!(units.highest(4).to_string(), "4, 7-9");
        assert_eq!(serde_json::to_string(&Units::first(3)).unwrap(), r#"[{"from":0,"until":3}]"#);
        assert_eq!(Units::one(7).renumbered(5, 0), Units::one(2));
        assert_eq!(UnitRange::of(u32::MAX, 5).count(), 0, "no number overflows");
    }

    proptest! {
        #[test]
        fn units_are_the_set_they_stand_for(a in some(), b in some(), unit in 0u32..30, count in 0u32..30) {
            let (x, y): (Units, Units) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(set(&x), a.clone());
            prop_assert_eq!(x.count() as usize, a.len());
            prop_assert_eq!(set(&x.with(&y)), a.union(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(&x.without(&y)), a.difference(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(&x.common(&y)), a.intersection(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(x.contains(unit), a.contains(&unit));
            prop_assert_eq!(set(&x.highest(count)), a.iter().rev().take(count as usize).copied().collect::<BTreeSet<_>>());
            prop_assert!(x.ranges().windows(2).all(|w| w[0].until < w[1].from), "no two ranges touch");
            let (mut lower, lowest) = (x.clone(), a.first().copied());
            prop_assert_eq!(lower.take_lowest(), lowest);
            prop_assert_eq!(lower.count(), x.count().saturating_sub(1));
        }
    }
}
