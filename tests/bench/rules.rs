//! The rules of a check-in list, and the whole decision with one: processor time of each, as a door needs it at every scan.

use crate::{Figure, codes::thread_cpu};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{hint::black_box, time::Duration};
use willcall_domain::{
    checkin::{
        Direction,
        rule::{Rule, RuleInput},
        simulate::{SimulateCase, simulate},
        wire::Class,
    },
    clock::UtcMillis,
    id::ItemId,
};

const TIMES: u64 = 20_000;
/// 2026-12-12, 20:30 in Berlin.
const NOW: i64 = 1_797_103_800_000;
const BEGINS: i64 = NOW - 1_800_000;
/// What a rule may take to be evaluated, in microseconds.
const BAR_US: f64 = 20.0;

/// As organizers write them: two products come in from their own time on, by their own gate, on working days, once a day
/// and four times in all, not twice within ten minutes; everybody else once, until an hour after the beginning.
fn rule() -> Value {
    let of = |product: i64| json!({ "inList": [{ "var": "product" }, { "objectList": [{ "lookup": ["product", product.to_string(), "Adult"] }] }] });
    let gate = |gate: i64| json!({ "inList": [{ "var": "gate" }, { "objectList": [{ "lookup": ["gate", gate.to_string(), "North"] }] }] });
    let from = |time: &str| json!({ "isAfter": [{ "var": "now" }, { "buildTime": ["customtime", time] }, 10] });
    let until = |time: &str| json!({ "isBefore": [{ "var": "now" }, { "buildTime": ["customtime", time] }, 10] });
    let since = json!({ "entries_since": [{ "buildTime": ["customtime", "06:00"] }] });
    json!({ "or": [
        { "and": [
            of(7), gate(3), from("19:00"), until("23:30"),
            { "<=": [1, { "var": "now_isoweekday" }] }, { "<": [{ "var": "now_isoweekday" }, 7] },
            { "<": [since, 6] }, { "<": [{ "var": "entries_number" }, 8] },
            { "or": [{ "<": [{ "var": "minutes_since_last_entry" }, 0] }, { ">": [{ "var": "minutes_since_last_entry" }, 10] }] },
        ] },
        { "and": [of(8), gate(4), from("18:00"), { "<": [{ "var": "entries_today" }, 3] }] },
        { "and": [
            { "isBefore": [{ "var": "now" }, { "buildTime": ["date_from"] }, 60] },
            { "isAfter": [{ "var": "now" }, { "buildTime": ["date_admission"] }, 0] },
            { "<": [{ "var": "entries_days" }, 1] }, { "==": [{ "var": "entry_status" }, "absent"] },
        ] },
    ] })
}

/// Earlier entries and exits of the ticket.
fn entries() -> Vec<(UtcMillis, Direction)> {
    (1..=6)
        .map(|n| (UtcMillis(NOW - n * 900_000), if n % 2 == 0 { Direction::Entry } else { Direction::Exit }))
        .collect()
}

fn input<'a>(entries: &'a [(UtcMillis, Direction)], gate: i64) -> RuleInput<'a> {
    RuleInput {
        now: UtcMillis(NOW),
        zone: "Europe/Berlin",
        product: ItemId(7),
        variation: None,
        gate: Some(gate),
        gates: &[],
        date_from: UtcMillis(BEGINS),
        date_to: None,
        date_admission: Some(UtcMillis(BEGINS - 3_600_000)),
        entries,
    }
}

/// A ticket that was in and out before, on a list with the rule.
fn case() -> anyhow::Result<SimulateCase> {
    let money = json!({ "minor": 2400, "currency": "EUR" });
    let position = "01938f00-0000-7000-8000-000000000001";
    let scans: Vec<Value> = entries()
        .iter()
        .rev()
        .map(|(at, direction)| json!({ "at": at, "direction": direction, "gate": "North", "station": 5 }))
        .collect();
    let document = json!({
        "event": {
            "event_id": 1, "name": "Night", "location": "", "zone": "Europe/Berlin", "currency": "EUR",
            "starts_at": BEGINS, "ends_at": null, "admission_at": BEGINS - 3_600_000, "code_format": "wc1", "version": 1,
        },
        "list": {
            "list_id": 1, "event_id": 1, "name": "Doors", "items": [7, 8], "include_pending": false,
            "allow_multiple_entries": false, "allow_entry_after_exit": true, "rules": rule(), "version": 1,
        },
        "item": {
            "item_id": 7, "event_id": 1, "name": "Adult", "category": "", "price": money, "tax_rate_bp": 700, "rank": 0,
            "active": true, "admission": true, "look_at_id": false, "checkin_text": "", "version": 1,
        },
        "ticket": {
            "position_id": position, "order_id": position, "order_code": "A1B2C", "event_id": 1, "item_id": 7,
            "order_status": "paid", "canceled": false, "blocked": false, "issue": 1, "name": "Ada Lovelace", "plain": null,
            "valid_from": null, "valid_until": null, "test": false, "version": 1,
        },
        "history": scans, "now": NOW, "direction": "entry", "gate": 3,
    });
    serde_json::from_value(document).context("the case")
}

/// Mean processor time of one.
fn mean(mut one: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let begun = thread_cpu()?;
    for _ in 0..TIMES {
        one()?;
    }
    Ok((thread_cpu()? - begun) / u32::try_from(TIMES)?)
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e8).round() / 100.0
}

fn figure(what: &'static str, time: Duration, method: &str) -> Figure {
    Figure {
        what,
        measured: format!("{:.1} µs", micros(time)),
        values: json!({ "cpu_us": micros(time) }),
        peer: "–",
        method: method.to_owned(),
        n: TIMES,
    }
}

pub fn figures() -> anyhow::Result<Vec<Figure>> {
    let (text, past) = (rule(), entries());
    let read = Rule::parse(&text)?;
    let (here, elsewhere) = (input(&past, 3), input(&past, 9));
    ensure!(read.evaluate(&here)?, "the rule admits at its gate");
    ensure!(!read.evaluate(&elsewhere)?, "and not at another");
    let evaluated = mean(|| {
        ensure!(black_box(&read).evaluate(black_box(&here))?, "it admits");
        Ok(())
    })?;
    let refused = mean(|| {
        let rule = Rule::parse(black_box(&text))?;
        ensure!(!rule.evaluate(black_box(&elsewhere))?, "it refuses");
        black_box(rule.explain(&elsewhere));
        Ok(())
    })?;
    let case = case()?;
    let verdict = simulate(&case)?;
    ensure!(verdict.class == Class::Admitted, "{verdict:?}");
    let decided = mean(|| {
        ensure!(simulate(black_box(&case))?.class == Class::Admitted, "it admits");
        Ok(())
    })?;
    ensure!(micros(evaluated) <= BAR_US, "a rule takes {:.1} µs, allowed are {BAR_US}", micros(evaluated));
    Ok(vec![
        figure(
            "a rule evaluated",
            evaluated,
            "three ways in, 17 tests, six entries before; CPU time of the thread, mean",
        ),
        figure("… read, refusing and explained", refused, "the same from its JSON, with the nearest way in found"),
        figure(
            "a decision, with that rule",
            decided,
            "the whole of it from a document: ticket, history, rule, verdict",
        ),
    ])
}
