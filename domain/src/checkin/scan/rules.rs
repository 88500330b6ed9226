//! The list's rules, asked of a ticket: admitted, refused with the nearest way in, or not to be used with what is wrong.

use super::{ScanInput, Ticket, Verdict};
use crate::{
    checkin::{
        rule::{Explanation, Model, Rule, RuleError, RuleInput},
        wire::{Direction, Reason, RuleTrouble, RuleTroubleKind},
    },
    clock::UtcMillis,
};

pub(super) fn check(input: &ScanInput<'_>, ticket: &Ticket<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    let Some(rules) = &input.list.rules else { return Ok(()) };
    let rule = Rule::parse(rules).map_err(|error| cannot(verdict, &error))?;
    if let Some(trouble) = names_nothing(input, &rule) {
        verdict.rule_trouble = Some(trouble);
        return Err(Reason::Rules);
    }
    let counted = ticket.around.history.iter().map(|past| &past.scan).filter(|scan| !scan.undone);
    let entries: Vec<(UtcMillis, Direction)> = counted.map(|scan| (scan.at, scan.direction)).collect();
    let (event, date) = (input.event, ticket.around.date);
    let asked = RuleInput {
        now: input.now,
        zone: &event.zone,
        product: ticket.item_id,
        variation: ticket.variation_id.map(|id| id.0),
        gate: input.gate.map(|id| id.0),
        gates: input.named.map_or(&[], |named| named.gates),
        date_from: date.map_or(event.starts_at, |date| date.starts_at),
        date_to: date.map_or(event.ends_at, |date| date.ends_at),
        date_admission: date.map_or(event.admission_at, |date| date.admission_at),
        entries: &entries,
    };
    match rule.evaluate(&asked) {
        Ok(true) => Ok(()),
        Ok(false) => {
            verdict.explanation = match rule.explain(&asked) {
                Explanation::Missing(terms) => terms,
                Explanation::Admitted | Explanation::Unknown => Vec::new(),
            };
            Err(Reason::Rules)
        }
        Err(error) => Err(cannot(verdict, &error)),
    }
}

fn cannot(verdict: &mut Verdict, error: &RuleError) -> Reason {
    let compares = matches!(error, RuleError::Incomparable { .. });
    let kind = if compares { RuleTroubleKind::CannotCompare } else { RuleTroubleKind::Unreadable };
    verdict.rule_trouble = Some(RuleTrouble { kind, part: error.to_string() });
    Reason::Rules
}

/// The first product, variation or gate of the rule that is not there.
fn names_nothing(input: &ScanInput<'_>, rule: &Rule) -> Option<RuleTrouble> {
    let there = input.named?;
    rule.names().into_iter().find_map(|name| {
        let (is_there, kind) = match name.model {
            Model::Product => (there.items.iter().any(|id| id.0 == name.id), RuleTroubleKind::UnknownProduct),
            Model::Variation => (there.variations.iter().any(|id| id.0 == name.id), RuleTroubleKind::UnknownVariation),
            Model::Gate => (there.gates.iter().any(|gate| gate.gate_id.0 == name.id), RuleTroubleKind::UnknownGate),
        };
        let part = name.label.unwrap_or_else(|| name.id.to_string());
        (!is_there).then_some(RuleTrouble { kind, part })
    })
}
