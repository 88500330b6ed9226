//! Which of several tickets a code stands for: what is on the list, before what is valid now, before what comes next.

use super::{Candidate, ScanInput};
use crate::{checkin::wire::ListRow, id::ItemId, orders::PositionRow};

/// Whether the list admits this product.
pub(super) fn is_on_list(list: &ListRow, item: ItemId) -> bool {
    list.items.as_ref().is_none_or(|items| items.contains(&item))
}

/// The candidate a verdict is about, and whether others fit as well; `None` where there is none at all.
///
/// Add-ons stand in only on a list that matches them. Where nothing fits the list, it is the ticket the code names, and
/// the list will refuse it by its product.
pub(super) fn choose(input: &ScanInput<'_>, candidates: &[Candidate<'_>]) -> Option<(usize, bool)> {
    let ours = |c: &Candidate<'_>| c.position.event_id == input.list.event_id;
    let stands = |c: &Candidate<'_>| c.named || (input.list.addon_match && !c.position.canceled);
    let fits = |c: &Candidate<'_>| {
        ours(c)
            && is_on_list(input.list, c.position.item_id)
            && (input.list.date_id.is_none() || input.list.date_id == c.position.date_id)
    };
    let all = |test: &dyn Fn(&Candidate<'_>) -> bool| -> Vec<usize> {
        (0..candidates.len()).filter(|at| stands(&candidates[*at]) && test(&candidates[*at])).collect()
    };
    let fitting = all(&fits);
    let (first, several) = match fitting.as_slice() {
        [] => return all(&ours).into_iter().chain(all(&|_| true)).next().map(|at| (at, false)),
        [only] => return Some((*only, false)),
        [first, ..] => (*first, &fitting),
    };
    let position = |at: &usize| candidates[*at].position;
    let now = input.now;
    let starts = |p: &PositionRow| p.valid_from.is_none_or(|from| from <= now);
    let lasts = |p: &PositionRow| p.valid_until.is_none_or(|until| now < until);
    let valid: Vec<usize> = several.iter().copied().filter(|at| starts(position(at)) && lasts(position(at))).collect();
    match valid.as_slice() {
        [only] => Some((*only, false)),
        [first, ..] => Some((*first, true)),
        [] => {
            let next = several.iter().filter(|at| !starts(position(at))).min_by_key(|at| position(at).valid_from);
            let last = || several.iter().max_by_key(|at| position(at).valid_until);
            Some((next.or_else(last).copied().unwrap_or(first), false))
        }
    }
}
