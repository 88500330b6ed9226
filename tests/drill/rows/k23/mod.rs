//! K23: people are told the truth. Gates that are cut off from each other admit the same tickets, some of them at three
//! gates: once their journals have met, in whatever order and however often they are brought, every ticket that entered
//! twice is in the list of cases, and none that did not. And [`words`]: what the window says through every fault of K08.

mod words;

use crate::town::scaled;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use willcall_domain::{
    clock::UtcMillis,
    devices::Role,
    entropy::{self, OsEntropy, SeededEntropy},
    id::PositionId,
};
use willcall_tests::{
    hand::{self, Hand, opened},
    house::{House, Plan},
    record::Outcome,
};

const GATES: usize = 5;
const PAGE: usize = 200;
/// How often the window goes through every fault in each language.
const WORDS: u32 = 3;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(5_000, scale, 200) as usize;
    let house = House::build(Plan::default()).await?;
    let mut gates = Vec::new();
    for n in 1..=GATES {
        let gate = Hand::enrol(&house, &format!("Gate {n}"), Role::Door).await?;
        gates.push((gate.write(opened())?, gate));
    }
    let chance = SeededEntropy::new(23);
    let draw = |of: usize| usize::try_from(u64::from_le_bytes(entropy::bytes(&chance)) % of as u64).unwrap_or(0);
    let mut journals: Vec<Vec<_>> = gates.iter().map(|(first, _)| vec![first.clone()]).collect();
    let mut doubles: BTreeSet<PositionId> = BTreeSet::new();
    for n in 0..tickets {
        let position = PositionId::born(UtcMillis(1_793_610_000_000), &OsEntropy);
        // One in ten at two gates, one in fifty at three.
        let entries = if n % 50 == 0 {
            3
        } else if n % 10 == 0 {
            2
        } else {
            1
        };
        let start = draw(GATES);
        for nth in 0..entries {
            let at = (start + nth) % GATES;
            journals[at].push(gates[at].1.write(hand::entered(&house, position))?);
        }
        if entries > 1 {
            doubles.insert(position);
        }
    }
    bring(&gates, &journals, draw).await?;
    let details: Vec<Value> = sqlx::query_scalar("SELECT detail FROM station_case WHERE kind = 'double_admission'")
        .fetch_all(&mut house.admin().await?)
        .await?;
    let listed: BTreeSet<PositionId> =
        details.iter().filter_map(|d| serde_json::from_value(d["position_id"].clone()).ok()).collect();
    let others = house.number_of("SELECT count(*) FROM station_case WHERE kind <> 'double_admission'").await?;
    let missing = doubles.difference(&listed).count();
    let false_alarms = listed.difference(&doubles).count();
    let words = words::through_every_fault(&House::build(Plan::default()).await?, scaled(WORDS, scale, 1)).await?;
    Ok(Outcome {
        measured: json!({
            "tickets": tickets, "entered_twice": doubles.len(), "listed": listed.len(), "missing": missing,
            "false_alarms": false_alarms, "cases_of_other_kinds_left_open": others,
            "words": words.measured(),
        }),
        bar: json!({ "missing": 0, "false_alarms": 0, "words": words::Words::bar() }),
        n: doubles.len() as u64 + words.looks,
        pass: missing == 0 && false_alarms == 0 && words.hold(),
    })
}

/// Pages of all journals, mixed, each by a gate of its own or another, some of them twice.
async fn bring(
    gates: &[(willcall_domain::sync::Entry, Hand)],
    journals: &[Vec<willcall_domain::sync::Entry>],
    draw: impl Fn(usize) -> usize,
) -> anyhow::Result<()> {
    let mut pages: Vec<_> = journals.iter().flat_map(|journal| journal.chunks(PAGE)).collect();
    let again: Vec<_> = pages.iter().copied().step_by(3).collect();
    pages.extend(again);
    while !pages.is_empty() {
        let page = pages.swap_remove(draw(pages.len()));
        let (_, carrier) = gates.get(draw(gates.len())).context("a gate")?;
        let answer = carrier.push(page).await?;
        ensure!(answer.outcomes.len() == page.len(), "{} of {} were answered", answer.outcomes.len(), page.len());
    }
    Ok(())
}
