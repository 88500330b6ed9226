//! Journals coming up: doors that were cut off send what they wrote, a page of 500 entries after the other, packed, all at
//! once. Counted is what the server has stored, judged and applied.

use crate::{Figure, closed::short};
use anyhow::{Context, ensure};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;
use tokio::{task::JoinSet, time::Instant};
use willcall_domain::{
    clock::UtcMillis,
    entropy::OsEntropy,
    id::{EventId, ListId, PositionId},
};
use willcall_tests::{
    hand::{self, Hand, opened},
    premises::Premises,
    record::cpu_of_all_ms,
};

const DOORS: usize = 4;
const PAGES: usize = 25;
const PAGE: usize = 500;

fn plan() -> String {
    let mut plan = "[[organizer]]\nslug = \"doors\"\nname = \"Doors\"\nbank_details = \"IBAN\"\n
        [[organizer.event]]\nslug = \"night\"\nname = \"Night\"\nstarts_at = \"+1d 20:00\"\n
        [[organizer.event.item]]\nname = \"Adult\"\nprice = \"24.00\"\n"
        .to_owned();
    for door in 1..=DOORS {
        plan += &format!("\n[[organizer.device]]\nname = \"Door {door}\"\nrole = \"door\"\n");
    }
    plan
}

pub async fn figures() -> anyhow::Result<Vec<Figure>> {
    let (mut premises, seeded) = Premises::seeded(&plan(), &[("WILLCALL_RATE_LIMITS", "off")]).await?;
    let event = EventId(premises.number_of("SELECT event_id FROM event").await?);
    let list = ListId(premises.number_of("SELECT list_id FROM checkin_list").await?);
    let devices = seeded["organizers"][0]["devices"].as_array().context("devices")?;
    let mut sending = Vec::new();
    for device in devices {
        let token = device["token"].as_str().context("a token")?.to_owned();
        let hand = Hand::enrol_at(premises.url(), token).await?;
        let pages = pages(&hand, event, list)?;
        sending.push((hand, pages));
    }
    let server = premises.server()?.id();
    let (spent, began) = (cpu_of_all_ms(server), Instant::now());
    let mut running = JoinSet::new();
    for (hand, pages) in sending {
        running.spawn(async move {
            for page in pages {
                let answer = hand.push_packed(page).await?;
                ensure!(answer.outcomes.len() == PAGE, "{} of {PAGE} were answered", answer.outcomes.len());
            }
            Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    let (took, spent) = (began.elapsed(), cpu_of_all_ms(server) - spent);
    let entries = DOORS * PAGES * PAGE;
    let applied = premises.number_of("SELECT count(*) FROM journal_entry WHERE outcome = 'applied'").await?;
    ensure!(applied == entries as i64, "{applied} of {entries} were applied");
    premises.stop().await?;
    let rate = entries as f64 / took.as_secs_f64();
    Ok(vec![Figure {
        what: "journal entries taken in",
        measured: format!("{} /s", short(rate)),
        values: json!({ "entries_per_s": rate, "took_s": took.as_secs_f64(), "cpu_ms": spent }),
        peer: "–",
        method: format!("{DOORS} doors, pages of {PAGE} scans, signed, packed; stored, judged, applied"),
        n: entries as u64,
    }])
}

/// A door's whole journal, as packed pages.
fn pages(hand: &Hand, event: EventId, list: ListId) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut entries = vec![hand.write(opened())?];
    while entries.len() < PAGES * PAGE {
        let position = PositionId::born(UtcMillis(1_793_610_000_000), &OsEntropy);
        entries.push(hand.write(hand::entered_at(event, list, position))?);
    }
    entries
        .chunks(PAGE)
        .map(|page| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&serde_json::to_vec(&json!({ "entries": page }))?)?;
            Ok(packer.finish()?)
        })
        .collect()
}
