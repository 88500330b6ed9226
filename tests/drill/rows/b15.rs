//! B15: a quota of 1,000 and 20,000 who want one of it in the shop, 64 at a time, and two tills that sell from what they
//! are lent, all at once, while the server is killed at random moments (sometimes with its database) and everybody asks
//! again under the same key until there is an answer. Sold is 1,000 exactly, nobody has two orders, and when the time to
//! pay is over everything the shop held is free again.

use super::c15::doctor;
use crate::town::{scaled, token};
use anyhow::{Context, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use willcall_domain::{
    clock::{Clock as _, SystemClock},
    entropy::{self, OsEntropy, SeededEntropy, uuid_v7},
    id::{EventId, ItemId, RequestId},
    problem::Code,
    till::wire::{SellLine, SellRequest, Tender},
};
use willcall_station::Station;
use willcall_tests::{house::open_station, premises::Premises, record::Outcome};

const PLACES: i64 = 1_000;
const BUYERS: u32 = 20_000;
const AT_A_TIME: u64 = 64;
const SEEDS: u32 = 20;
/// Kills of one sale.
const KILLS: u64 = 4;
/// Longest a buyer asks again.
const PATIENCE: Duration = Duration::from_secs(120);
const TILLS: [&str; 2] = ["Till 1", "Till 2"];
/// How often a till sells.
const TILL_PACE: Duration = Duration::from_millis(15);
/// So many rounds in a row with nothing to sell, and a till is done.
const DRY: u32 = 6;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let seeds = scaled(SEEDS, scale, 1);
    let buyers = scaled(BUYERS, scale.max(0.1), 2_000);
    let (mut rows, mut pass, mut wrong) = (Vec::new(), true, Vec::new());
    for seed in 0..seeds {
        let (mut premises, seeded) = Premises::seeded(&plan(), &[("WILLCALL_RATE_LIMITS", "off")]).await?;
        let began = Instant::now();
        let told = rush(&mut premises, &seeded, seed, u64::from(buyers)).await?;
        let count = async |query| premises.number_of(query).await;
        let sold = count("SELECT sold FROM quota").await?;
        let orders = count("SELECT count(*) FROM orders WHERE channel = 'web'").await?;
        let keys = count("SELECT count(DISTINCT email) FROM orders WHERE channel = 'web'").await?;
        let at_tills = count("SELECT count(*) FROM orders WHERE channel = 'till'").await?;
        let more = count("SELECT leased + in_flight + excess FROM quota").await?;
        let cases = count("SELECT count(*) FROM station_case").await?;
        wrong.extend(doctor(&premises)?);
        let held = expire(&premises).await? - at_tills;
        pass &= sold == PLACES
            && told.web + told.tills == PLACES
            && (orders, at_tills) == (told.web, told.tills)
            && orders == keys
            && (more, cases, held) == (0, 0, 0);
        rows.push(json!({
            "seed": seed, "kills": told.kills, "sold": sold, "told_yes": told.web, "orders": orders,
            "orders_twice": orders - keys, "sold_at_tills": told.tills, "till_orders": at_tills,
            "still_lent_or_in_excess": more, "cases": cases, "held_after_expiry": held,
            "took_s": began.elapsed().as_secs_f64(),
        }));
        premises.stop().await?;
    }
    Ok(Outcome {
        measured: json!({ "buyers": buyers, "tills": TILLS.len(), "seeds": rows, "doctor": wrong }),
        bar: json!({
            "sold": PLACES, "orders_twice": 0, "still_lent_or_in_excess": 0, "cases": 0, "held_after_expiry": 0,
            "doctor": [],
        }),
        n: u64::from(seeds) * u64::from(buyers),
        pass: pass && wrong.is_empty(),
    })
}

fn plan() -> String {
    let tills =
        TILLS.map(|name| format!("[[organizer.device]]\nname = \"{name}\"\ngate = \"Foyer\"\nrole = \"till\"\n"));
    format!(
        "[[organizer]]\nslug = \"rush\"\nname = \"Rush\"\nbank_details = \"IBAN\"\n
         [[organizer.event]]\nslug = \"rush\"\nname = \"Rush\"\nstarts_at = \"+30d 20:00\"\n
         [[organizer.event.item]]\nname = \"Seat\"\nprice = \"24.00\"\ntax_rate = \"7\"\n
         [[organizer.event.quota]]\nname = \"Hall\"\nsize = {PLACES}\nitems = [\"Seat\"]\n{}",
        tills.concat()
    )
}

/// The time to pay is over; gives what is still sold once the server has seen to it.
async fn expire(premises: &Premises) -> anyhow::Result<i64> {
    let mut admin = premises.admin().await?;
    sqlx::query("UPDATE orders SET expires_at = 1 WHERE status = 'pending'").execute(&mut admin).await?;
    // Its own schedule does it, in its own process, and tells nobody outside.
    let (end, mut look) =
        (Instant::now() + Duration::from_secs(180), tokio::time::interval(Duration::from_millis(200)));
    loop {
        look.tick().await;
        let waiting = premises.number_of("SELECT count(*) FROM orders WHERE status = 'pending'").await?;
        if waiting == 0 || Instant::now() > end {
            return premises.number_of("SELECT sold FROM quota").await;
        }
    }
}

/// How many were told yes, and how often the server was killed meanwhile.
struct Told {
    web: i64,
    tills: i64,
    kills: u64,
}

/// Everybody asks and both tills sell; meanwhile the server is killed.
async fn rush(premises: &mut Premises, seeded: &Value, seed: u32, buyers: u64) -> anyhow::Result<Told> {
    let shop = Shop::of(premises, seeded)?;
    let mut folders = Vec::new();
    let mut tills = Vec::new();
    for name in TILLS {
        let folder = tempfile::tempdir()?;
        let station = open_station(folder.path(), Arc::new(SystemClock::new()))?;
        station.enrol(&premises.url(), &token(seeded, name)?).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        station.sync_once().await.map_err(|e| anyhow::anyhow!("{e}"))?;
        tills.push(Till::of(station, seeded)?);
        folders.push(folder);
    }
    let (served, mut progress) = (watch::Sender::new(false), shop.next.subscribe());
    let mut selling = JoinSet::new();
    for till in tills {
        selling.spawn(till.sell_out(served.subscribe()));
    }
    let mut asking = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let shop = shop.clone();
        asking.spawn(async move { shop.ask(seed, buyers).await });
    }
    let chance = SeededEntropy::new(u64::from(seed));
    let mut kills = 0;
    // Each at a moment of its own, while there is still something to sell or somebody to tell.
    for nth in 1..=KILLS {
        let turn = nth * buyers / (KILLS + 4) + u64::from_le_bytes(entropy::bytes(&chance)) % (buyers / 20);
        progress.wait_for(|next| *next >= turn).await?;
        if nth % 2 == 0 {
            premises.cut()?
        } else {
            premises.kill()?
        }
        kills += 1;
        premises.start().await?;
    }
    while let Some(asked) = asking.join_next().await {
        asked.context("a buyer")??;
    }
    ensure!(*shop.next.borrow() >= buyers, "not everybody was served");
    served.send_replace(true);
    let mut at_tills = 0;
    while let Some(sold) = selling.join_next().await {
        at_tills += sold.context("a till")??;
    }
    Ok(Told { web: i64::try_from(shop.told.load(Ordering::SeqCst))?, tills: at_tills, kills })
}

/// A till with its engine not running: it syncs when it has nothing left, as often as it takes.
struct Till {
    station: Station,
    event: EventId,
    item: ItemId,
}

impl Till {
    fn of(station: Station, seeded: &Value) -> anyhow::Result<Self> {
        let event = &seeded["organizers"][0]["events"][0];
        let item = event["items"]["Seat"].as_i64().context("the item")?;
        Ok(Self { station, event: EventId(event["event_id"].as_i64().context("the event")?), item: ItemId(item) })
    }

    /// Sells one after the other until, with everybody in the shop served, there is nothing left to be lent.
    async fn sell_out(self, served: watch::Receiver<bool>) -> anyhow::Result<i64> {
        let (mut sold, mut dry, mut pace) = (0, 0, tokio::time::interval(TILL_PACE));
        let end = Instant::now() + Duration::from_secs(1_800);
        loop {
            pace.tick().await;
            let request = SellRequest {
                request_id: RequestId(uuid_v7(SystemClock::new().now(), &OsEntropy)),
                event_id: self.event,
                lines: vec![SellLine::of(self.item, 1)],
                vouchers: Vec::new(),
                tender: Tender::Cash { given_minor: 2400 },
            };
            match self.station.sell(request).await {
                Ok(_) => (sold, dry) = (sold + 1, 0),
                Err(problem) if problem.code == Code::LeaseSpent => {
                    ensure!(Instant::now() < end, "a till never comes to its end");
                    // The server may be away just now; then nothing is known about what is left.
                    let reached = self.station.sync_once().await.is_ok_and(|report| report.waiting == 0);
                    if reached && *served.borrow() {
                        dry += 1;
                    }
                    if dry >= DRY {
                        ensure!(
                            self.station.verify_journal().await.map_err(|e| anyhow::anyhow!("{e}"))?.ok,
                            "a till's journal is not whole"
                        );
                        return Ok(sold);
                    }
                }
                Err(problem) => bail!("a till was refused a sale: {problem}"),
            }
        }
    }
}

/// The shop, as who wants to buy meets it.
#[derive(Clone)]
struct Shop {
    http: reqwest::Client,
    url: String,
    item: Value,
    /// The next buyer's number.
    next: Arc<watch::Sender<u64>>,
    told: Arc<AtomicU64>,
}

impl Shop {
    fn of(premises: &Premises, seeded: &Value) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().timeout(Duration::from_secs(15)).build()?,
            url: format!("{}/api/v1/rush/events/rush/orders", premises.url()),
            item: seeded["organizers"][0]["events"][0]["items"]["Seat"].clone(),
            next: Arc::new(watch::Sender::new(0)),
            told: Arc::default(),
        })
    }

    fn next(&self) -> u64 {
        let mut mine = 0;
        self.next.send_modify(|next| {
            mine = *next;
            *next += 1;
        });
        mine
    }

    /// One of the 64: takes buyers until there are none left.
    async fn ask(&self, seed: u32, buyers: u64) -> anyhow::Result<()> {
        loop {
            let buyer = self.next();
            if buyer >= buyers {
                return Ok(());
            }
            let key = format!("{seed}-{buyer}");
            let end = Instant::now() + PATIENCE;
            loop {
                match self.order(&key).await {
                    Ok(StatusCode::CREATED) => {
                        self.told.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    Ok(StatusCode::CONFLICT) => break,
                    Ok(status) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                        bail!("buyer {buyer} was answered {status}")
                    }
                    // Away, busy or cut off: asked again.
                    Ok(_) | Err(_) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(20)).await,
                    Ok(status) => bail!("buyer {buyer} got no answer but {status}"),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn order(&self, key: &str) -> anyhow::Result<StatusCode> {
        let lines = [json!({ "item_id": self.item, "quantity": 1 })];
        let body = json!({ "name": "Guest", "email": format!("b{key}@example.org"), "lines": lines });
        Ok(self.http.post(&self.url).header("idempotency-key", key).json(&body).send().await?.status())
    }
}
