//! A05: many organizers, one installation. Every route is asked by the staff and the devices of one organizer for what
//! belongs to another, by nobody, and by people whose papers have run out: not one foreign word comes back and not one
//! foreign row changes. Then without the application: as the server's own database role, under the tenant setting alone,
//! no statement sees or touches another's rows. Then two thousand tenants who do nothing: what do they cost?

use crate::{
    routes::{self, Route},
    town::scaled,
    visitor::Visitor,
};
use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};
use willcall_tests::{
    premises::Premises,
    record::{Outcome, memory_kb},
};

/// Stands in everything the other organizer has.
const MARK: &str = "Zzforeign";
const TENANTS: u32 = 2_000;
/// Memory that many may cost.
const BAR_KB: u64 = 50 * 1024;
const PASSWORD: &str = "correct horse battery staple";

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let mut premises = Premises::empty(&[("WILLCALL_RATE_LIMITS", "off")])?;
    premises.start().await?;
    let seeded = premises.seed(&format!("{}{}", plan("ours", "Ours"), plan("theirs", MARK)))?;
    let people = people(&premises, &seeded).await?;
    let before = rows_of(&premises, people.theirs.organizer).await?;
    let sweep = sweep(&people).await?;
    let after = rows_of(&premises, people.theirs.organizer).await?;
    let touched: Vec<&String> = before.keys().filter(|t| before.get(*t) != after.get(*t)).collect();
    let walls = walls(&premises, &people).await?;
    let tenants = scaled(TENANTS, scale, 20);
    let idle = idle(&mut premises, tenants).await?;
    let bar_kb = (BAR_KB * u64::from(tenants) / u64::from(TENANTS)).max(5 * 1024);
    let pass = sweep.leaked.is_empty()
        && sweep.accepted.is_empty()
        && touched.is_empty()
        && walls.holes.is_empty()
        && idle.grown_kb <= bar_kb;
    Ok(Outcome {
        measured: json!({
            "routes": sweep.routes, "requests": sweep.requests, "own_answered": sweep.own_answered,
            "foreign_words": sweep.leaked, "accepted_without_right": sweep.accepted, "foreign_tables_touched": touched,
            "tables_under_row_level_security": walls.tables, "statements_without_the_application": walls.statements,
            "holes": walls.holes, "idle_tenants": tenants, "rss_before_kb": idle.before_kb, "rss_grown_kb": idle.grown_kb,
        }),
        bar: json!({
            "foreign_words": [], "accepted_without_right": [], "foreign_tables_touched": [], "holes": [],
            "rss_grown_kb": bar_kb,
        }),
        n: sweep.requests + walls.statements,
        pass,
    })
}

fn plan(slug: &str, mark: &str) -> String {
    format!(
        r#"
[[organizer]]
slug = "{slug}"
name = "{mark} House"
legal_name = "{mark} Limited"
address = "{mark} Street 1"
bank_details = "{mark} Bank"

[[organizer.staff]]
email = "owner@{slug}.example"
name = "{mark} Owner"
role = "owner"
password = "{PASSWORD}"

[[organizer.staff]]
email = "left@{slug}.example"
name = "{mark} Left"
role = "owner"
password = "{PASSWORD}"

[[organizer.event]]
slug = "evening"
name = "{mark} Evening"
description = "{mark} plays."
location = "{mark} Hall"
starts_at = "+5d 20:00"

[[organizer.event.item]]
name = "{mark} Ticket"
price = "10.00"

[[organizer.event.quota]]
name = "{mark} Quota"
size = 100
items = ["{mark} Ticket"]

[[organizer.event.list]]
name = "{mark} List"

[[organizer.device]]
name = "{mark} Till"
gate = "{mark} Gate"
role = "till"

[[organizer.device]]
name = "{mark} Lost"
gate = "{mark} Gate"
role = "till"
"#
    )
}

/// What one organizer has, by the names in paths.
#[derive(Debug, Clone)]
struct Place {
    slug: String,
    organizer: i64,
    names: BTreeMap<&'static str, String>,
    quota: i64,
}

struct People {
    ours: Place,
    theirs: Place,
    owner: Visitor,
    /// A session that has run out.
    expired: Visitor,
    nobody: Visitor,
    till: Visitor,
    /// A device that was switched off.
    revoked: Visitor,
    history: String,
}

async fn people(premises: &Premises, seeded: &Value) -> anyhow::Result<People> {
    let url = premises.url();
    let mut places = Vec::new();
    for house in seeded["organizers"].as_array().context("organizers")? {
        places.push(place(&url, house).await?);
    }
    let [ours, theirs] = <[Place; 2]>::try_from(places).map_err(|p| anyhow::anyhow!("{} organizers", p.len()))?;
    let device = |n: usize| seeded["organizers"][0]["devices"][n]["token"].as_str().context("a token");
    let (till, enrolled) = Visitor::device(&url, device(0)?).await?;
    let (revoked, lost) = Visitor::device(&url, device(1)?).await?;
    let owner = Visitor::staff(&url, "owner@ours.example", PASSWORD).await?;
    let revoke = format!("/office/ours/devices/{}/revoke", lost["device_id"]);
    ensure!(owner.form(&revoke, &[]).await?.accepted(), "a device can be switched off");
    let expired = Visitor::staff(&url, "left@ours.example", PASSWORD).await?;
    let ended = sqlx::query(
        "UPDATE session SET expires_at = created_at WHERE staff_id IN (SELECT staff_id FROM staff WHERE email = $1)",
    );
    let ended = ended.bind("left@ours.example").execute(&mut premises.admin().await?).await?;
    ensure!(ended.rows_affected() == 1, "one session has run out");
    let history = enrolled["history"].as_str().context("a history")?.to_owned();
    Ok(People { ours, theirs, owner, expired, nobody: Visitor::nobody(&url)?, till, revoked, history })
}

async fn place(url: &str, house: &Value) -> anyhow::Result<Place> {
    let slug = house["slug"].as_str().context("a slug")?.to_owned();
    let event = &house["events"][0];
    let id = |map: &Value| map.as_object().and_then(|m| m.values().next()).and_then(Value::as_i64).context("an id");
    let (item, quota) = (id(&event["items"])?, id(&event["quotas"])?);
    let list =
        event["lists"].as_object().context("lists")?.values().next_back().and_then(Value::as_i64).context("a list")?;
    let order = json!({
        "name": house["events"][0]["items"].as_object().and_then(|i| i.keys().next()), "email": "buyer@example.org", "lines": [{ "item_id": item, "quantity": 1 }],
    });
    let path = format!("/api/v1/{slug}/events/evening/orders");
    let answer = Visitor::nobody(url)?.json(&Method::POST, &path, &order).await?;
    ensure!(answer.status == 201, "an order was answered {}: {}", answer.status, answer.body);
    let order: Value = serde_json::from_str(&answer.body)?;
    let names = BTreeMap::from([
        ("organizer", slug.clone()),
        ("event", event["event_id"].to_string()),
        ("item", item.to_string()),
        ("quota", quota.to_string()),
        ("list", list.to_string()),
        ("device", house["devices"][0]["device_id"].to_string()),
        ("code", order["code"].as_str().context("a code")?.to_owned()),
        ("case", uuid::Uuid::nil().to_string()),
        ("language", "de".to_owned()),
    ]);
    Ok(Place { slug, organizer: house["organizer_id"].as_i64().context("an id")?, names, quota })
}

impl Place {
    fn path(&self, route: &Route) -> String {
        route.filled(|name| self.names.get(name).cloned().unwrap_or_else(|| "1".to_owned()))
    }
}

#[derive(Default)]
struct Sweep {
    routes: usize,
    requests: u64,
    /// Own pages that were answered: where nothing is, nothing can leak.
    own_answered: u32,
    leaked: BTreeSet<String>,
    accepted: BTreeSet<String>,
}

impl Sweep {
    async fn ask(&mut self, who: &'static str, visitor: &Visitor, route: &Route, path: &str) -> anyhow::Result<()> {
        let answer = if route.reads() {
            visitor.ask(&route.method, path).await?
        } else if path.starts_with("/api/") {
            visitor.json(&route.method, path, &json!({})).await?
        } else {
            visitor.form(path, &[("name", "Taken Over"), ("slug", "taken"), ("reason", "x")]).await?
        };
        self.requests += 1;
        ensure!(!answer.status.is_server_error(), "{who}, {} {path}: {}", route.method, answer.status);
        let asked = format!("{who}: {} {}", route.method, route.path);
        if answer.body.contains(MARK) {
            self.leaked.insert(asked.clone());
        }
        // What is for anybody is no right: the way in and the language of its pages.
        let for_anybody = ["/office/sign-in", "/office/language/{language}"].contains(&route.path.as_str());
        if who != "own" && answer.accepted() && !for_anybody {
            self.accepted.insert(format!("{asked} → {}", answer.status));
        }
        self.own_answered += u32::from(who == "own" && answer.status.is_success() && answer.body.contains("Ours"));
        Ok(())
    }
}

async fn sweep(people: &People) -> anyhow::Result<Sweep> {
    let routes = routes::all()?;
    let mut sweep = Sweep { routes: routes.len(), ..Sweep::default() };
    // The shop is for everybody; what it gives away is each organizer's own choice.
    let office: Vec<&Route> = routes.iter().filter(|r| r.path.starts_with("/office")).collect();
    // Our slug with their numbers: the way a missing filter would show.
    let mut crossed = people.theirs.clone();
    crossed.names.insert("organizer", people.ours.slug.clone());
    for route in office.iter().filter(|r| r.reads()) {
        sweep.ask("own", &people.owner, route, &people.ours.path(route)).await?;
    }
    ensure!(sweep.own_answered >= 10, "only {} own pages were answered", sweep.own_answered);
    for route in office.iter().filter(|r| !["/office/sign-out", "/office"].contains(&r.path.as_str())) {
        let named = |name: &str| route.path.contains(&format!("{{{name}}}"));
        sweep.ask("none", &people.nobody, route, &people.theirs.path(route)).await?;
        sweep.ask("expired", &people.expired, route, &people.ours.path(route)).await?;
        if named("organizer") {
            sweep.ask("other", &people.owner, route, &people.theirs.path(route)).await?;
        }
        if ["event", "item", "quota", "list", "device", "code"].iter().any(|n| named(n)) {
            sweep.ask("other by number", &people.owner, route, &crossed.path(route)).await?;
        }
    }
    stations(people, &mut sweep).await?;
    Ok(sweep)
}

/// What devices ask: by a good device for its own (which must not say a foreign word) and for a foreign quota, and by
/// those who are none.
async fn stations(people: &People, sweep: &mut Sweep) -> anyhow::Result<()> {
    let changes = format!("/api/station/v1/changes?history={}&after=0", people.history);
    let reads = [changes.as_str(), "/api/station/v1/snapshot"];
    for path in reads {
        let route = Route { method: Method::GET, path: path.split('?').next().unwrap_or(path).to_owned() };
        sweep.ask("own", &people.till, &route, path).await?;
        for (who, visitor) in [("none", &people.nobody), ("revoked", &people.revoked)] {
            sweep.ask(who, visitor, &route, path).await?;
        }
    }
    let lease = json!({ "request_id": uuid::Uuid::from_u128(1), "quota_id": people.theirs.quota, "wanted": 5 });
    let own = json!({ "request_id": uuid::Uuid::from_u128(2), "quota_id": people.ours.quota, "wanted": 5 });
    let path = "/api/station/v1/leases";
    let granted = people.till.json(&Method::POST, path, &own).await?;
    ensure!(granted.status.is_success(), "an own lease was answered {}: {}", granted.status, granted.body);
    for (who, visitor) in
        [("other", &people.till), ("none", &people.nobody), ("revoked", &people.revoked), ("staff", &people.owner)]
    {
        let answer = visitor.json(&Method::POST, path, &lease).await?;
        sweep.requests += 1;
        if answer.accepted() || answer.body.contains(MARK) {
            sweep.accepted.insert(format!("{who}: POST {path} → {}", answer.status));
        }
    }
    Ok(())
}

/// The fingerprint of one organizer's rows, by table.
async fn rows_of(premises: &Premises, organizer: i64) -> anyhow::Result<BTreeMap<String, String>> {
    let mut admin = premises.admin().await?;
    let mut rows = BTreeMap::new();
    for table in tables(&mut admin).await? {
        // What the server does by itself for an order (mail, numbering) is not touched by anybody's request.
        if ["job", "change", "change_head", "artefact"].contains(&table.as_str()) {
            continue;
        }
        let query = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')
             FROM \"{table}\" t WHERE organizer_id = $1"
        );
        let print = sqlx::query_scalar(AssertSqlSafe(query)).bind(organizer).fetch_one(&mut admin).await?;
        rows.insert(table, print);
    }
    Ok(rows)
}

/// The tables that belong to tenants.
async fn tables(admin: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let found = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'organizer_id' ORDER BY 1",
    );
    Ok(found.fetch_all(admin).await?)
}

#[derive(Default)]
struct Walls {
    tables: usize,
    statements: u64,
    holes: Vec<String>,
}

/// The application's filters taken away: plain statements as the server's role, one tenant set, or none.
async fn walls(premises: &Premises, people: &People) -> anyhow::Result<Walls> {
    let mut admin = premises.admin().await?;
    let all = tables(&mut admin).await?;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)
           AND relname <> ALL ('{installation,_sqlx_migrations}')",
    )
    .fetch_all(&mut admin)
    .await?;
    let mut walls = Walls { tables: all.len(), ..Walls::default() };
    walls.holes.extend(open.into_iter().map(|t| format!("{t} has no forced row-level security")));
    let socket = premises.data().join("pg-socket");
    let options = PgConnectOptions::new_without_pgpass().socket(socket).username("willcall_app").database("willcall");
    let mut app = PgConnection::connect_with(&options).await?;
    let (ours, theirs) = (people.ours.organizer, people.theirs.organizer);
    let mut foreign_rows = 0;
    for table in &all {
        let count = |filter: String| format!("SELECT count(*) FROM \"{table}\" {filter}");
        let theirs_in_truth: i64 = sqlx::query_scalar(AssertSqlSafe(count(format!("WHERE organizer_id = {theirs}"))))
            .fetch_one(&mut admin)
            .await?;
        foreign_rows += theirs_in_truth;
        let tries = [
            (Some(ours), count(format!("WHERE organizer_id <> {ours}")), "sees others' rows"),
            (Some(ours), count(format!("WHERE organizer_id = {theirs}")), "sees rows it asks for by number"),
            (None, count(String::new()), "sees rows without a tenant"),
            (Some(ours), touching(table, theirs), "changes others' rows"),
            (Some(ours), deleting(table, theirs), "deletes others' rows"),
        ];
        for (tenant, statement, fault) in tries {
            walls.statements += 1;
            // The role may not do all of it on all tables; being refused is as good as finding nothing.
            if within(&mut app, tenant, statement).await.is_ok_and(|rows| rows > 0) {
                walls.holes.push(format!("{table}: {fault}"));
            }
        }
    }
    ensure!(foreign_rows > 10, "the other organizer has only {foreign_rows} rows to be seen");
    Ok(walls)
}

fn touching(table: &str, organizer: i64) -> String {
    let changed =
        format!("UPDATE \"{table}\" SET organizer_id = organizer_id WHERE organizer_id = {organizer} RETURNING 1");
    format!("WITH changed AS ({changed}) SELECT count(*) FROM changed")
}

fn deleting(table: &str, organizer: i64) -> String {
    let gone = format!("DELETE FROM \"{table}\" WHERE organizer_id = {organizer} RETURNING 1");
    format!("WITH gone AS ({gone}) SELECT count(*) FROM gone")
}

/// One counting statement under the tenant setting; rolled back.
async fn within(app: &mut PgConnection, tenant: Option<i64>, statement: String) -> anyhow::Result<i64> {
    let mut tx = app.begin().await?;
    if let Some(tenant) = tenant {
        let set = format!("SET LOCAL willcall.organizer = '{tenant}'");
        sqlx::query(AssertSqlSafe(set)).execute(&mut *tx).await?;
    }
    let counted = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *tx).await;
    tx.rollback().await?;
    Ok(counted?)
}

struct Idle {
    before_kb: u64,
    grown_kb: u64,
}

/// So many organizers with an event each, each visited once.
async fn idle(premises: &mut Premises, tenants: u32) -> anyhow::Result<Idle> {
    let visitor = Visitor::nobody(&premises.url())?;
    // Warm: what the first visit of any page costs is no tenant's.
    for _ in 0..50 {
        visitor.ask(&Method::GET, "/ours/evening").await?;
    }
    let server = premises.server()?.id();
    let (_, before_kb) = memory_kb(server).context("the server's memory")?;
    let mut plan = String::new();
    for n in 0..tenants {
        write!(
            plan,
            "[[organizer]]\nslug = \"idle-{n}\"\nname = \"Idle {n}\"\n[[organizer.event]]\nslug = \"some-day\"\n\
             name = \"Some Day {n}\"\nstarts_at = \"+9d 20:00\"\n[[organizer.event.item]]\nname = \"Ticket\"\nprice = \"5\"\n\
             [[organizer.event.quota]]\nname = \"All\"\nsize = 10\nitems = [\"Ticket\"]\n"
        )?;
    }
    premises.seed(&plan)?;
    for n in 0..tenants {
        for path in [format!("/idle-{n}"), format!("/idle-{n}/some-day")] {
            let answer = visitor.ask(&Method::GET, &path).await?;
            ensure!(answer.status.is_success(), "{path} was answered {}", answer.status);
        }
    }
    let (_, after_kb) = memory_kb(server).context("the server's memory")?;
    Ok(Idle { before_kb, grown_kb: after_kb.saturating_sub(before_kb) })
}
