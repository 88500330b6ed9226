//! Cart + catalogue + time → order, or why not. Places are taken in the store, in one statement a quota; here it is
//! decided what is wanted, what it costs, and what is known to be impossible.

use super::{OrderError, OrderStatus};
use crate::{
    catalog::{
        Article, DateRow, EventRow, ItemRow, QuotaRow,
        choose::{Choice, Chosen, NotChosen, Shelf, choose},
    },
    clock::UtcMillis,
    entropy::Entropy,
    id::{DateId, EventId, ItemId, OrderId, PositionId, QuotaId, VariationId},
    money::Money,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// The most positions of one web order.
pub const MAX_POSITIONS: u32 = 100;

/// What somebody wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cart {
    pub lines: Vec<Choice>,
}

/// All that placing looks at besides the cart.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub event: &'a EventRow,
    pub items: &'a [ItemRow],
    /// The dates of the event; empty where it takes place once.
    pub dates: &'a [DateRow],
    pub quotas: &'a [QuotaRow],
    pub now: UtcMillis,
    /// How long an unpaid order holds its places.
    pub hold: Duration,
}

/// One position to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPosition {
    pub position_id: PositionId,
    pub item_id: ItemId,
    pub variation_id: Option<VariationId>,
    pub date_id: Option<DateId>,
    /// The position of the same order it was sold together with.
    pub addon_to: Option<PositionId>,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub tax: Money,
}

/// An order to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub order_id: OrderId,
    pub event_id: EventId,
    pub code: String,
    /// Paid at once where nothing is owed.
    pub status: OrderStatus,
    pub positions: Vec<NewPosition>,
    pub total: Money,
    pub placed_at: UtcMillis,
    pub expires_at: Option<UtcMillis>,
    /// Places wanted of each quota, ascending by quota, so that two orders never wait for each other in a circle.
    pub places: Vec<(QuotaId, i64)>,
}

/// Decides about a cart.
///
/// # Errors
/// When the cart is empty or too large, a line cannot be sold as it stands, is in no quota, or known to be sold out, or
/// the event is over.
pub fn place(cart: &Cart, at: &Place<'_>, entropy: &dyn Entropy) -> Result<NewOrder, OrderError> {
    let count: u32 = cart.lines.iter().fold(0, |sum, l| sum.saturating_add(l.quantity));
    if count == 0 {
        return Err(OrderError::Empty);
    }
    if count > MAX_POSITIONS {
        return Err(OrderError::TooMany(MAX_POSITIONS));
    }
    if at.event.ends_at.is_some_and(|end| end <= at.now) {
        return Err(OrderError::Closed);
    }
    let chosen = choose(&cart.lines, &Shelf { items: at.items, dates: at.dates, now: Some(at.now) })?;
    let places = places_wanted(&chosen, at.quotas)?;
    let positions = positions(&chosen, at.now, entropy);
    let mut prices = chosen.iter().map(|one| one.price);
    let total = prices.try_fold(Money::zero(at.event.currency), Money::plus)?;
    let free = total.minor == 0;
    Ok(NewOrder {
        order_id: OrderId::born(at.now, entropy),
        event_id: at.event.event_id,
        code: super::code::random(entropy),
        status: if free { OrderStatus::Paid } else { OrderStatus::Pending },
        positions,
        total,
        placed_at: at.now,
        expires_at: (!free).then(|| at.now + at.hold),
        places,
    })
}

fn positions(chosen: &[Chosen<'_>], now: UtcMillis, entropy: &dyn Entropy) -> Vec<NewPosition> {
    let mut ids: Vec<PositionId> = chosen.iter().map(|_| PositionId::born(now, entropy)).collect();
    // Born in the same millisecond, they say nothing about their order: they shall, so that lists keep it.
    ids.sort_unstable();
    let position = |(one, position_id): (&Chosen<'_>, &PositionId)| NewPosition {
        position_id: *position_id,
        item_id: one.item.item_id,
        variation_id: one.article.variation_id,
        date_id: one.article.date_id,
        addon_to: one.addon_to.and_then(|nth| ids.get(nth).copied()),
        price: one.price,
        tax_rate_bp: one.item.tax_rate_bp,
        tax: one.price.tax_included(one.item.tax_rate_bp),
    };
    chosen.iter().zip(&ids).map(position).collect()
}

fn places_wanted(chosen: &[Chosen<'_>], quotas: &[QuotaRow]) -> Result<Vec<(QuotaId, i64)>, OrderError> {
    let mut by_article: BTreeMap<Article, (&ItemRow, i64)> = BTreeMap::new();
    for one in chosen {
        by_article.entry(one.article).or_insert((one.item, 0)).1 += 1;
    }
    let mut wanted: BTreeMap<QuotaId, i64> = BTreeMap::new();
    for (article, (item, count)) in by_article {
        let mut counted = quotas.iter().filter(|q| q.counts(article)).peekable();
        if counted.peek().is_none() {
            // A product that no quota counts is not sold: nobody has said how many there are.
            return Err(OrderError::NotForSale(item.item_id));
        }
        for quota in counted {
            let sum = wanted.entry(quota.quota_id).or_default();
            *sum += count;
            if let Some(free) = quota.free.filter(|free| free < sum) {
                let (name, wanted) = (item.name_in(article.variation_id), *sum);
                return Err(OrderError::SoldOut { item: item.item_id, name, wanted, free: free.max(0) });
            }
        }
    }
    Ok(wanted.into_iter().collect())
}

impl From<NotChosen> for OrderError {
    fn from(error: NotChosen) -> Self {
        match error {
            NotChosen::Item(item) => Self::NotForSale(item),
            NotChosen::VariationNeeded(_)
            | NotChosen::Variation(..)
            | NotChosen::DateNeeded
            | NotChosen::Date(_)
            | NotChosen::AddonAlone(_)
            | NotChosen::AddonOf(_) => Self::Choice(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entropy::SeededEntropy, money::Currency, ticketing::CodeFormat};

    fn event() -> EventRow {
        EventRow {
            event_id: EventId(1),
            name: "Concert".into(),
            location: String::new(),
            zone: "Europe/Berlin".into(),
            currency: Currency::EUR,
            starts_at: UtcMillis(1_000_000),
            ends_at: Some(UtcMillis(2_000_000)),
            admission_at: None,
            code_format: CodeFormat::Wc1,
            planned_outage_min: 60,
            till_sales: true,
            version: 1,
        }
    }

    fn item(id: i64, price: i64) -> ItemRow {
        ItemRow {
            item_id: ItemId(id),
            event_id: EventId(1),
            name: format!("Item {id}"),
            category: String::new(),
            price: Money::new(price, Currency::EUR),
            tax_rate_bp: 700,
            rank: 0,
            active: true,
            admission: true,
            look_at_id: false,
            checkin_text: String::new(),
            variations: Vec::new(),
            addon_to: Vec::new(),
            door: Default::default(),
            version: 1,
        }
    }

    fn quota(id: i64, items: &[i64], free: Option<i64>) -> QuotaRow {
        QuotaRow {
            quota_id: QuotaId(id),
            event_id: EventId(1),
            name: "Hall".into(),
            size: free,
            items: items.iter().map(|i| ItemId(*i)).collect(),
            date_id: None,
            free,
            outstanding: 0,
            version: 1,
        }
    }

    fn cart(lines: &[(i64, u32)]) -> Cart {
        Cart { lines: lines.iter().map(|(i, n)| Choice::of(ItemId(*i), *n)).collect() }
    }

    fn ask(cart: &Cart, items: &[ItemRow], quotas: &[QuotaRow], now: i64) -> Result<NewOrder, OrderError> {
        let at =
            Place { event: &event(), items, dates: &[], quotas, now: UtcMillis(now), hold: Duration::from_secs(60) };
        place(cart, &at, &SeededEntropy::new(1))
    }

    #[test]
    fn an_item_in_several_quotas_takes_a_place_of_each() {
        let order = ask(
            &cart(&[(1, 2), (2, 1)]),
            &[item(1, 2400), item(2, 900)],
            &[quota(9, &[1, 2], Some(10)), quota(3, &[1], None)],
            0,
        )
        .unwrap();
        assert_eq!(order.places, vec![(QuotaId(3), 2), (QuotaId(9), 3)], "ascending by quota");
        assert_eq!(order.total, Money::new(5700, Currency::EUR));
        assert_eq!((order.status, order.positions.len()), (OrderStatus::Pending, 3));
        assert_eq!(order.expires_at, Some(UtcMillis(60_000)));
    }

    #[test]
    fn an_order_that_costs_nothing_is_paid_at_once() {
        let order = ask(&cart(&[(1, 1)]), &[item(1, 0)], &[quota(1, &[1], Some(1))], 0).unwrap();
        assert_eq!((order.status, order.expires_at), (OrderStatus::Paid, None));
    }

    #[test]
    fn what_cannot_be_sold_is_refused_with_its_reason() {
        let (items, quotas) = (
            vec![item(1, 100), ItemRow { active: false, ..item(2, 100) }, item(3, 100)],
            vec![quota(1, &[1, 2], Some(2))],
        );
        assert_eq!(ask(&cart(&[]), &items, &quotas, 0), Err(OrderError::Empty));
        assert_eq!(ask(&cart(&[(1, 0)]), &items, &quotas, 0), Err(OrderError::Empty));
        assert_eq!(ask(&cart(&[(1, u32::MAX), (1, 5)]), &items, &quotas, 0), Err(OrderError::TooMany(100)));
        assert_eq!(ask(&cart(&[(2, 1)]), &items, &quotas, 0), Err(OrderError::NotForSale(ItemId(2))), "switched off");
        assert_eq!(ask(&cart(&[(3, 1)]), &items, &quotas, 0), Err(OrderError::NotForSale(ItemId(3))), "in no quota");
        assert_eq!(ask(&cart(&[(7, 1)]), &items, &quotas, 0), Err(OrderError::NotForSale(ItemId(7))), "unknown");
        let sold_out = ask(&cart(&[(1, 2), (1, 1)]), &items, &quotas, 0);
        assert!(matches!(sold_out, Err(OrderError::SoldOut { wanted: 3, free: 2, .. })), "{sold_out:?}");
        assert_eq!(ask(&cart(&[(1, 1)]), &items, &quotas, 2_000_000), Err(OrderError::Closed));
    }

    #[test]
    fn a_position_takes_places_of_its_own_date_and_of_those_that_count_all() {
        let date = |id| DateRow {
            date_id: DateId(id),
            event_id: EventId(1),
            name: String::new(),
            starts_at: UtcMillis(1_000_000),
            ends_at: None,
            admission_at: None,
            active: true,
            version: 1,
        };
        let (items, dates) = ([item(1, 2400)], [date(1), date(2)]);
        let of_date = |id, date, free| QuotaRow { date_id: Some(DateId(date)), ..quota(id, &[1], Some(free)) };
        let quotas = [of_date(1, 1, 3), of_date(2, 2, 1), quota(3, &[1], Some(9))];
        let on = |date, n| Choice::of(Article { date_id: Some(DateId(date)), ..ItemId(1).into() }, n);
        let at = Place {
            event: &event(),
            items: &items,
            dates: &dates,
            quotas: &quotas,
            now: UtcMillis(0),
            hold: Duration::from_secs(60),
        };
        let placed = |lines: &[Choice]| place(&Cart { lines: lines.to_vec() }, &at, &SeededEntropy::new(1));
        let order = placed(&[on(1, 3), on(2, 1)]).unwrap();
        assert_eq!(order.places, vec![(QuotaId(1), 3), (QuotaId(2), 1), (QuotaId(3), 4)]);
        let of: Vec<_> = order.positions.iter().map(|p| p.date_id.unwrap().0).collect();
        assert_eq!(of, [1, 1, 1, 2]);
        assert!(order.positions.is_sorted_by_key(|p| p.position_id));
        assert!(matches!(placed(&[on(2, 2)]), Err(OrderError::SoldOut { free: 1, .. })), "the other date has room");
        assert_eq!(placed(&[Choice::of(ItemId(1), 1)]), Err(OrderError::Choice(NotChosen::DateNeeded)));
    }
}
