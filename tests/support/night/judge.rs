//! What everybody was told, held against what the server has once all is healed.

use super::{
    Night,
    stage::Stage,
    truth::{Scanned, Sold, Told, Truth},
};
use crate::record::Outcome;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use uuid::Uuid;
use willcall_domain::{id::PositionId, till::wire::SaleView};
use willcall_station::command::{Command, Wish};

/// Sales of each till that are asked for once more.
const ASKED_AGAIN: usize = 20;
/// How many of each kind are named.
const NAMED: usize = 5;

/// What was found wrong, by what it is.
#[derive(Default)]
struct Wrong(BTreeMap<&'static str, Vec<String>>);

impl Wrong {
    fn note(&mut self, what: &'static str, found: impl IntoIterator<Item = String>) {
        self.0.entry(what).or_default().extend(found);
    }

    fn json(&self) -> Value {
        let some =
            |found: &Vec<String>| json!({ "n": found.len(), "first": found.iter().take(NAMED).collect::<Vec<_>>() });
        self.0.iter().map(|(what, found)| ((*what).to_owned(), some(found))).collect::<serde_json::Map<_, _>>().into()
    }
}

/// Looks at everything.
pub(super) async fn judge(
    stage: &mut Stage,
    truth: &Truth,
    night: Night,
    healing: Duration,
) -> anyhow::Result<Outcome> {
    let told = truth.told().clone();
    ensure!(!told.sold.is_empty() && !told.scanned.is_empty() && !told.ordered.is_empty(), "nothing was done");
    let mut wrong = Wrong::default();
    let mut db = stage.premises.admin().await?;
    wrong.note("sales_lost", lost_sales(&mut db, &told.sold).await?);
    wrong.note("scans_lost", lost_scans(&mut db, &told.scanned).await?);
    wrong.note("orders_lost", lost_orders(&mut db, &told).await?);
    wrong.note("stranded", stranded(&mut db).await?);
    wrong.note("sold_twice_under_one_request", twice(&mut db).await?);
    wrong.note("double_admissions_not_listed", unlisted(&mut db, &told.scanned).await?);
    let (excess, unexplained) = oversold(&mut db, stage).await?;
    wrong.note("oversold_without_case", unexplained);
    wrong.note("changed_when_asked_again", ask_again(stage, &told.sold).await?);
    wrong.note("journals", journals(stage).await?);
    wrong.note("doctor", doctor(stage)?);
    let cases = counted(&mut db, "SELECT kind, count(*) FROM station_case GROUP BY kind ORDER BY kind").await?;
    let entries = counted(&mut db, "SELECT outcome, count(*) FROM journal_entry GROUP BY outcome").await?;
    let entered = entered_twice(&told.scanned).len();
    let pass = wrong.0.values().all(Vec::is_empty);
    Ok(Outcome {
        measured: json!({
            "seed": night.seed, "seconds": night.length.as_secs(), "wrong": wrong.json(),
            "told": {
                "sales": told.sold.len(), "positions": told.sold.iter().map(|s| s.positions.len()).sum::<usize>(),
                "scans": told.scanned.len(), "orders": told.ordered.len(), "entered_twice": entered,
                "refused": told.refused, "asked_again": told.asked_again,
            },
            "done": stage.done, "cases": cases, "entries": entries, "excess": excess,
            "answered_after_healing_ms": healing.as_millis(),
        }),
        bar: json!({ "wrong": "0 of each" }),
        n: (told.sold.len() + told.scanned.len() + told.ordered.len()) as u64,
        pass,
    })
}

/// A sale is there with every ticket, or waits with a case.
async fn lost_sales(db: &mut PgConnection, sold: &[Sold]) -> anyhow::Result<Vec<String>> {
    let orders: Vec<Uuid> = sold.iter().map(|s| s.order.0).collect();
    let waiting: BTreeSet<Uuid> = ids(
        db,
        "SELECT about FROM journal_entry
         WHERE about = ANY ($1) AND kind = 'sale' AND outcome = 'parked' AND case_id IS NOT NULL",
        &orders,
    )
    .await?;
    let there: BTreeSet<Uuid> =
        ids(db, "SELECT order_id FROM orders WHERE order_id = ANY ($1) AND status = 'paid'", &orders).await?;
    let positions: Vec<Uuid> = sold.iter().flat_map(|s| &s.positions).map(|p| p.0).collect();
    let tickets: BTreeSet<Uuid> =
        ids(db, "SELECT position_id FROM order_position WHERE position_id = ANY ($1) AND NOT canceled", &positions)
            .await?;
    let whole = |sale: &&Sold| {
        let applied = there.contains(&sale.order.0) && sale.positions.iter().all(|p| tickets.contains(&p.0));
        !applied && !waiting.contains(&sale.order.0)
    };
    Ok(sold.iter().filter(whole).map(|s| format!("station {}: order {}", s.station, s.order)).collect())
}

/// A verdict is in the log as it was given, or waits with a case.
async fn lost_scans(db: &mut PgConnection, scanned: &[Scanned]) -> anyhow::Result<Vec<String>> {
    let scans: Vec<Uuid> = scanned.iter().map(|s| s.scan.0).collect();
    let waiting = "SELECT entry_id FROM journal_entry
                   WHERE entry_id = ANY ($1) AND outcome = 'parked' AND case_id IS NOT NULL";
    let waiting: BTreeSet<Uuid> = ids(db, waiting, &scans).await?;
    let there: BTreeMap<Uuid, String> = sqlx::query_as("SELECT scan_id, class FROM scan WHERE scan_id = ANY ($1)")
        .bind(&scans)
        .fetch_all(db)
        .await?
        .into_iter()
        .collect();
    let lost = |s: &&Scanned| there.get(&s.scan.0) != Some(&s.class) && !waiting.contains(&s.scan.0);
    Ok(scanned.iter().filter(lost).map(|s| format!("{} {}", s.class, s.scan.0)).collect())
}

async fn lost_orders(db: &mut PgConnection, told: &Told) -> anyhow::Result<Vec<String>> {
    let there: Vec<String> = sqlx::query_scalar("SELECT code FROM orders WHERE channel = 'web'").fetch_all(db).await?;
    let there: BTreeSet<String> = there.into_iter().collect();
    let lost = told.ordered.iter().filter(|o| !there.contains(&o.code));
    Ok(lost.map(|o| format!("{} under {}", o.code, o.key)).collect())
}

/// What arrived and is neither applied nor a case that somebody can see.
async fn stranded(db: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let query = "SELECT format('device %s, life %s, entry %s', j.device_id, j.incarnation, j.seq)
                 FROM journal_entry j LEFT JOIN station_case c USING (organizer_id, case_id)
                 WHERE j.outcome <> 'applied' AND c.case_id IS NULL
                 UNION ALL
                 SELECT format('quarantine: device %s, life %s, entry %s: %s', device_id, incarnation, seq, why)
                 FROM quarantine";
    Ok(sqlx::query_scalar(query).fetch_all(db).await?)
}

/// One request of a seller, two sales.
async fn twice(db: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let query = "SELECT request FROM (
                     SELECT body::jsonb ->> 'request_id' AS request, about FROM journal_entry WHERE kind = 'sale') s
                 GROUP BY request HAVING count(DISTINCT about) > 1";
    Ok(sqlx::query_scalar(query).fetch_all(db).await?)
}

/// Tickets that people were let in with more than once.
fn entered_twice(scanned: &[Scanned]) -> BTreeSet<PositionId> {
    let mut seen = BTreeSet::new();
    scanned.iter().filter_map(|s| s.entered).filter(|position| !seen.insert(*position)).collect()
}

async fn unlisted(db: &mut PgConnection, scanned: &[Scanned]) -> anyhow::Result<Vec<String>> {
    let listed: Vec<Option<String>> =
        sqlx::query_scalar("SELECT detail ->> 'position_id' FROM station_case WHERE kind = 'double_admission'")
            .fetch_all(&mut *db)
            .await?;
    let listed: BTreeSet<String> = listed.into_iter().flatten().collect();
    let mut missing = Vec::new();
    for position in entered_twice(scanned).into_iter().filter(|position| !listed.contains(&position.0.to_string())) {
        let entries: Vec<String> = sqlx::query_scalar(
            "SELECT format('device %s, life %s, entry %s at %s, saw %s', device_id, incarnation, seq, at, saw)
             FROM scan WHERE position_id = $1 AND direction = 'entry' AND class IN ('admitted', 'look') ORDER BY at",
        )
        .bind(position.0)
        .fetch_all(&mut *db)
        .await?;
        missing.push(format!("{}: {}", position.0, entries.join("; ")));
    }
    Ok(missing)
}

/// What was sold beyond what there is; and where that has no case, or is of a station that was never copied or put back.
async fn oversold(db: &mut PgConnection, stage: &Stage) -> anyhow::Result<(Value, Vec<String>)> {
    let quotas: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT q.name, q.size, q.sold, q.excess, (
             SELECT count(*) FROM quota_item i
             JOIN order_position p ON p.organizer_id = i.organizer_id AND p.item_id = i.item_id AND NOT p.canceled
             JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
                 AND o.status IN ('pending', 'paid')
             WHERE i.organizer_id = q.organizer_id AND i.quota_id = q.quota_id)
         FROM quota q ORDER BY 1",
    )
    .fetch_all(&mut *db)
    .await?;
    let cases: Vec<(String, i64)> = sqlx::query_as(
        "SELECT d.name, coalesce(sum(jsonb_array_length(c.detail -> 'quotas')), 0)::bigint
         FROM station_case c JOIN device d USING (organizer_id, device_id) WHERE c.kind = 'excess' GROUP BY d.name",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut wrong = Vec::new();
    for (name, size, sold, excess, held) in &quotas {
        if held - size > *excess || held != sold {
            wrong.push(format!("{name}: {held} held, {sold} counted, size {size}, excess {excess}"));
        }
    }
    let beyond: i64 = quotas.iter().map(|q| q.3).sum();
    let explained: i64 = cases.iter().map(|c| c.1).sum();
    if beyond > explained {
        wrong.push(format!("{beyond} units beyond, {explained} in cases"));
    }
    let copied = stage.copied.and_then(|n| stage.engines.get(n)).map(|engine| engine.name.clone());
    let may = |name: &String| Some(name) == copied.as_ref() || stage.done.contains_key("folders_put_back");
    wrong.extend(cases.iter().filter(|(name, _)| !may(name)).map(|(name, n)| format!("{name}, which is one, has {n}")));
    Ok((json!({ "units": beyond, "by_station": cases }), wrong))
}

/// The same request again is the same sale, whatever has happened to the till.
async fn ask_again(stage: &Stage, sold: &[Sold]) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (n, engine) in stage.engines.iter().enumerate() {
        for sale in sold.iter().rev().filter(|s| s.station == n).take(ASKED_AGAIN) {
            let command = Command::Sell {
                lines: vec![Wish { item: "Programme".to_owned(), quantity: 1 }],
                cash: "4.50".to_owned(),
                vouchers: Vec::new(),
                request_id: Some(sale.request),
            };
            let answer = engine.ask(&command).await;
            let again = answer.map(|a| a.and_then(|a| serde_json::from_value::<SaleView>(a).ok()).map(|a| a.order_id));
            match again {
                Ok(Some(order)) if order == sale.order => {}
                other => wrong.push(format!("{}: {} became {other:?}", engine.name, sale.order)),
            }
        }
    }
    Ok(wrong)
}

async fn journals(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for engine in &stage.engines {
        let report = engine.ask(&Command::VerifyJournal).await?.context("the engine answers")?;
        if report["ok"] != true {
            wrong.push(format!("{}: {} {}", engine.name, report["problems"], report["differences"]));
        }
    }
    Ok(wrong)
}

/// What `willcall-server doctor` says is wrong; a disk that is nearly full is the machine's.
fn doctor(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let output = stage.premises.command("willcall-server")?.args(["doctor", "--json"]).output()?;
    let report: Value =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let findings = report["findings"].as_array().context("findings")?;
    ensure!(findings.iter().any(|f| f["check"] == "places-sold"), "the doctor did not look at the data: {report}");
    let wrong = findings.iter().filter(|f| f["ok"] == false && f["check"] != "disk");
    Ok(wrong.map(|f| format!("{}: {}", f["check"].as_str().unwrap_or_default(), f["detail"])).collect())
}

async fn ids(db: &mut PgConnection, query: &'static str, of: &[Uuid]) -> anyhow::Result<BTreeSet<Uuid>> {
    Ok(sqlx::query_scalar(query).bind(of).fetch_all(db).await?.into_iter().collect())
}

async fn counted(db: &mut PgConnection, query: &'static str) -> anyhow::Result<BTreeMap<String, i64>> {
    Ok(sqlx::query_as(query).fetch_all(db).await?.into_iter().collect())
}
