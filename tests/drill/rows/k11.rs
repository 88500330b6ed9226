//! K11: a station of the first release, as it was recorded, against the server of today: every exchange of the recording
//! is repeated, and what comes back has the shape it had then. Its outbox is empty in the end. So is that of a station
//! older than any the server still serves, before it is asked to be updated; and a station of a version that does not
//! exist yet is served, its strange facts kept.

use crate::town::scaled;
use anyhow::{Context, ensure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
};
use willcall_domain::{
    devices::Role,
    sync::{Fact, Outcome as Entered, PROTOCOL, PROTOCOL_HEADER},
};
use willcall_tests::{
    built::repository,
    house::{House, Plan},
    light::{self, Light},
    record::Outcome,
};

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(repository().join("tests/fixtures/v1/traffic.jsonl"))?;
    let spoken: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (mut breaks, mut exchanges, mut left) = (BTreeSet::new(), 0, 0);
    for _ in 0..scaled(5, scale, 1) {
        let replayed = replay(&spoken).await?;
        breaks.extend(replayed.breaks);
        exchanges += replayed.exchanges;
        left += replayed.left;
    }
    let older = too_old().await?;
    let newer = newer().await?;
    let pass = breaks.is_empty() && left == 0 && older.left == 0 && older.refused == older.asked && newer.is_handled();
    Ok(Outcome {
        measured: json!({
            "contract_breaks": breaks, "exchanges": exchanges, "left_in_the_outbox": left,
            "too_old": { "left_in_the_outbox": older.left, "other_questions": older.asked, "told_to_update": older.refused },
            "newer": {
                "left_in_the_outbox": newer.left, "known_applied": newer.applied, "unknown_kept": newer.kept,
                "answered_in_protocol": newer.protocol,
            },
        }),
        bar: json!({
            "contract_breaks": [], "left_in_the_outbox": 0,
            "newer": { "left_in_the_outbox": 0, "known_applied": 2, "unknown_kept": 1, "answered_in_protocol": PROTOCOL },
        }),
        n: exchanges,
        pass,
    })
}

struct Replayed {
    breaks: BTreeSet<String>,
    exchanges: u64,
    /// Entries that were sent and not answered.
    left: u64,
}

/// The recording's device key is the one that signed its journal, so it is the one that is enrolled.
async fn replay(spoken: &[Value]) -> anyhow::Result<Replayed> {
    let house = House::build(Plan::default()).await?;
    house.buy().await?;
    house.number().await?;
    let http = light::client()?;
    let mut replayed = Replayed { breaks: BTreeSet::new(), exchanges: 0, left: 0 };
    let mut enrolment = Value::Null;
    for one in spoken {
        let what = one["what"].as_str().context("what was said")?;
        let (ask, then) = (&one["ask"], &one["answer"]);
        let answer = match what {
            "enrol" => {
                let mut ask = ask.clone();
                ask["token"] = json!(house.invite("Till 1", Role::Till).await?);
                let answer = post(&http, &house, None, "enrol", &ask).await?;
                enrolment = answer.1.clone();
                answer
            }
            "contact" => post(&http, &house, Some(&enrolment), "contact", ask).await?,
            "push" => {
                let answer = post(&http, &house, Some(&enrolment), "journal", ask).await?;
                let answered = answer.1["outcomes"].as_array().map_or(0, Vec::len);
                replayed.left += (ask["entries"].as_array().map_or(0, Vec::len) - answered) as u64;
                answer
            }
            "lease" => {
                let mut ask = ask.clone();
                ask["quota_id"] = json!(house.quota);
                post(&http, &house, Some(&enrolment), "leases", &ask).await?
            }
            "changes" => {
                // From the beginning: what the recording was at has other numbers here. What was just sent has one too.
                house.number().await?;
                let history = enrolment["history"].as_str().context("a history")?;
                let path = format!("changes?history={history}&after=0&wait_s=0");
                get(&http, &house, &enrolment, &path).await?
            }
            "snapshot" => snapshot(&http, &house, &enrolment).await?,
            other => anyhow::bail!("{other} is no message of the first protocol"),
        };
        replayed.exchanges += 1;
        if !answer.0.is_success() {
            replayed.breaks.insert(format!("{what}: answered {}: {}", answer.0, answer.1));
            continue;
        }
        missing(what, then, &answer.1, &mut replayed.breaks);
    }
    Ok(replayed)
}

/// Every field the recorded answer had is there, of the same kind. Of lists: what each element had, some element of the
/// same row has.
fn missing(at: &str, then: &Value, now: &Value, breaks: &mut BTreeSet<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, value) in then {
                match now.get(name) {
                    Some(found) => missing(&format!("{at}.{name}"), value, found, breaks),
                    None => _ = breaks.insert(format!("{at}.{name} is gone")),
                }
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            for value in then.iter().take(50) {
                let alike = now.iter().filter(|n| n.get("row") == value.get("row") && kind(n) == kind(value));
                let row = value["row"].as_str().unwrap_or_default();
                let least = alike.map(|found| {
                    let mut lacks = BTreeSet::new();
                    missing(&format!("{at}[{row}]"), value, found, &mut lacks);
                    lacks
                });
                match least.min_by_key(BTreeSet::len) {
                    Some(lacks) => breaks.extend(lacks),
                    None => _ = breaks.insert(format!("{at}[{row}] is gone")),
                }
            }
        }
        (then, now) if kind(then) == kind(now) || then.is_null() || now.is_null() => {}
        (then, now) => _ = breaks.insert(format!("{at} was {} and is {}", kind(then), kind(now))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn endpoint(house: &House, path: &str) -> String {
    format!("{}/api/station/v1/{path}", house.url())
}

async fn post(
    http: &Client,
    house: &House,
    who: Option<&Value>,
    path: &str,
    ask: &Value,
) -> anyhow::Result<(StatusCode, Value)> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(ask.to_string().as_bytes())?;
    let request = http.request(Method::POST, endpoint(house, path)).header("content-encoding", "gzip");
    let mut request = request.header("content-type", "application/json").header(PROTOCOL_HEADER, "1");
    if let Some(who) = who {
        request = request.bearer_auth(who["device_token"].as_str().context("a token")?);
    }
    let answer = request.body(packed.finish()?).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    Ok((status, serde_json::from_str(&text).with_context(|| text)?))
}

async fn get(http: &Client, house: &House, who: &Value, path: &str) -> anyhow::Result<(StatusCode, Value)> {
    let token = who["device_token"].as_str().context("a token")?;
    let request = http.get(endpoint(house, path)).bearer_auth(token).header(PROTOCOL_HEADER, "1");
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    Ok((status, serde_json::from_str(&text).with_context(|| text)?))
}

/// Its lines as a list, as they were recorded.
async fn snapshot(http: &Client, house: &House, who: &Value) -> anyhow::Result<(StatusCode, Value)> {
    let token = who["device_token"].as_str().context("a token")?;
    let request = http.get(endpoint(house, "snapshot")).bearer_auth(token).header(PROTOCOL_HEADER, "1");
    let answer = request.header("accept-encoding", "gzip").send().await?;
    let (status, packed) = (answer.status(), answer.bytes().await?);
    ensure!(packed.starts_with(&[0x1f, 0x8b]), "a snapshot is compressed by gzip");
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut text)?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    Ok((status, Value::Array(lines)))
}

struct TooOld {
    left: u64,
    asked: u64,
    refused: u64,
}

/// The version before the first is as old as can be today.
async fn too_old() -> anyhow::Result<TooOld> {
    let house = House::build(Plan::default()).await?;
    let http = light::client()?;
    let token = house.invite("Of long ago", Role::Door).await?;
    let mut older = Light::enrol(&http, &house.url(), &token).await?.speaking(0);
    let mut entries = vec![older.record(Fact::Opened { software: "of long ago".to_owned() })?];
    for n in 0..50 {
        entries.push(older.record_strange("forgotten", &json!({ "kind": "forgotten", "n": n }))?);
    }
    let sent = entries.len() as u64;
    let answer = older.push(entries).await?;
    let mut found = TooOld { left: sent - answer.acked, asked: 0, refused: 0 };
    let history = older.enrolment.history;
    for path in [format!("changes?history={history}&after=0"), "snapshot".to_owned()] {
        let (status, answer) = older.get(&path).await?;
        found.asked += 1;
        found.refused += u64::from(status == 400 && answer["code"] == "protocol");
    }
    Ok(found)
}

struct Newer {
    left: u64,
    applied: usize,
    kept: usize,
    protocol: Value,
}

impl Newer {
    fn is_handled(&self) -> bool {
        self.left == 0 && self.applied == 2 && self.kept == 1 && self.protocol == PROTOCOL
    }
}

/// A kind nobody knows, and a scan with a field nobody knows.
async fn newer() -> anyhow::Result<Newer> {
    let house = House::build(Plan::default()).await?;
    let position = house.buy().await?.position_id;
    let token = house.invite("Of another day", Role::Door).await?;
    let mut newer = Light::enrol(&light::client()?, &house.url(), &token).await?.speaking(PROTOCOL + 1);
    let (status, answer) = newer.post("contact", &newer.question(3)).await?;
    ensure!(status.is_success(), "its contact was answered {status}: {answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().context("a body")?)?;
    let scan = json!({
        "kind": "scan", "event_id": house.event, "list_id": house.list, "position_id": position, "payload_hash": null,
        "direction": "entry", "class": "admitted", "reason": null, "mood": "joyful",
    });
    let entries = vec![
        newer.record(Fact::Opened { software: "of another day".to_owned() })?,
        newer.record_strange("hologram", &json!({ "kind": "hologram", "shown": 3 }))?,
        newer.record_strange("scan", &scan)?,
    ];
    let sent = entries.len() as u64;
    let answer = newer.push(entries).await?;
    let count = |wanted: fn(&Entered) -> bool| answer.outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count();
    Ok(Newer {
        left: sent - answer.acked,
        applied: count(|outcome| matches!(outcome, Entered::Applied)),
        kept: count(|outcome| matches!(outcome, Entered::Parked { .. })),
        protocol: body["protocol"].clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(then: &Value, now: &Value) -> Vec<String> {
        let mut breaks = BTreeSet::new();
        missing("said", then, now, &mut breaks);
        breaks.into_iter().collect()
    }

    #[test]
    fn a_field_a_row_and_a_kind_of_value_that_are_gone_are_told() {
        let then = json!([{ "history": "a" }, { "row": "item", "data": { "name": "x", "price": 3 } }, { "rows": 1 }]);
        assert!(lacks(&then, &then).is_empty());
        let more = json!([{ "history": "b", "new": 1 }, { "row": "case" }, then[1], { "rows": 2 }]);
        assert!(lacks(&then, &more).is_empty(), "more is no break");
        let no_end = json!([{ "history": "a" }, then[1]]);
        assert_eq!(lacks(&then, &no_end), ["said[].rows is gone"]);
        let other = json!([{ "history": "a" }, { "row": "item", "data": { "price": "3" } }, { "rows": 1 }]);
        assert_eq!(
            lacks(&then, &other),
            ["said[item].data.name is gone", "said[item].data.price was a number and is text"]
        );
        assert_eq!(lacks(&then, &json!([{ "history": "a" }, { "rows": 1 }])), ["said[item] is gone"]);
    }
}
