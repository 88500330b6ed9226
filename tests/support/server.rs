//! A server of one test: a real PostgreSQL database of its own cloned from a template, a port the system chose, a clock
//! the test moves, and a small shop to buy in. Taken away when dropped.

use crate::choose_tls;
use anyhow::{Context, ensure};
use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use std::{path::PathBuf, sync::Arc, time::Duration};
use willcall_domain::{
    clock::{ManualClock, UtcMillis},
    entropy::OsEntropy,
    id::{EventId, ItemId, OrderId, OrganizerId, QuotaId},
};
use willcall_server::{App, Config, Running, Server, seed, server::Nature, testing::TestDatabase, wake::Topics};

/// How long a test waits for what happens by itself.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What is for sale unless a test says otherwise. Harbour Hall has a concert with two kinds of ticket in one quota of 100
/// and programmes without limit, and a free talk for 5.
pub const SHOP: &str = r##"
[[organizer]]
slug = "harbour"
name = "Harbour Hall"
legal_name = "Harbour Hall gGmbH"
address = "Kai 1\n20457 Hamburg"
tax_number = "DE811111111"
bank_details = "Harbour Hall gGmbH\nIBAN DE02 1203 0000 0000 2020 51"
accent = "#1f6f78"

[[organizer.event]]
slug = "concert"
name = "Winter Concert"
description = "Schubert and Farrenc.\n\nWith an interval."
location = "Great Hall"
starts_at = "+30d 20:00"
ends_at = "+30d 22:30"
admission_at = "+30d 19:00"

[[organizer.event.item]]
name = "Adult"
category = "Tickets"
price = "24.00"
tax_rate = "7"

[[organizer.event.item]]
name = "Child"
category = "Tickets"
description = "Under 12."
price = "9.00"
tax_rate = "7"

[[organizer.event.item]]
name = "Programme"
category = "Extras"
price = "4.50"
tax_rate = "7"
admission = false

[[organizer.event.quota]]
name = "Hall"
size = 100
items = ["Adult", "Child"]

[[organizer.event.quota]]
name = "Programmes"
items = ["Programme"]

[[organizer.event]]
slug = "talk"
name = "Talk & Tea"
location = "Foyer"
starts_at = "+20d 18:00"
takes_bank_transfer = false

[[organizer.event.item]]
name = "Seat"
price = "0"

[[organizer.event.quota]]
name = "Foyer"
size = 5
items = ["Seat"]
"##;

/// A running server.
#[derive(Debug)]
pub struct TestServer {
    pub database: TestDatabase,
    pub running: Running,
    pub clock: ManualClock,
    /// Does not follow redirects and keeps no cookies.
    pub http: Client,
    /// The first organizer of the shop.
    pub organizer: OrganizerId,
}

impl TestServer {
    /// Starts one with [`SHOP`].
    ///
    /// # Errors
    /// When PostgreSQL or the server does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(SHOP, |_| {}).await
    }

    /// Starts one with this shop (a seed file) and a changed configuration.
    ///
    /// # Errors
    /// When PostgreSQL or the server does not start, or the shop cannot be made.
    pub async fn start_with(shop: &str, change: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        choose_tls();
        let database = TestDatabase::fresh().await?;
        let clock = ManualClock::at(UtcMillis::parse("2026-11-02T09:00:00Z")?);
        let nature = Nature { clock: Arc::new(clock.clone()), entropy: Arc::new(OsEntropy), ..Nature::default() };
        let mut config = database.config();
        change(&mut config);
        let running = Server::start_in(config, nature).await?;
        seed::apply(running.app(), &seed::read(shop)?).await?;
        let organizer = running.app().organizers().await?.first().context("the shop has no organizer")?.organizer_id;
        let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;
        Ok(Self { database, running, clock, http, organizer })
    }

    /// What handlers are given.
    #[must_use]
    pub fn app(&self) -> &App {
        self.running.app()
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.addr)
    }

    /// A request as a browser makes it for a page.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path)).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    }

    /// A form as a browser sends it.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let request = self.http.post(self.url(path)).header("accept", "text/html");
        request.header("origin", self.url("")).form(form)
    }

    /// A connection that sees every tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn admin(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect_with(&self.database.admin()).await?)
    }

    /// One number from the database, whoever's rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, query: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(query).fetch_one(&mut self.admin().await?).await?)
    }

    /// A product's number by its name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn item(&self, name: &str) -> anyhow::Result<ItemId> {
        let mut admin = self.admin().await?;
        let id: i64 =
            sqlx::query_scalar("SELECT item_id FROM item WHERE name = $1").bind(name).fetch_one(&mut admin).await?;
        Ok(ItemId(id))
    }

    /// An event's number by its address.
    ///
    /// # Errors
    /// When there is none.
    pub async fn event(&self, slug: &str) -> anyhow::Result<EventId> {
        let mut admin = self.admin().await?;
        let id: i64 =
            sqlx::query_scalar("SELECT event_id FROM event WHERE slug = $1").bind(slug).fetch_one(&mut admin).await?;
        Ok(EventId(id))
    }

    /// Changes something behind the server's back, and has it look again as after a change of its own.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn meddle(&self, statement: &'static str) -> anyhow::Result<u64> {
        let done = sqlx::query(statement).execute(&mut self.admin().await?).await?;
        self.app().wake.now(Topics::CHANGES);
        Ok(done.rows_affected())
    }

    /// Sizes a quota.
    ///
    /// # Errors
    /// When there is none.
    pub async fn resize(&self, quota: &str, size: i64) -> anyhow::Result<QuotaId> {
        let mut admin = self.admin().await?;
        let id =
            sqlx::query_scalar("UPDATE quota SET size = $2, version = version + 1 WHERE name = $1 RETURNING quota_id");
        let id = id.bind(quota).bind(size).fetch_one(&mut admin).await?;
        self.app().wake.now(Topics::CHANGES);
        Ok(QuotaId(id))
    }

    /// How many are sold of a quota.
    ///
    /// # Errors
    /// When there is none.
    pub async fn sold(&self, quota: &str) -> anyhow::Result<i64> {
        let mut admin = self.admin().await?;
        Ok(sqlx::query_scalar("SELECT sold FROM quota WHERE name = $1").bind(quota).fetch_one(&mut admin).await?)
    }

    /// An order through the API: so many of one product, paid by transfer.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn ask_order(
        &self,
        event: &str,
        item: ItemId,
        quantity: u32,
        key: Option<&str>,
    ) -> anyhow::Result<Response> {
        let body = json!({
            "name": "Ada Lovelace", "email": "ada@example.org",
            "lines": [{ "item_id": item, "quantity": quantity }],
        });
        let request = self.http.post(self.url(&format!("/api/v1/harbour/events/{event}/orders"))).json(&body);
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        Ok(request.send().await?)
    }

    /// The same, and it must be taken.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn order(&self, event: &str, item: ItemId, quantity: u32) -> anyhow::Result<Value> {
        let answer = self.ask_order(event, item, quantity, None).await?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status == 201, "{status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Marks an order as paid, as the back office does.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn pay(&self, order: OrderId) -> anyhow::Result<()> {
        let mut tx = self.app().begin(self.organizer).await?;
        willcall_server::orders::mark_paid(&mut tx, order).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Mails in the folder, oldest first, once there are at least `n`.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn mails(&self, n: usize) -> anyhow::Result<Vec<String>> {
        let folder = self.database.folder().join("mail");
        until(&format!("{n} mails"), || {
            let folder = folder.clone();
            async move {
                let found = mails_in(folder)?;
                Ok((found.len() >= n).then_some(found))
            }
        })
        .await
    }

    /// Waits until no job waits or runs.
    ///
    /// # Errors
    /// When some stay, or one failed.
    pub async fn idle(&self) -> anyhow::Result<()> {
        until("jobs to be done", || async {
            let failed = self.count("SELECT count(*) FROM job WHERE state = 'failed'").await?;
            ensure!(failed == 0, "{failed} jobs failed");
            let open = self.count("SELECT count(*) FROM job WHERE state <> 'done'").await?;
            Ok((open == 0).then_some(()))
        })
        .await
    }
}

fn mails_in(folder: PathBuf) -> anyhow::Result<Vec<String>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "eml"));
    // The clock of the test stands still, so their names do not say which came first.
    paths.sort_by_key(|p| p.metadata().and_then(|m| m.modified()).ok());
    paths.into_iter().map(|p| Ok(std::fs::read_to_string(p)?)).collect()
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// When asking fails, or there is none within [`PATIENCE`].
pub async fn until<T, F>(what: &str, ask: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let asking = async {
        loop {
            if let Some(found) = ask().await? {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.with_context(|| format!("waited too long for {what}"))?
}

/// The value of a form's field in a page: what a browser would send.
#[must_use]
pub fn field_value(html: &str, name: &str) -> Option<String> {
    let tag = html.split('<').find(|tag| tag.starts_with("input") && tag.contains(&format!("name=\"{name}\"")))?;
    let (_, rest) = tag.split_once("value=\"")?;
    let (value, _) = rest.split_once('"')?;
    Some(unescape(value))
}

/// Text as a reader of the page sees it, from what stands in HTML.
#[must_use]
pub fn unescape(text: &str) -> String {
    ["&#34;:\"", "&#39;:'", "&#60;:<", "&#62;:>", "&lt;:<", "&gt;:>", "&quot;:\"", "&#x27;:'", "&#38;:&", "&amp;:&"]
        .iter()
        .filter_map(|pair| pair.split_once(':'))
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
