//! A05: many organizers, one installation. Every route is asked by the staff and the devices of one organizer for what
//! belongs to another, by nobody, and by people whose papers have run out: not one foreign word comes back and not one
//! foreign row changes. Then without the application: as the server's own database role, under the tenant setting alone,
//! no statement sees or touches another's rows. Then two thousand tenants who do nothing: what do they cost?

mod idle;
mod sweep;
mod walls;

use crate::{routes::Route, town::scaled, visitor::Visitor};
use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use willcall_tests::{premises::Premises, record::Outcome};

/// Stands in everything the other organizer has.
const MARK: &str = "Zzforeign";
/// The event of either, by its name in the shop.
const EVENT: &str = "evening";
const TENANTS: u32 = 2_000;
/// Memory that many may cost.
const BAR_KB: u64 = 50 * 1024;
const PASSWORD: &str = "correct horse battery staple";

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let mut premises = Premises::empty(&[("WILLCALL_RATE_LIMITS", "off")])?;
    premises.start().await?;
    let seeded = premises.seed(&format!("{}{}", plan("ours", "Ours"), plan("theirs", MARK)))?;
    let people = people(&premises, &seeded).await?;
    let before = walls::rows_of(&premises, people.theirs.organizer).await?;
    let sweep = sweep::sweep(&people).await?;
    let after = walls::rows_of(&premises, people.theirs.organizer).await?;
    let touched: Vec<&String> = before.keys().filter(|t| before.get(*t) != after.get(*t)).collect();
    let walls = walls::walls(&premises, &people).await?;
    let tenants = scaled(TENANTS, scale, 20);
    let idle = idle::idle(&mut premises, tenants).await?;
    let bar_kb = (BAR_KB * u64::from(tenants) / u64::from(TENANTS)).max(5 * 1024);
    let pass = sweep.leaked.is_empty()
        && sweep.accepted.is_empty()
        && touched.is_empty()
        && walls.holes.is_empty()
        && idle.grown_kb <= bar_kb;
    Ok(Outcome {
        measured: json!({
            "routes": sweep.routes, "requests": sweep.requests, "own_answered": sweep.own_answered,
            "foreign_words": sweep.leaked, "accepted_without_right": sweep.accepted,
            "refused_for_another_reason": sweep.untried, "foreign_tables_touched": touched,
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
slug = "{EVENT}"
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
    let path = format!("/api/v1/{slug}/events/{EVENT}/orders");
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
        ("secret", order["url"].as_str().and_then(|u| u.rsplit('/').next()).context("an order link")?.to_owned()),
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
