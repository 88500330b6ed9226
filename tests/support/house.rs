//! A small house to play in: one server on a real PostgreSQL database, one organizer, one event with an adult ticket, a
//! programme booklet and one quota, and stations enrolled at it. The server can go and come back at the same address.

use anyhow::{Context, ensure};
use sqlx::{Connection as _, PgConnection};
use std::{net::SocketAddr, path::Path, sync::Arc};
use willcall_domain::{
    catalog::{
        choose::Choice,
        draft::{EventDraft, ItemDraft, QuotaDraft},
    },
    clock::{Clock, SystemClock, UtcMillis},
    devices::{Right, Role, draft::DeviceDraft},
    entropy::{Entropy, OsEntropy, uuid_v7},
    id::{EventId, ItemId, ListId, OrderId, OrganizerId, PositionId, QuotaId, RequestId},
    money::{Currency, Money},
    orders::Cart,
    paper::Language,
    payments::Provider,
    ticketing::{CodeFormat, Flags},
    till::wire::{SellLine, SellRequest, Tender},
};
use willcall_server::{
    App, Running, Server,
    catalog::edit::{self, Refused},
    devices,
    orders::{
        self,
        place::{Buyer, Channel, Wish},
    },
    server::Nature,
    sync::sequencer,
    testing::TestDatabase,
    ticketing::{self, CodeOf},
};
use willcall_station::{Host, KeyStoreChoice, Station, StationConfig, sync::Transport};

/// What a house is built with.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Size of the one quota.
    pub places: i64,
    pub format: CodeFormat,
    /// Price of an adult ticket in cents.
    pub adult: i64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { places: 100, format: CodeFormat::Wc1, adult: 2400 }
    }
}

/// The house.
#[derive(Debug)]
pub struct House {
    pub database: TestDatabase,
    server: Option<Running>,
    address: SocketAddr,
    pub organizer: OrganizerId,
    pub event: EventId,
    pub adult: ItemId,
    pub programme: ItemId,
    pub quota: QuotaId,
    pub list: ListId,
    pub nature: Nature,
}

/// A ticket bought in the shop.
#[derive(Debug, Clone)]
pub struct Bought {
    pub order_id: OrderId,
    pub position_id: PositionId,
    pub code: String,
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn refused(error: Refused) -> anyhow::Error {
    anyhow::anyhow!("refused: {error:?}")
}

fn failed(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

impl House {
    /// Builds one with the system's clock.
    ///
    /// # Errors
    /// When the database or the server does not start.
    pub async fn build(plan: Plan) -> anyhow::Result<Self> {
        Self::build_in(plan, Nature::default()).await
    }

    /// Builds one whose server lives by this clock and randomness.
    ///
    /// # Errors
    /// When the database or the server does not start.
    pub async fn build_in(plan: Plan, nature: Nature) -> anyhow::Result<Self> {
        crate::choose_tls();
        let database = TestDatabase::fresh().await?;
        let server = database.server(nature.clone()).await?;
        let address = server.addr;
        let organizer = found(&database, "house", nature.clock.now()).await?;
        let event = event(server.app(), organizer, plan, "summer-night").await?;
        let mut house = Self {
            database,
            server: Some(server),
            address,
            organizer,
            event,
            adult: ItemId(0),
            programme: ItemId(0),
            quota: QuotaId(0),
            list: ListId(0),
            nature,
        };
        house.furnish(plan).await?;
        Ok(house)
    }

    async fn furnish(&mut self, plan: Plan) -> anyhow::Result<()> {
        let app = self.app()?.clone();
        let mut tx = app.begin(self.organizer).await?;
        self.adult = edit::create_item(&mut tx, self.event, &item("Adult", plan.adult, true)).await.map_err(refused)?;
        self.programme =
            edit::create_item(&mut tx, self.event, &item("Programme", 450, false)).await.map_err(refused)?;
        let quota = QuotaDraft { name: "Hall".to_owned(), size: Some(plan.places), date_id: None };
        let items = [self.adult, self.programme];
        self.quota = edit::create_quota(&mut tx, self.event, &quota, &items).await.map_err(refused)?;
        tx.commit().await?;
        let list: i64 = sqlx::query_scalar("SELECT list_id FROM checkin_list WHERE event_id = $1")
            .bind(self.event.0)
            .fetch_one(&mut self.admin().await?)
            .await?;
        self.list = ListId(list);
        Ok(())
    }

    /// The application of the running server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn app(&self) -> anyhow::Result<&App> {
        Ok(self.server.as_ref().context("the server does not run")?.app())
    }

    /// `http://127.0.0.1:port`, the same for the life of the house.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A connection that sees everything, to look behind the scenes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn admin(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect_with(&self.database.admin()).await?)
    }

    /// The server is gone.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// The server is back where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "the server runs");
        let mut config = self.database.config();
        config.bind.address = self.address;
        self.server = Some(Server::start_in(config, self.nature.clone()).await?);
        Ok(())
    }

    /// Enrols a station with its own folder.
    ///
    /// # Errors
    /// When a side refuses.
    pub async fn station(&self, name: &str, role: Role, folder: &Path) -> anyhow::Result<Station> {
        self.station_at(name, role, folder, &self.url()).await
    }

    /// Enrols a station that reaches the server by `url`, such as a proxy's.
    ///
    /// # Errors
    /// When a side refuses.
    pub async fn station_at(&self, name: &str, role: Role, folder: &Path, url: &str) -> anyhow::Result<Station> {
        let station = open_station(folder, Arc::new(SystemClock::new()))?;
        let token = self.invite(name, role).await?;
        station.enrol(url, &token).await.map_err(failed)?;
        station.sync_once().await.map_err(failed)?;
        Ok(station)
    }

    /// Enrols a station whose line to the server is this one.
    ///
    /// # Errors
    /// When a side refuses.
    pub async fn station_over(
        &self,
        name: &str,
        role: Role,
        folder: &Path,
        line: Arc<dyn Transport>,
    ) -> anyhow::Result<Station> {
        let station = open_station_over(folder, line)?;
        let token = self.invite(name, role).await?;
        station.enrol(&self.url(), &token).await.map_err(failed)?;
        station.sync_once().await.map_err(failed)?;
        Ok(station)
    }

    /// Another event like the first, with an adult ticket and a check-in list of its own.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn another_event(&self, slug: &str) -> anyhow::Result<(EventId, ItemId, ListId)> {
        let app = self.app()?;
        let event = event(app, self.organizer, Plan::default(), slug).await?;
        let mut tx = app.begin(self.organizer).await?;
        let item = edit::create_item(&mut tx, event, &item("Adult", 2400, true)).await.map_err(refused)?;
        let quota = QuotaDraft { name: "Hall".to_owned(), size: Some(100), date_id: None };
        edit::create_quota(&mut tx, event, &quota, &[item]).await.map_err(refused)?;
        tx.commit().await?;
        let list: i64 = sqlx::query_scalar("SELECT list_id FROM checkin_list WHERE event_id = $1")
            .bind(event.0)
            .fetch_one(&mut self.admin().await?)
            .await?;
        Ok((event, item, ListId(list)))
    }

    /// Lets a device see these events and no others.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn let_see(&self, station: &Station, events: &[EventId]) -> anyhow::Result<()> {
        let device = station.status().await.map_err(failed)?.enrolment.context("enrolled")?.device_id;
        let mut tx = self.app()?.begin(self.organizer).await?;
        devices::edit::set_events(&mut tx, device, Some(events)).await.map_err(failed)?;
        tx.commit().await?;
        self.number().await?;
        Ok(())
    }

    /// An enrolment token for a new device.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn invite(&self, name: &str, role: Role) -> anyhow::Result<String> {
        let mut tx = self.app()?.begin(self.organizer).await?;
        let draft = DeviceDraft {
            name: name.to_owned(),
            gate: name.to_owned(),
            role,
            events: None,
            rights: vec![Right::Search],
        };
        let invitation = devices::edit::create(&mut tx, &draft).await.map_err(refused)?;
        tx.commit().await?;
        Ok(invitation.token)
    }

    /// Buys and pays one adult ticket in the shop.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn buy(&self) -> anyhow::Result<Bought> {
        let app = self.app()?;
        let mut tx = app.begin(self.organizer).await?;
        let placed = orders::place(&mut tx, app, &self.wish()).await.map_err(failed)?;
        orders::mark_paid(&mut tx, placed.order_id).await.map_err(failed)?;
        tx.commit().await?;
        let position: uuid::Uuid = sqlx::query_scalar("SELECT position_id FROM order_position WHERE order_id = $1")
            .bind(placed.order_id.0)
            .fetch_one(&mut self.admin().await?)
            .await?;
        let mut tx = app.begin(self.organizer).await?;
        let signer = ticketing::signer(&mut tx, app, self.event).await.map_err(failed)?;
        let position_id = PositionId(position);
        let of = CodeOf {
            position_id,
            issue: 1,
            article: self.adult.into(),
            flags: Flags::default(),
            valid_from: None,
            valid_until: None,
        };
        let code = signer.code(&of).context("a code")?;
        Ok(Bought { order_id: placed.order_id, position_id, code })
    }

    /// Orders one adult ticket in the shop, to be paid by transfer; answers the order and its code.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn order(&self) -> anyhow::Result<(OrderId, String)> {
        let app = self.app()?;
        let mut tx = app.begin(self.organizer).await?;
        let placed = orders::place(&mut tx, app, &self.wish()).await.map_err(failed)?;
        tx.commit().await?;
        Ok((placed.order_id, placed.code))
    }

    /// An order of so many, placed and not paid: its id and code.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn order_of(&self, quantity: u32) -> anyhow::Result<(OrderId, String)> {
        let app = self.app()?;
        let mut tx = app.begin(self.organizer).await?;
        let wish = Wish { cart: Cart { lines: vec![Choice::of(self.adult, quantity)] }, ..self.wish() };
        let placed = orders::place(&mut tx, app, &wish).await.map_err(failed)?;
        tx.commit().await?;
        Ok((placed.order_id, placed.code))
    }

    fn wish(&self) -> Wish {
        Wish {
            event_id: self.event,
            cart: Cart { lines: vec![Choice::of(self.adult, 1)] },
            buyer: Buyer {
                name: "Ada Lovelace".to_owned(),
                email: "ada@example.org".to_owned(),
                language: Language::En,
            },
            attendee_names: vec![],
            provider: Provider::BankTransfer,
            channel: Channel::Web,
            request_id: None,
        }
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn cancel(&self, order: OrderId) -> anyhow::Result<()> {
        let mut tx = self.app()?.begin(self.organizer).await?;
        orders::cancel(&mut tx, order).await.map_err(failed)?;
        tx.commit().await?;
        Ok(())
    }

    /// Numbers what is waiting now, without waiting for the task that does it by itself.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn number(&self) -> anyhow::Result<i64> {
        sequencer::number(self.app()?, self.organizer).await.map_err(failed)
    }

    /// `(sold, leased, excess)` of the quota.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counted(&self) -> anyhow::Result<(i64, i64, i64)> {
        let counted = sqlx::query_as("SELECT sold, leased, excess FROM quota WHERE quota_id = $1")
            .bind(self.quota.0)
            .fetch_one(&mut self.admin().await?)
            .await?;
        Ok(counted)
    }

    /// One number from the database, whoever's rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn number_of(&self, query: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(query).fetch_one(&mut self.admin().await?).await?)
    }

    /// A sale of `quantity` adult tickets, paid exactly.
    #[must_use]
    pub fn adults(&self, quantity: u32) -> SellRequest {
        SellRequest {
            vouchers: Vec::new(),
            request_id: RequestId(uuid_v7(SystemClock::new().now(), &OsEntropy)),
            event_id: self.event,
            lines: vec![SellLine::of(self.adult, quantity)],
            tender: Tender::Cash { given_minor: 2400 * i64::from(quantity) },
        }
    }
}

/// Opens the station of a folder, its keys in a file.
///
/// # Errors
/// When it cannot be opened.
pub fn open_station(folder: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Station> {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    Station::open(config(folder), Host { clock, entropy, machine: willcall_station::copies::machine::digest() })
        .map_err(failed)
}

/// The same over another line to the server, with the system's clock.
///
/// # Errors
/// When it cannot be opened.
pub fn open_station_over(folder: &Path, line: Arc<dyn Transport>) -> anyhow::Result<Station> {
    Station::open_with(config(folder), Host::system(), line).map_err(failed)
}

/// The same on a machine with a clock and randomness of its own.
///
/// # Errors
/// When it cannot be opened.
pub fn open_station_in(folder: &Path, host: Host, line: Arc<dyn Transport>) -> anyhow::Result<Station> {
    Station::open_with(config(folder), host, line).map_err(failed)
}

fn config(folder: &Path) -> StationConfig {
    StationConfig { data: folder.to_owned(), key_store: KeyStoreChoice::File, software: "willcall-tests".to_owned() }
}

fn item(name: &str, minor: i64, admission: bool) -> ItemDraft {
    ItemDraft {
        name: name.to_owned(),
        category: if admission { "Tickets".to_owned() } else { "Extras".to_owned() },
        description: String::new(),
        price: Money::new(minor, Currency::EUR),
        tax_rate_bp: 700,
        rank: i32::from(!admission),
        active: true,
        admission,
        look_at_id: false,
        checkin_text: String::new(),
        addon_to: Vec::new(),
    }
}

async fn found(database: &TestDatabase, slug: &str, now: UtcMillis) -> anyhow::Result<OrganizerId> {
    let mut admin = PgConnection::connect_with(&database.admin()).await?;
    let id: i64 = sqlx::query_scalar("SELECT crossing.found_organizer($1, 'The House', '', '', '', '#7a2e3a', $2)")
        .bind(slug)
        .bind(now.0)
        .fetch_one(&mut admin)
        .await?;
    Ok(OrganizerId(id))
}

async fn event(app: &App, organizer: OrganizerId, plan: Plan, slug: &str) -> anyhow::Result<EventId> {
    let now = app.now();
    let draft = EventDraft {
        name: "Summer Night".to_owned(),
        slug: slug.to_owned(),
        description: String::new(),
        location: "Hall".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        currency: Currency::EUR,
        starts_at: UtcMillis(now.0 + 3_600_000),
        ends_at: Some(UtcMillis(now.0 + 4 * 3_600_000)),
        admission_at: None,
        code_format: plan.format,
        live: true,
        takes_bank_transfer: true,
    };
    let mut tx = app.begin(organizer).await?;
    let event = edit::create_event(app, &mut tx, &draft, "All tickets").await.map_err(refused)?;
    tx.commit().await?;
    Ok(event)
}
