//! Cart + catalogue + time → order, or why not. Places are taken in the store, in one statement a quota; here it is
//! decided what is wanted, what it costs, and what is known to be impossible.

use super::{OrderError, OrderStatus};
use crate::{
    catalog::{EventRow, ItemRow, QuotaRow},
    clock::UtcMillis,
    entropy::Entropy,
    id::{EventId, ItemId, OrderId, PositionId, QuotaId},
    money::Money,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// The most positions of one web order.
pub const MAX_POSITIONS: u32 = 100;

/// One line of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartLine {
    pub item_id: ItemId,
    pub quantity: u32,
}

/// What somebody wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cart {
    pub lines: Vec<CartLine>,
}

/// All that placing looks at besides the cart.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub event: &'a EventRow,
    pub items: &'a [ItemRow],
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
/// When the cart is empty or too large, an item is unknown, not for sale, in no quota, or known to be sold out, or
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
    let places = places_wanted(cart, at)?;
    let mut positions = Vec::with_capacity(count as usize);
    let mut total = Money::zero(at.event.currency);
    for line in &cart.lines {
        let item = for_sale(at.items, line.item_id)?;
        for _ in 0..line.quantity {
            total = total.plus(item.price)?;
            positions.push(NewPosition {
                position_id: PositionId::born(at.now, entropy),
                item_id: item.item_id,
                price: item.price,
                tax_rate_bp: item.tax_rate_bp,
                tax: item.price.tax_included(item.tax_rate_bp),
            });
        }
    }
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

fn for_sale(items: &[ItemRow], id: ItemId) -> Result<&ItemRow, OrderError> {
    items.iter().find(|i| i.item_id == id && i.active).ok_or(OrderError::NotForSale(id))
}

fn places_wanted(cart: &Cart, at: &Place<'_>) -> Result<Vec<(QuotaId, i64)>, OrderError> {
    let mut wanted: BTreeMap<QuotaId, i64> = BTreeMap::new();
    for line in cart.lines.iter().filter(|l| l.quantity > 0) {
        let item = for_sale(at.items, line.item_id)?;
        let mut of_item = at.quotas.iter().filter(|q| q.items.contains(&item.item_id)).peekable();
        if of_item.peek().is_none() {
            // A product that no quota counts is not sold: nobody has said how many there are.
            return Err(OrderError::NotForSale(item.item_id));
        }
        for quota in of_item {
            let sum = wanted.entry(quota.quota_id).or_default();
            *sum += i64::from(line.quantity);
            if let Some(free) = quota.free.filter(|free| free < sum) {
                let (name, wanted) = (item.name.clone(), *sum);
                return Err(OrderError::SoldOut { item: item.item_id, name, wanted, free: free.max(0) });
            }
        }
    }
    Ok(wanted.into_iter().collect())
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
            free,
            outstanding: 0,
            version: 1,
        }
    }

    fn cart(lines: &[(i64, u32)]) -> Cart {
        Cart { lines: lines.iter().map(|(i, n)| CartLine { item_id: ItemId(*i), quantity: *n }).collect() }
    }

    fn ask(cart: &Cart, items: &[ItemRow], quotas: &[QuotaRow], now: i64) -> Result<NewOrder, OrderError> {
        let at = Place { event: &event(), items, quotas, now: UtcMillis(now), hold: Duration::from_secs(60) };
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
}
