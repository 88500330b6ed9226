//! Takes units for a sale: one unit of every quota the article counts in, all or none.

use super::units::Units;
use crate::{
    catalog::{Article, QuotaRow},
    id::{LeaseId, QuotaId},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A lease as the station holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    /// Units that can be sold; the lowest is sold first.
    pub free: Units,
    /// Blanks left per article that admits somebody.
    pub blanks: BTreeMap<Article, u32>,
}

impl Held {
    /// How many can still be sold.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.free.count()
    }
}

/// Names one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnitRef {
    pub lease_id: LeaseId,
    pub unit: u32,
}

/// What one position takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub article: Article,
    /// One of each quota the article counts in.
    pub units: Vec<UnitRef>,
    /// The lease whose next blank for this article becomes the ticket; `None` where it admits nobody.
    pub blank: Option<LeaseId>,
}

/// Why nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    #[error("product {} counts in no quota, so nobody has said how many there are", article.item_id)]
    NoQuota { article: Article },
    #[error("{here} of product {} can be sold here without a link, {wanted} wanted", article.item_id)]
    Units { article: Article, wanted: u32, here: u32 },
}

/// Takes for `wanted` (article, admits somebody, quantity) from what is held, in order. `held` is changed only when all
/// could be taken.
///
/// # Errors
/// When an article is in no quota or units or blanks do not suffice; nothing is taken then.
pub fn take(wanted: &[(Article, bool, u32)], quotas: &[QuotaRow], held: &mut Vec<Held>) -> Result<Vec<Taken>, Spent> {
    let mut rest = held.clone();
    let mut out: Vec<Taken> = Vec::new();
    for &(article, admits, quantity) in wanted {
        let counted = quotas_of(article, quotas);
        if counted.is_empty() {
            return Err(Spent::NoQuota { article });
        }
        for _ in 0..quantity {
            let taken = take_one(article, admits, &counted, &mut rest);
            out.push(taken.ok_or_else(|| short(article, wanted, &out))?);
        }
    }
    *held = rest;
    Ok(out)
}

/// The quotas an article takes a unit of.
fn quotas_of(article: Article, quotas: &[QuotaRow]) -> Vec<QuotaId> {
    quotas.iter().filter(|q| q.counts(article)).map(|q| q.quota_id).collect()
}

fn short(article: Article, wanted: &[(Article, bool, u32)], taken: &[Taken]) -> Spent {
    let of_it = wanted.iter().filter(|(one, _, _)| *one == article);
    let wanted = of_it.fold(0_u32, |sum, (_, _, quantity)| sum.saturating_add(*quantity));
    let here = taken.iter().filter(|t| t.article == article).count();
    Spent::Units { article, wanted, here: u32::try_from(here).unwrap_or(u32::MAX) }
}

fn take_one(article: Article, admits: bool, quotas: &[QuotaId], held: &mut [Held]) -> Option<Taken> {
    let mut units = Vec::with_capacity(quotas.len());
    for quota in quotas {
        let lease = held.iter_mut().find(|l| l.quota_id == *quota && !l.free.is_empty())?;
        units.push(UnitRef { lease_id: lease.lease_id, unit: lease.free.take_lowest()? });
    }
    let blank = if admits { Some(take_blank(article, quotas, &units, held)?) } else { None };
    Some(Taken { article, units, blank })
}

/// A blank of a lease that also gave a unit, where there is one: the spare blanks of a lease that is sold out may be void
/// once it is closed.
fn take_blank(article: Article, quotas: &[QuotaId], units: &[UnitRef], held: &mut [Held]) -> Option<LeaseId> {
    let has = |lease: &Held| quotas.contains(&lease.quota_id) && lease.blanks.get(&article).is_some_and(|n| *n > 0);
    let gave = |lease: &Held| units.iter().any(|u| u.lease_id == lease.lease_id);
    let at = held.iter().position(|l| has(l) && gave(l)).or_else(|| held.iter().position(has))?;
    *held[at].blanks.get_mut(&article)? -= 1;
    Some(held[at].lease_id)
}

/// How many of an article could be sold from what is held; `None` when it counts in no quota.
#[must_use]
pub fn here(article: Article, admits: bool, quotas: &[QuotaRow], held: &[Held]) -> Option<u32> {
    let counted = quotas_of(article, quotas);
    let units = counted
        .iter()
        .map(|quota| held.iter().filter(|l| l.quota_id == *quota).map(Held::outstanding).sum::<u32>())
        .min()?;
    let blanks = held.iter().filter(|l| counted.contains(&l.quota_id)).filter_map(|l| l.blanks.get(&article)).sum();
    Some(if admits { units.min(blanks) } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EventId, ItemId};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn quota(id: i64, items: &[i64]) -> QuotaRow {
        QuotaRow {
            quota_id: QuotaId(id),
            event_id: EventId(1),
            name: String::new(),
            size: None,
            items: items.iter().map(|i| ItemId(*i)).collect(),
            date_id: None,
            free: None,
            outstanding: 0,
            version: 1,
        }
    }

    fn lease(id: u128, quota: i64, granted: u32, blanks: &[(i64, u32)]) -> Held {
        Held {
            lease_id: LeaseId(Uuid::from_u128(id)),
            quota_id: QuotaId(quota),
            free: Units::first(granted),
            blanks: blanks.iter().map(|(i, n)| (ItemId(*i).into(), *n)).collect(),
        }
    }

    #[test]
    fn a_ticket_takes_one_unit_of_every_quota_it_counts_in() {
        let quotas = [quota(1, &[1, 2]), quota(2, &[1])];
        let mut held = vec![lease(10, 1, 3, &[(1, 3), (2, 3)]), lease(20, 2, 1, &[(1, 6)])];
        let taken = take(&[(ItemId(1).into(), true, 1), (ItemId(2).into(), true, 2)], &quotas, &mut held).unwrap();
        assert_eq!(taken[0].units.len(), 2, "one of each quota");
        assert_eq!(taken[2].units, vec![UnitRef { lease_id: LeaseId(Uuid::from_u128(10)), unit: 2 }]);
        assert_eq!(held.iter().map(Held::outstanding).collect::<Vec<_>>(), vec![0, 0]);
    }

    #[test]
    fn when_not_all_can_be_taken_nothing_is() {
        let quotas = [quota(1, &[1]), quota(2, &[1])];
        let mut held = vec![lease(10, 1, 5, &[(1, 5)]), lease(20, 2, 1, &[(1, 6)])];
        let before = held.clone();
        assert_eq!(
            take(&[(ItemId(1).into(), true, 2)], &quotas, &mut held),
            Err(Spent::Units { article: ItemId(1).into(), wanted: 2, here: 1 })
        );
        assert_eq!(held, before);
        assert_eq!(
            take(&[(ItemId(9).into(), true, 1)], &quotas, &mut held),
            Err(Spent::NoQuota { article: ItemId(9).into() })
        );
    }

    #[test]
    fn a_ticket_is_a_blank_of_the_lease_that_gave_its_unit_before_a_spare_of_another() {
        let quotas = [quota(1, &[1])];
        let mut held = vec![lease(10, 1, 1, &[(1, 6)]), lease(20, 1, 2, &[(1, 1)])];
        let taken = take(&[(ItemId(1).into(), true, 3)], &quotas, &mut held).unwrap();
        let blanks: Vec<u128> = taken.iter().map(|t| t.blank.unwrap().0.as_u128()).collect();
        assert_eq!(blanks, [10, 20, 10], "the last one had to be a spare");
    }

    proptest! {
        #[test]
        fn no_unit_is_ever_taken_twice_and_none_beyond_the_grant(
            grants in prop::collection::vec(0u32..6, 1..5),
            asks in prop::collection::vec((1i64..4, 0u32..5), 1..20),
        ) {
            let quotas = [quota(1, &[1, 2, 3]), quota(2, &[2])];
            let mut held: Vec<Held> = grants.iter().enumerate()
                .map(|(i, n)| lease(i as u128, 1 + (i % 2) as i64, *n, &[(1, 9), (2, 9), (3, 9)])).collect();
            let mut seen = std::collections::HashSet::new();
            for (item, n) in asks {
                let could = here(ItemId(item).into(), true, &quotas, &held).unwrap();
                match take(&[(ItemId(item).into(), true, n)], &quotas, &mut held) {
                    Ok(taken) => {
                        prop_assert!(n <= could, "sold {} where {} were here", n, could);
                        for unit in taken.iter().flat_map(|t| &t.units) {
                            prop_assert!(seen.insert(*unit), "unit taken twice");
                        }
                    }
                    Err(_) => prop_assert!(n > could, "refused {} where {} were here", n, could),
                }
            }
            let lent: u32 = grants.iter().sum();
            let left: u32 = held.iter().map(Held::outstanding).sum();
            prop_assert_eq!(seen.len(), (lent - left) as usize, "what is not here was sold");
        }
    }
}
