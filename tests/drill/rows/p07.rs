//! P07: numbers do not run out. No key column of the server's database has fewer than 64 bits, no money either; and with
//! every sequence put beyond 2³¹ the whole way still works: seed, order, paper, lease, sale, and the door of a station
//! that never heard of the sale.

use crate::town;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use willcall_tests::{premises::Premises, record::Outcome};

/// Beyond 2³¹, within the 32 bits a small ticket code has for an item.
const FAR: i64 = (1 << 31) + 1_000;

/// Columns that are narrow because something else than we ends their range, with the reason.
const BOUNDED: [(&str, &str); 1] =
    [("event_key.number", "one byte of a ticket code; a CHECK holds it to 0 to 255, and an event rarely has two")];

pub async fn run(_: f64) -> anyhow::Result<Outcome> {
    let mut premises = Premises::empty(&[])?;
    premises.start().await?;
    let mut narrow = narrow_columns(&premises).await?;
    narrow.retain(|column| BOUNDED.iter().all(|(bounded, _)| column != bounded));
    let columns = premises.number_of(COLUMNS).await?;
    ensure!(columns > 50, "the schema has {columns} columns of keys and money");
    let sequences = restart(&premises).await?;
    ensure!(sequences >= 5, "the schema has {sequences} sequences");
    let journey = journey(&premises).await?;
    let smallest = journey["smallest_id"].as_i64().context("an id")?;
    Ok(Outcome {
        measured: json!({
            "narrow_key_or_money_columns": narrow, "narrow_by_their_nature": BOUNDED, "columns_looked_at": columns, "sequences_restarted": sequences,
            "sequences_from": FAR, "journey": journey,
        }),
        bar: json!({ "narrow_key_or_money_columns": [], "journey": "all steps done with ids beyond 2^31" }),
        n: u64::try_from(columns)?,
        pass: narrow.is_empty() && smallest > i64::from(i32::MAX),
    })
}

const COLUMNS: &str = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'
    AND (column_name LIKE '%\\_id' OR column_name LIKE '%minor%' OR is_identity = 'YES')";

/// Columns of primary, unique or foreign keys or of money that are smaller than 64 bits, and sequences that are.
async fn narrow_columns(premises: &Premises) -> anyhow::Result<Vec<String>> {
    let found = sqlx::query_scalar(
        "SELECT DISTINCT c.table_name || '.' || c.column_name
         FROM information_schema.columns c
         LEFT JOIN information_schema.key_column_usage k USING (table_schema, table_name, column_name)
         WHERE c.table_schema = 'public' AND c.data_type IN ('integer', 'smallint', 'real', 'double precision')
           AND (k.constraint_name IS NOT NULL OR c.is_identity = 'YES'
                OR c.column_name LIKE '%\\_id' OR c.column_name LIKE '%minor%' OR c.column_name LIKE '%position%')
         UNION
         SELECT 'sequence ' || sequence_name FROM information_schema.sequences
         WHERE sequence_schema = 'public' AND data_type <> 'bigint'
         ORDER BY 1",
    );
    Ok(found.fetch_all(&mut premises.admin().await?).await?)
}

async fn restart(premises: &Premises) -> anyhow::Result<usize> {
    let mut admin = premises.admin().await?;
    let names: Vec<String> =
        sqlx::query_scalar("SELECT sequencename::text FROM pg_sequences WHERE schemaname = 'public'")
            .fetch_all(&mut admin)
            .await?;
    for name in &names {
        let statement = format!("ALTER SEQUENCE \"{}\" RESTART WITH {FAR}", name.replace('"', "\"\""));
        sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await?;
    }
    Ok(names.len())
}

async fn journey(premises: &Premises) -> anyhow::Result<Value> {
    let seeded = premises.seed(town::PLAN)?;
    let order = town::order(premises, &seeded, "talk", "Seat").await?;
    let paper = town::tickets(&order).await?;
    let (till, door) = (premises.room("till")?, premises.room("door")?);
    for (folder, device) in [(&till, "Till 1"), (&door, "Door 1")] {
        let (answer, code) = premises.station(folder, &["enrol", &premises.url(), &town::token(&seeded, device)?])?;
        ensure!(code == 0, "{device} was not enrolled: {answer}");
        let (answer, code) = premises.station(folder, &["sync"])?;
        ensure!(code == 0, "{device} did not sync: {answer}");
    }
    let (sale, code) = premises.station(&till, &["sell", "Adult:2", "--pay", "cash:50"])?;
    ensure!(code == 0, "nothing was sold: {sale}");
    let codes: Vec<&str> =
        sale["positions"].as_array().context("positions")?.iter().filter_map(|p| p["code"].as_str()).collect();
    ensure!(codes.len() == 2, "two tickets have codes: {sale}");
    let list = list_of(&seeded, "concert")?;
    let mut verdicts = Vec::new();
    for code in [codes[0], codes[1], codes[0]] {
        let (verdict, _) = premises.station(&door, &["scan", code, "--list", &list])?;
        verdicts.push(verdict["class"].as_str().unwrap_or("none").to_owned());
    }
    ensure!(verdicts[2] == "used" && verdicts[0] != "refused" && verdicts[1] != "refused", "{verdicts:?}");
    for folder in [&till, &door] {
        let (answer, code) = premises.station(folder, &["sync"])?;
        ensure!(code == 0, "the facts did not go up: {answer}");
    }
    let scans = premises.number_of("SELECT count(*) FROM scan WHERE class IN ('admitted', 'look')").await?;
    let sold = premises.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await?;
    ensure!(scans == 2 && sold == 1, "{scans} scans and {sold} till sales arrived");
    Ok(json!({
        "ticket_bytes": paper.len(), "verdicts_at_a_door_that_never_heard_of_the_sale": verdicts,
        "scans_arrived": scans, "sales_arrived": sold, "smallest_id": smallest_id(&seeded),
    }))
}

fn list_of(seeded: &Value, event: &str) -> anyhow::Result<String> {
    let events = seeded["organizers"][0]["events"].as_array().context("events")?;
    let lists = events.iter().find(|e| e["slug"] == event).and_then(|e| e["lists"].as_object()).context("lists")?;
    lists.values().next().map(Value::to_string).context("a list")
}

/// The smallest number of anything the seed made.
fn smallest_id(seeded: &Value) -> Option<i64> {
    match seeded {
        Value::Object(map) => {
            let here = map.iter().filter_map(|(name, value)| match name.as_str() {
                "items" | "quotas" | "lists" => value.as_object()?.values().filter_map(Value::as_i64).min(),
                "organizer_id" | "event_id" | "device_id" => value.as_i64(),
                _ => smallest_id(value),
            });
            here.min()
        }
        Value::Array(all) => all.iter().filter_map(smallest_id).min(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
