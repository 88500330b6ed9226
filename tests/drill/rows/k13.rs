//! K13: one entry of a thousand that nobody can apply: the others are applied at once, the one is kept and told with its
//! reason, and a person can close it.

use crate::town::{ms, scaled};
use anyhow::{Context, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use willcall_domain::{
    checkin::wire::{Class, Direction},
    devices::Role,
    id::{OrderId, PaymentId},
    money::{Currency, Money},
    sync::{Fact, Outcome as Entered},
};
use willcall_tests::{
    crowd,
    house::{House, Plan},
    light::{self, Light},
    record::Outcome,
};

const BAR: Duration = Duration::from_secs(10);
const PAGE: usize = 500;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let entries = scaled(1_000, scale, 100) as usize;
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, entries).await?;
    let http = light::client()?;
    let token = house.invite("Till 1", Role::Till).await?;
    let mut till = Light::enrol(&http, &house.url(), &token).await?;
    let mut journal = vec![till.record(Fact::Opened { software: "drill".to_owned() })?];
    for (n, position) in positions.iter().take(entries - 1).enumerate() {
        // In the middle, cash for an order that nobody has ever placed.
        let fact = if n == entries / 2 { poison() } else { scan(&house, *position) };
        journal.push(till.record(fact)?);
    }
    let began = Instant::now();
    let mut outcomes = Vec::new();
    for page in journal.chunks(PAGE) {
        outcomes.extend(till.push(page.to_vec()).await?.outcomes);
    }
    let took = began.elapsed();
    let applied = outcomes.iter().filter(|(_, o)| *o == Entered::Applied).count();
    let parked: Vec<u64> =
        outcomes.iter().filter(|(_, o)| matches!(o, Entered::Parked { .. })).map(|(s, _)| *s).collect();
    let kind: String = sqlx::query_scalar("SELECT kind FROM station_case WHERE closed_at IS NULL")
        .fetch_one(&mut house.admin().await?)
        .await
        .context("one case")?;
    let kept = house.number_of("SELECT count(*) FROM journal_entry WHERE outcome = 'parked'").await?;
    let again = till.push(vec![journal[entries / 2 + 1].clone()]).await?;
    ensure!(matches!(again.outcomes[0].1, Entered::Parked { .. }), "sent again, it is answered the same");
    let pass = applied == entries - 1 && parked.len() == 1 && kept == 1 && kind == "unknown_order" && took <= BAR;
    Ok(Outcome {
        measured: json!({
            "applied": applied, "applied_within_ms": ms(took), "parked": parked.len(), "kept": kept, "reason": kind,
        }),
        bar: json!({
            "applied": entries - 1, "applied_within_ms": ms(BAR), "parked": 1, "kept": 1, "reason": "unknown_order",
        }),
        n: entries as u64,
        pass,
    })
}

fn poison() -> Fact {
    let nobody = uuid::Uuid::from_u128(7);
    let amount = Money::new(2400, Currency::EUR);
    let change = Money::new(0, Currency::EUR);
    Fact::Payment { payment_id: PaymentId(nobody), order_id: OrderId(nobody), amount, given: amount, change }
}

fn scan(house: &House, position: willcall_domain::id::PositionId) -> Fact {
    Fact::Scan {
        event_id: house.event,
        list_id: house.list,
        position_id: Some(position),
        payload_hash: None,
        direction: Direction::Entry,
        class: Class::Admitted,
        reason: None,
        time_by_hand: None,
    }
}
