//! E01: the seed, twice. The first time it makes everything, quickly; the second time it answers the same ids and not
//! one row changes. A purchase then succeeds. The passwords and tokens it printed are nowhere on the disk.

use crate::town::{self, ms};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio::time::Instant;
use willcall_tests::{premises::Premises, record::Outcome};

const BAR: Duration = Duration::from_secs(2);

pub async fn run(_: f64) -> anyhow::Result<Outcome> {
    let mut premises = Premises::empty(&[])?;
    premises.start().await?;
    let began = Instant::now();
    let first = premises.seed(town::PLAN)?;
    let took_first = began.elapsed();
    let before = town::settled(&premises).await?;
    let began = Instant::now();
    let second = premises.seed(town::PLAN)?;
    let took_second = began.elapsed();
    let after = town::settled(&premises).await?;
    let changed: Vec<&String> = before.keys().filter(|t| before.get(*t) != after.get(*t)).collect();
    ensure!(before.len() == after.len() && before.len() > 10, "there are {} tables", before.len());

    let secrets = town::secrets(&first);
    ensure!(secrets.len() >= 4, "the seed printed {} secrets", secrets.len());
    let again = town::secrets(&second).len();
    let order = town::order(&premises, &first, "talk", "Seat").await?;
    let paper = town::tickets(&order).await?;

    // Everything PostgreSQL holds is in its files, and the server has written its last line.
    sqlx::query("CHECKPOINT").execute(&mut premises.admin().await?).await?;
    town::end(&mut premises).await?;
    let (found, files) = search(&premises.data(), &secrets)?;
    let (control, _) = search(&premises.data(), &["owner@drill-hall.example".to_owned()])?;
    ensure!(control > 0, "the search does not find what is certainly there");

    let same = without_secrets(first) == without_secrets(second);
    let slowest = took_first.max(took_second);
    Ok(Outcome {
        measured: json!({
            "first_ms": ms(took_first), "second_ms": ms(took_second), "same_ids": same,
            "tables_changed_by_the_second": changed, "secrets_printed": [secrets.len(), again],
            "secrets_found_on_disk": found, "files_searched": files, "ticket_bytes": paper.len(),
        }),
        bar: json!({
            "first_ms": ms(BAR), "second_ms": ms(BAR), "same_ids": true, "tables_changed_by_the_second": [],
            "secrets_printed": "once", "secrets_found_on_disk": 0,
        }),
        n: before.len() as u64,
        pass: slowest <= BAR && same && changed.is_empty() && again == 0 && found == 0,
    })
}

fn without_secrets(mut outcome: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for secret in ["password", "token", "token_expires_at"] {
                    map.remove(secret);
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(all) => all.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut outcome);
    outcome
}

/// How often any of `wanted` stands in any file below `folder`, and how many files there are.
fn search(folder: &Path, wanted: &[String]) -> anyhow::Result<(usize, usize)> {
    let (mut found, mut files) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files += 1;
                let bytes = std::fs::read(entry.path())?;
                found += wanted.iter().filter(|w| holds(&bytes, w.as_bytes())).count();
            }
        }
    }
    Ok((found, files))
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some((first, rest)) = wanted.split_first() else { return false };
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|b| b == first) {
        at += next + 1;
        if bytes[at..].starts_with(rest) {
            return true;
        }
    }
    false
}
