//! The people of the night: a seller or a guard at each station, and somebody in the shop. Who is not answered asks
//! again, with the same words, until there is an answer; only what was answered is a promise.

use super::{
    Night, TILLS,
    dice::Dice,
    stage::Stage,
    truth::{Ordered, Scanned, Sold, Truth},
};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::{Class, Direction, VerdictView},
    id::RequestId,
    problem::Code,
    till::wire::SaleView,
};
use willcall_station::{
    command::{Command, Wish},
    socket,
};

/// After the healing nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions to who does not answer.
const AGAIN: Duration = Duration::from_millis(25);

/// Sends everybody to work until `stop`.
pub(super) fn begin(
    stage: &Stage,
    seeded: &Value,
    night: Night,
    truth: &Arc<Truth>,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<JoinHandle<anyhow::Result<()>>>> {
    let mut all = Vec::new();
    for (who, folder) in stage.folders().into_iter().enumerate() {
        let person = Person {
            who,
            sells: who < TILLS.len() || who == super::COPY,
            folder,
            dice: Dice::of(night.seed, 100 + who as u64),
            truth: truth.clone(),
            stop: stop.clone(),
        };
        all.push(tokio::spawn(person.work()));
    }
    let event = &seeded["organizers"][0]["events"][0];
    let shop = Shop {
        url: format!("{}/api/v1/night-hall/events/gala/orders", stage.premises.url()),
        item: event["items"]["Adult"].as_i64().context("the product's number")?,
        dice: Dice::of(night.seed, 99),
        truth: truth.clone(),
        stop: stop.clone(),
    };
    all.push(tokio::spawn(shop.work()));
    Ok(all)
}

struct Person {
    who: usize,
    sells: bool,
    folder: PathBuf,
    dice: Dice,
    truth: Arc<Truth>,
    stop: CancellationToken,
}

impl Person {
    async fn work(self) -> anyhow::Result<()> {
        // The copy is not there yet; whoever has no station waits for one.
        while self.stop.run_until_cancelled(tokio::time::sleep(self.dice.between(30, 400))).await.is_some() {
            if socket::ask(&self.folder, &Command::Status).await.is_none() {
                continue;
            }
            if self.sells && self.dice.percent(70) { self.sell().await? } else { self.scan().await? }
        }
        Ok(())
    }

    /// Until it is answered; `None` where it was refused.
    async fn ask(&self, what: &str, command: &Command) -> anyhow::Result<Option<Value>> {
        let mut stopped: Option<Instant> = None;
        loop {
            match socket::ask(&self.folder, command).await {
                Some(Ok(answer)) => return Ok(Some(answer)),
                // It died over the question, or is about to be there.
                Some(Err(problem)) if matches!(problem.code, Code::Unavailable | Code::Busy) => {
                    self.truth.told().asked_again += 1;
                }
                Some(Err(problem)) => {
                    self.truth.refused(what, problem.code);
                    return Ok(None);
                }
                None => {}
            }
            if self.stop.is_cancelled() && stopped.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                bail!("the station in {} does not answer {command:?}", self.folder.display());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn sell(&self) -> anyhow::Result<()> {
        let quantity = u32::try_from(1 + self.dice.below(3))?;
        let (item, cents) = if self.dice.percent(70) { ("Adult", 2400) } else { ("Programme", 450) };
        let request = RequestId(self.dice.uuid());
        let cents = cents * quantity;
        let sell = Command::Sell {
            lines: vec![Wish { item: item.to_owned(), quantity }],
            cash: format!("{}.{:02}", cents / 100, cents % 100),
            vouchers: Vec::new(),
            request_id: Some(request),
        };
        let Some(answer) = self.ask("sale", &sell).await? else { return Ok(()) };
        let sale: SaleView = serde_json::from_value(answer.clone()).with_context(|| answer.to_string())?;
        let mut told = self.truth.told();
        told.codes.extend(sale.positions.iter().filter_map(|p| p.code.clone()));
        let positions = sale.positions.iter().map(|p| p.position_id).collect();
        told.sold.push(Sold { station: self.who, request, order: sale.order_id, positions });
        Ok(())
    }

    async fn scan(&self) -> anyhow::Result<()> {
        let code = {
            let told = self.truth.told();
            // Mostly people who have just bought.
            let from = if self.dice.percent(70) { told.codes.len().saturating_sub(20) } else { 0 };
            self.dice.pick(told.codes.get(from..).unwrap_or_default()).cloned()
        };
        let Some(code) = code else { return Ok(()) };
        let scan = Command::entry(code, None);
        let Some(answer) = self.ask("scan", &scan).await? else { return Ok(()) };
        let verdict: VerdictView = serde_json::from_value(answer.clone()).with_context(|| answer.to_string())?;
        let entered = matches!(verdict.class, Class::Admitted | Class::Look) && verdict.direction == Direction::Entry;
        let class = answer["class"].as_str().context("a class")?.to_owned();
        let entered = verdict.position_id.filter(|_| entered);
        self.truth.told().scanned.push(Scanned { scan: verdict.scan_id, class, entered });
        Ok(())
    }
}

struct Shop {
    url: String,
    item: i64,
    dice: Dice,
    truth: Arc<Truth>,
    stop: CancellationToken,
}

impl Shop {
    async fn work(self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        while self.stop.run_until_cancelled(tokio::time::sleep(self.dice.between(200, 1_500))).await.is_some() {
            let key = self.dice.uuid();
            let body = json!({
                "name": "Ada Lovelace", "email": "ada@example.org",
                "lines": [{ "item_id": self.item, "quantity": 1 + self.dice.below(2) }],
            });
            self.order(&http, key, &body).await?;
        }
        Ok(())
    }

    async fn order(&self, http: &reqwest::Client, key: uuid::Uuid, body: &Value) -> anyhow::Result<()> {
        let mut stopped: Option<Instant> = None;
        loop {
            let request = http.post(&self.url).header("idempotency-key", key.to_string()).json(body);
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                match answer.json::<Value>().await {
                    Ok(order) if status == 201 => {
                        let code = order["code"].as_str().with_context(|| order.to_string())?.to_owned();
                        self.truth.told().ordered.push(Ordered { key, code });
                        return Ok(());
                    }
                    Ok(problem) if status.is_client_error() => {
                        let code = problem["code"].as_str().unwrap_or("?").to_owned();
                        *self.truth.told().refused.entry(format!("order: {code}")).or_default() += 1;
                        return Ok(());
                    }
                    Ok(_) | Err(_) => self.truth.told().asked_again += 1,
                }
            }
            if self.stop.is_cancelled() && stopped.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                bail!("the shop does not answer");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
