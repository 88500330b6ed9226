//! Undoing a sale at its till: which positions, what money goes back, and where the units are then. A unit is the till's
//! again only where no code left the house; else the server frees it.

use super::wire::VoidPaper;
use crate::{
    id::{LeaseId, PositionId},
    leases::UnitRef,
    money::{Money, MoneyError},
    sync::fact::Paper,
};

/// A position of the sale, as the till knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldLine {
    pub position_id: PositionId,
    pub price: Money,
    pub units: Vec<UnitRef>,
    /// It has a code.
    pub ticket: bool,
    pub voided: bool,
    /// Somebody entered with it, as far as is known here.
    pub used: bool,
}

/// What is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voided {
    pub positions: Vec<PositionId>,
    /// Units that can be sold here again.
    pub back: Vec<UnitRef>,
    /// Units the server frees.
    pub freed: Vec<UnitRef>,
    pub paper: Paper,
    /// What is given back; not below zero.
    pub amount: Money,
}

/// Why a sale is not undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotVoid {
    #[error("there is no such position in this sale")]
    Unknown,
    #[error("it was undone before")]
    Before,
    #[error("somebody has entered with it already")]
    Used,
    #[error("its tickets were printed: say who took the paper back, or that it is out there")]
    Printed,
    #[error("the amounts do not add up: {0}")]
    Money(#[from] MoneyError),
}

/// Decides. `wanted` names positions, none is all that are left; `printed` says whether the tickets left the printer;
/// `here` which leases can still be sold from at this till.
///
/// # Errors
/// When a position is not of the sale, was undone before or used, or what became of the paper is not said.
pub fn void(
    lines: &[SoldLine],
    wanted: &[PositionId],
    paper: &VoidPaper,
    printed: bool,
    here: impl Fn(LeaseId) -> bool,
) -> Result<Voided, CannotVoid> {
    if wanted.iter().any(|position| lines.iter().all(|line| line.position_id != *position)) {
        return Err(CannotVoid::Unknown);
    }
    let all = wanted.is_empty();
    let chosen: Vec<&SoldLine> =
        lines.iter().filter(|l| if all { !l.voided } else { wanted.contains(&l.position_id) }).collect();
    let Some(first) = chosen.first() else { return Err(CannotVoid::Before) };
    if chosen.iter().any(|line| line.voided) {
        return Err(CannotVoid::Before);
    }
    if chosen.iter().any(|line| line.used) {
        return Err(CannotVoid::Used);
    }
    let tickets = chosen.iter().any(|line| line.ticket);
    let paper = match paper {
        VoidPaper::NotPrinted if printed && tickets => return Err(CannotVoid::Printed),
        VoidPaper::NotPrinted => Paper::NotPrinted,
        VoidPaper::TakenBack { .. } => Paper::TakenBack,
        VoidPaper::Out => Paper::Out,
    };
    let mut amount = Money::zero(first.price.currency);
    let (mut back, mut freed) = (Vec::new(), Vec::new());
    for line in &chosen {
        amount = amount.plus(line.price)?;
        let in_house = !line.ticket || paper != Paper::Out;
        for unit in &line.units {
            if in_house && here(unit.lease_id) { back.push(*unit) } else { freed.push(*unit) }
        }
    }
    Ok(Voided { positions: chosen.iter().map(|l| l.position_id).collect(), back, freed, paper, amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use uuid::Uuid;

    fn euro(minor: i64) -> Money {
        Money::new(minor, Currency::EUR)
    }

    fn position(n: u128) -> PositionId {
        PositionId(Uuid::from_u128(n))
    }

    fn unit(lease: u128, unit: u32) -> UnitRef {
        UnitRef { lease_id: LeaseId(Uuid::from_u128(lease)), unit }
    }

    fn line(n: u128, ticket: bool) -> SoldLine {
        SoldLine {
            position_id: position(n),
            price: euro(1_000),
            units: vec![unit(1, u32::try_from(n).unwrap()), unit(2, 0)],
            ticket,
            voided: false,
            used: false,
        }
    }

    fn taken_back() -> VoidPaper {
        VoidPaper::TakenBack { by: "Ada".into() }
    }

    #[test]
    fn units_are_the_tills_again_only_where_no_code_left_the_house_and_their_lease_is_here() {
        let sale = [line(1, true), line(2, false)];
        let only_first = |lease: LeaseId| lease == LeaseId(Uuid::from_u128(1));
        let rows: [(VoidPaper, bool, usize, usize, Paper); 3] = [
            (VoidPaper::NotPrinted, false, 2, 2, Paper::NotPrinted),
            (taken_back(), true, 2, 2, Paper::TakenBack),
            (VoidPaper::Out, true, 1, 3, Paper::Out),
        ];
        for (said, printed, back, freed, paper) in rows {
            let done = void(&sale, &[], &said, printed, only_first).unwrap();
            assert_eq!((done.back.len(), done.freed.len(), done.paper), (back, freed, paper), "{said:?}");
            assert_eq!((done.amount, done.positions.len()), (euro(2_000), 2));
        }
    }

    #[test]
    fn what_was_printed_used_or_undone_is_not_undone_unasked() {
        let sale =
            [line(1, true), SoldLine { voided: true, ..line(2, true) }, SoldLine { used: true, ..line(3, true) }];
        let here = |_: LeaseId| true;
        let ask = |wanted: &[u128], paper: &VoidPaper, printed: bool| {
            let wanted: Vec<PositionId> = wanted.iter().copied().map(position).collect();
            void(&sale, &wanted, paper, printed, here).map(|v| v.positions)
        };
        assert_eq!(ask(&[1], &VoidPaper::NotPrinted, true), Err(CannotVoid::Printed));
        assert_eq!(ask(&[1], &VoidPaper::NotPrinted, false), Ok(vec![position(1)]));
        assert_eq!(ask(&[2], &taken_back(), true), Err(CannotVoid::Before));
        assert_eq!(ask(&[3], &taken_back(), true), Err(CannotVoid::Used));
        assert_eq!(ask(&[], &taken_back(), true), Err(CannotVoid::Used), "all that are left holds a used one");
        assert_eq!(ask(&[9], &taken_back(), true), Err(CannotVoid::Unknown));
        let gone = [SoldLine { voided: true, ..line(1, true) }];
        assert_eq!(void(&gone, &[], &taken_back(), true, here), Err(CannotVoid::Before));
    }

    #[test]
    fn a_product_without_a_code_needs_no_word_about_paper() {
        let done = void(&[line(1, false)], &[], &VoidPaper::NotPrinted, true, |_| true).unwrap();
        assert_eq!((done.back.len(), done.paper), (2, Paper::NotPrinted));
    }
}
