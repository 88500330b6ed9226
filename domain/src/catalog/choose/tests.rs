use super::*;
use crate::{catalog::VariationRow, id::EventId, money::Currency};
use proptest::prelude::*;

const ADULT: ItemId = ItemId(1);
const SHIRT: ItemId = ItemId(2);
const PARKING: ItemId = ItemId(3);
const TEA: ItemId = ItemId(4);

fn money(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

fn item(item_id: ItemId, price: i64) -> ItemRow {
    ItemRow {
        item_id,
        event_id: EventId(1),
        name: format!("Item {item_id}"),
        category: String::new(),
        price: money(price),
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

fn variation(id: i64, price: Option<i64>, active: bool) -> VariationRow {
    VariationRow {
        variation_id: VariationId(id),
        name: format!("V{id}"),
        price: price.map(money),
        rank: -i32::try_from(id).unwrap(),
        active,
        checkin_text: String::new(),
    }
}

fn items() -> Vec<ItemRow> {
    let variations = vec![variation(1, None, true), variation(2, Some(2_500), true), variation(3, None, false)];
    vec![
        item(ADULT, 2_000),
        ItemRow { variations, ..item(SHIRT, 1_500) },
        ItemRow { addon_to: vec![ADULT], ..item(PARKING, 500) },
        ItemRow { active: false, ..item(TEA, 300) },
    ]
}

fn date(id: i64, ends: Option<i64>, active: bool) -> DateRow {
    DateRow {
        date_id: DateId(id),
        event_id: EventId(1),
        name: String::new(),
        starts_at: UtcMillis(1_000),
        ends_at: ends.map(UtcMillis),
        admission_at: None,
        active,
        version: 1,
    }
}

fn at(item_id: ItemId, variation: Option<i64>, date: Option<i64>) -> Article {
    Article { item_id, variation_id: variation.map(VariationId), date_id: date.map(DateId) }
}

#[test]
fn each_line_is_as_many_positions_at_the_price_of_its_variation() {
    let items = items();
    let shelf = Shelf { items: &items, dates: &[], now: None };
    let lines =
        [Choice::of(ADULT, 2), Choice::of(at(SHIRT, Some(1), None), 1), Choice::of(at(SHIRT, Some(2), None), 1)];
    let prices: Vec<i64> = choose(&lines, &shelf).unwrap().iter().map(|c| c.price.minor).collect();
    assert_eq!(prices, [2_000, 2_000, 1_500, 2_500]);
    assert_eq!(items[1].name_in(Some(VariationId(2))), "Item 2, V2");
    let order: Vec<i64> = items[1].variations_on_sale().iter().map(|v| v.variation_id.0).collect();
    assert_eq!(order, [2, 1], "by rank, without what is switched off");
}

#[test]
fn what_cannot_be_sold_as_it_stands_is_refused_with_its_reason() {
    let items = items();
    let dates = [date(1, Some(5_000), true), date(2, None, true), date(3, None, false)];
    let (once, series) = (
        Shelf { items: &items, dates: &[], now: None },
        Shelf { items: &items, dates: &dates, now: Some(UtcMillis(5_000)) },
    );
    let one = |article: Article| [Choice::of(article, 1)];
    let cases = [
        (once, at(TEA, None, None), NotChosen::Item(TEA)),
        (once, at(ItemId(99), None, None), NotChosen::Item(ItemId(99))),
        (once, at(SHIRT, None, None), NotChosen::VariationNeeded(SHIRT)),
        (once, at(SHIRT, Some(3), None), NotChosen::Variation(SHIRT, VariationId(3))),
        (once, at(ADULT, Some(1), None), NotChosen::Variation(ADULT, VariationId(1))),
        (once, at(ADULT, None, Some(1)), NotChosen::Date(DateId(1))),
        (once, at(PARKING, None, None), NotChosen::AddonAlone(PARKING)),
        (series, at(ADULT, None, None), NotChosen::DateNeeded),
        (series, at(ADULT, None, Some(1)), NotChosen::Date(DateId(1))),
        (series, at(ADULT, None, Some(3)), NotChosen::Date(DateId(3))),
        (series, at(ADULT, None, Some(9)), NotChosen::Date(DateId(9))),
    ];
    for (shelf, article, wrong) in cases {
        assert_eq!(choose(&one(article), &shelf), Err(wrong), "{article:?}");
    }
    assert!(choose(&one(at(ADULT, None, Some(2))), &series).is_ok());
    let at_the_till = Shelf { now: None, ..series };
    assert!(choose(&one(at(ADULT, None, Some(1))), &at_the_till).is_ok(), "who comes late is still sold a ticket");
}

#[test]
fn a_date_without_an_end_is_over_half_a_day_after_its_start() {
    let open = date(1, None, true);
    assert!(!open.is_over(UtcMillis(1_000 + 12 * 3_600_000 - 1)));
    assert!(open.is_over(UtcMillis(1_000 + 12 * 3_600_000)));
}

#[test]
fn an_add_on_belongs_to_a_position_of_its_product_and_to_that_ones_date() {
    let items = items();
    let dates = [date(1, None, true), date(2, None, true)];
    let shelf = Shelf { items: &items, dates: &dates, now: None };
    let parking = |to: Option<u32>, date: Option<i64>, n: u32| Choice {
        article: at(PARKING, None, date),
        quantity: n,
        addon_to: to,
    };
    let tickets = [Choice::of(at(ADULT, None, Some(1)), 1), Choice::of(at(ADULT, None, Some(2)), 2)];
    let with = |last: Choice| [tickets[0], tickets[1], last];
    let chosen = choose(&with(parking(Some(1), None, 3)), &shelf);
    let belongs: Vec<_> = chosen.unwrap().iter().skip(3).map(|c| (c.addon_to, c.article.date_id)).collect();
    let second = Some(DateId(2));
    assert_eq!(belongs, [(Some(1), second), (Some(2), second), (Some(1), second)], "one to each, in turn");
    assert_eq!(choose(&with(parking(Some(0), Some(2), 1)), &shelf), Err(NotChosen::Date(DateId(2))));
    for to in [2, 3, u32::MAX] {
        assert_eq!(choose(&with(parking(Some(to), None, 1)), &shelf), Err(NotChosen::AddonOf(PARKING)), "line {to}");
    }
    let of_a_shirt = [Choice::of(at(SHIRT, Some(1), Some(1)), 1), parking(Some(0), None, 1)];
    assert_eq!(choose(&of_a_shirt, &shelf), Err(NotChosen::AddonOf(PARKING)));
    let no_add_on = Choice { addon_to: Some(0), ..tickets[1] };
    assert_eq!(choose(&[tickets[0], no_add_on], &shelf), Err(NotChosen::AddonOf(ADULT)));
    let of_none = [Choice::of(at(ADULT, None, Some(1)), 0), parking(Some(0), None, 1)];
    assert_eq!(choose(&of_none, &shelf), Err(NotChosen::AddonOf(PARKING)), "there is no position to belong to");
}

#[test]
fn a_loose_add_on_is_put_to_what_it_can_belong_to() {
    let items = items();
    let cart =
        [Choice::of(PARKING, 4), Choice::of(ADULT, 2), Choice::of(at(SHIRT, Some(1), None), 9), Choice::of(ADULT, 1)];
    let attached = attach(&cart, &items);
    let shown: Vec<_> = attached.iter().map(|l| (l.article.item_id.0, l.quantity, l.addon_to)).collect();
    assert_eq!(shown, [(1, 2, None), (2, 9, None), (1, 1, None), (3, 3, Some(0)), (3, 1, Some(2))]);
    let alone = [Choice::of(PARKING, 1), Choice::of(at(SHIRT, Some(1), None), 1)];
    let refused = choose(&attach(&alone, &items), &Shelf { items: &items, dates: &[], now: None });
    assert_eq!(refused, Err(NotChosen::AddonAlone(PARKING)));
}

proptest! {
    #[test]
    fn attaching_adds_and_loses_nothing(lines in prop::collection::vec((1i64..4, 0u32..70), 0..6)) {
        let items = items();
        let lines: Vec<Choice> = lines.into_iter().map(|(item, n)| Choice::of(ItemId(item), n)).collect();
        let count = |lines: &[Choice], item: i64| -> u32 {
            lines.iter().filter(|l| l.article.item_id.0 == item).map(|l| l.quantity).sum()
        };
        let attached = attach(&lines, &items);
        for item in 1..4 {
            prop_assert_eq!(count(&attached, item), count(&lines, item));
        }
        prop_assert_eq!(attach(&attached, &items), attached.clone());
    }

    #[test]
    fn no_cart_panics_and_every_add_on_stands_behind_what_it_belongs_to(
        lines in prop::collection::vec((1i64..5, prop::option::of(1i64..4), prop::option::of(1i64..4), 0u32..4, prop::option::of(0u32..6)), 0..6)
    ) {
        let items = items();
        let dates = [date(1, None, true), date(2, None, true)];
        let lines: Vec<Choice> = lines.into_iter().map(|(item, variation, date, quantity, addon_to)| Choice {
            article: at(ItemId(item), variation, date), quantity, addon_to,
        }).collect();
        if let Ok(chosen) = choose(&lines, &Shelf { items: &items, dates: &dates, now: None }) {
            prop_assert_eq!(chosen.len(), lines.iter().map(|l| l.quantity as usize).sum::<usize>());
            for (nth, one) in chosen.iter().enumerate() {
                prop_assert_eq!(one.item.is_addon(), one.addon_to.is_some());
                if let Some(to) = one.addon_to {
                    prop_assert!(to < nth && one.item.addon_to.contains(&chosen[to].item.item_id));
                    prop_assert_eq!(chosen[to].article.date_id, one.article.date_id);
                }
            }
        }
    }
}
