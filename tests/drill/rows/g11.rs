//! G11: secrets stay where they belong. The whole history and the files at hand hold none, and the scanner that says so
//! finds one of each kind in a repository where they were planted. Nothing that changes state is done for somebody who
//! is nobody, by whichever route. After a day's work with every level of logging on, no log names a secret or a person.

use crate::{
    allowed::ALLOWED,
    routes::{self, Route},
    secret_scan, town,
    visitor::Visitor,
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use willcall_tests::{built, premises::Premises, record::Outcome};

/// Routes that are for everybody: what they take is no state of the house's own, or needs a secret in the body.
const FOR_EVERYBODY: [&str; 5] = [
    "/office/sign-in",
    "/api/station/v1/enrol",
    "/api/v1/{organizer}/events/{event}/orders",
    "/{organizer}/{event}/checkout",
    "/{organizer}/{event}/order",
];

pub async fn run(_: f64) -> anyhow::Result<Outcome> {
    let scan = secret_scan::scan(&built::repository())?;
    ensure!(scan.objects > 100, "only {} files were looked through", scan.objects);
    let allowed: BTreeSet<&str> = ALLOWED.iter().map(|(hash, _)| *hash).collect();
    let secrets: Vec<Value> = scan
        .findings
        .iter()
        .filter(|f| !allowed.contains(f.hash.as_str()))
        .map(|f| json!({ "kind": f.kind, "place": f.place, "sha256": f.hash }))
        .collect();
    let planted = planted_found()?;

    let mut premises = Premises::empty(&[("WILLCALL_LOG", "debug"), ("WILLCALL_RATE_LIMITS", "off")])?;
    premises.start().await?;
    let seeded = premises.seed(town::PLAN)?;
    let work = day(&premises, &seeded).await?;
    let before = town::settled(&premises).await?;
    let sweep = sweep(&premises, &work).await?;
    let after = town::settled(&premises).await?;
    let changed: Vec<&String> = before.keys().filter(|t| before.get(*t) != after.get(*t)).collect();
    let logs = logs(&mut premises, &work).await?;

    let clean = secrets.is_empty() && planted.1.is_empty() && sweep.accepted.is_empty() && changed.is_empty();
    Ok(Outcome {
        measured: json!({
            "secrets_in_the_repository": secrets, "files_and_versions": scan.objects, "bytes": scan.bytes,
            "too_large_to_look_through": scan.skipped, "allowed": ALLOWED.len(),
            "planted_kinds": planted.0, "planted_kinds_missed": planted.1,
            "requests_by_nobody": sweep.requests, "accepted": sweep.accepted, "tables_changed": changed,
            "log_lines": logs.lines, "log_secrets_looked_for": work.secrets.len(), "log_lines_with_a_secret": logs.found,
            "core_dumps": "not looked into",
        }),
        bar: json!({
            "secrets_in_the_repository": [], "planted_kinds_missed": [], "accepted": [], "tables_changed": [],
            "log_lines_with_a_secret": [],
        }),
        n: sweep.requests,
        pass: clean && logs.found.is_empty(),
    })
}

/// How many kinds were planted, and which of them were not found.
fn planted_found() -> anyhow::Result<(usize, Vec<&'static str>)> {
    let folder = tempfile::tempdir()?;
    secret_scan::plant(folder.path())?;
    let found: BTreeSet<&str> = secret_scan::scan(folder.path())?.findings.iter().map(|f| f.kind).collect();
    let kinds: BTreeSet<&str> = secret_scan::samples().iter().map(|(kind, _)| *kind).collect();
    Ok((kinds.len(), kinds.difference(&found).copied().collect()))
}

/// What a day's work leaves: everything that no log may name, and what the station wrote.
struct Work {
    /// What it is, and its text.
    secrets: Vec<(&'static str, String)>,
    station_log: String,
    /// A token that has been spent, an order's code and secret, for the sweep.
    spent: String,
    order: Value,
    organizer: String,
}

/// Signing in, wrongly and rightly, ordering, fetching tickets, enrolling, selling, scanning.
async fn day(premises: &Premises, seeded: &Value) -> anyhow::Result<Work> {
    let house = &seeded["organizers"][0];
    let organizer = house["slug"].as_str().context("a slug")?.to_owned();
    let mut secrets: Vec<(&'static str, String)> =
        town::secrets(seeded).into_iter().map(|s| ("password or token", s)).collect();
    let (email, password) = ("owner@drill-hall.example", house["staff"][0]["password"].as_str().context("a password")?);
    let wrong = "not-the-password-of-anybody-4711";
    ensure!(Visitor::staff(&premises.url(), email, wrong).await.is_err(), "a wrong password opens nothing");
    let staff = Visitor::staff(&premises.url(), email, password).await?;
    let session = staff.cookie.as_deref().and_then(|c| c.split_once('=')).context("a session")?.1.to_owned();
    let order = town::order(premises, seeded, "talk", "Seat").await?;
    town::tickets(&order).await?;
    let link = order["url"].as_str().and_then(|u| u.rsplit('/').next()).context("an order link")?.to_owned();
    let paid = format!("/office/{organizer}/orders?q=Lovelace");
    ensure!(staff.ask(&reqwest::Method::GET, &paid).await?.status.is_success(), "orders can be searched");
    secrets.extend([
        ("typed password", wrong.to_owned()),
        ("e-mail of staff", email.to_owned()),
        ("session", session),
        ("csrf", staff.csrf),
        ("order link", link),
        ("order code", order["code"].as_str().context("a code")?.to_owned()),
        ("name", "Lovelace".to_owned()),
        ("e-mail", "ada@example.org".to_owned()),
    ]);

    let till = premises.room("till")?;
    let spent = town::token(seeded, "Till 1")?;
    let mut station_log = String::new();
    let enrolled = station(premises, &till, &["enrol", &premises.url(), &spent], &mut station_log)?;
    ensure!(enrolled["enrolment"].is_object(), "the till was not enrolled: {enrolled}");
    station(premises, &till, &["sync"], &mut station_log)?;
    let sale = station(premises, &till, &["sell", "Adult:2", "--pay", "cash:50"], &mut station_log)?;
    let codes = sale["positions"].as_array().context("positions")?.iter().filter_map(|p| p["code"].as_str());
    let codes: Vec<String> = codes.map(str::to_owned).collect();
    ensure!(codes.len() == 2, "the sale has codes: {sale}");
    for code in [&codes[0], &codes[0], "NOCODEATALL4711"].map(|c: &str| c.to_owned()) {
        station(premises, &till, &["scan", &code, "--list", &list(house)?], &mut station_log)?;
    }
    station(premises, &till, &["sync"], &mut station_log)?;
    secrets.extend(codes.into_iter().map(|c| ("ticket code", c)));
    secrets.push(("typed code", "NOCODEATALL4711".to_owned()));
    let keys: Value = serde_json::from_slice(&std::fs::read(till.join("station.key"))?)?;
    secrets.extend(long_texts(&keys).into_iter().map(|s| ("key of a station", s)));
    let master = std::fs::read_to_string(premises.data().join("secret.key"))?;
    secrets.push(("master key", master.trim().to_owned()));
    ensure!(secrets.len() >= 15, "there are {} secrets to look for", secrets.len());
    Ok(Work { secrets, station_log, spent, order, organizer })
}

fn list(house: &Value) -> anyhow::Result<String> {
    let events = house["events"].as_array().context("events")?;
    let lists = events.iter().find(|e| e["slug"] == "concert").and_then(|e| e["lists"].as_object()).context("lists")?;
    lists.values().next().map(Value::to_string).context("a list")
}

fn station(premises: &Premises, folder: &Path, arguments: &[&str], log: &mut String) -> anyhow::Result<Value> {
    let mut command = premises.command("willcall-station")?;
    command.env("WILLCALL_LOG", "debug").arg("--key-in-file").arg("--data").arg(folder).args(arguments);
    let output = command.output()?;
    log.push_str(&String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("willcall-station {}", arguments[0]))
}

/// Texts of a key file that are secrets: long ones, but for what the server tells everybody.
fn long_texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.len() >= 32 && !text.contains(['/', ' ']) => vec![text.clone()],
        Value::Object(map) => map
            .iter()
            .filter(|(name, _)| !["server_key", "history", "url"].contains(&name.as_str()))
            .flat_map(|(_, v)| long_texts(v))
            .collect(),
        Value::Array(all) => all.iter().flat_map(long_texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[derive(Default)]
struct Sweep {
    requests: u64,
    accepted: BTreeSet<String>,
}

/// Every route that may change something, asked by nobody and by people with worthless papers, with nothing, with JSON
/// and with a form.
async fn sweep(premises: &Premises, work: &Work) -> anyhow::Result<Sweep> {
    let nobody = Visitor::nobody(&premises.url())?;
    let with = |cookie: &str, bearer: &str| {
        let mut visitor = nobody.clone();
        visitor.cookie = Some(format!("willcall_session={cookie}"));
        visitor.bearer = Some(bearer.to_owned());
        visitor
    };
    let visitors = [
        nobody.clone(),
        with("wcs_1_1_forged", "wcd_1_1_forged"),
        // A paper of the wrong kind that was good once.
        with(&work.spent, &work.spent),
    ];
    let mut sweep = Sweep::default();
    let routes: Vec<Route> = routes::all()?.into_iter().filter(|r| !r.reads()).collect();
    ensure!(routes.len() >= 15, "there are only {} routes that change something", routes.len());
    for route in &routes {
        let path = route.filled(|name| value(name, work));
        for visitor in &visitors {
            let answers = [
                visitor.ask(&route.method, &path).await?,
                visitor.json(&route.method, &path, &json!({ "wanted": 1, "entries": [] })).await?,
                visitor.form(&path, &[("name", "Zz"), ("email", "zz@example.org"), ("password", "zz")]).await?,
            ];
            sweep.requests += answers.len() as u64;
            for answer in answers {
                ensure!(!answer.status.is_server_error(), "{} {path}: {}", route.method, answer.status);
                if answer.accepted() && !FOR_EVERYBODY.contains(&route.path.as_str()) {
                    sweep.accepted.insert(format!("{} {} → {}", route.method, route.path, answer.status));
                }
            }
        }
    }
    Ok(sweep)
}

/// What there really is, so that nothing is refused only because it does not exist.
fn value(name: &str, work: &Work) -> String {
    let link = work.order["url"].as_str().unwrap_or_default();
    match name {
        "organizer" => work.organizer.clone(),
        "event" => "concert".to_owned(),
        "code" => work.order["code"].as_str().unwrap_or("1").to_owned(),
        "secret" => link.rsplit('/').next().unwrap_or("1").to_owned(),
        "language" => "de".to_owned(),
        _ => "1".to_owned(),
    }
}

struct Logs {
    lines: usize,
    /// What was named, never the line itself.
    found: BTreeSet<String>,
}

/// All that was logged: by the server, by its database, by the station.
async fn logs(premises: &mut Premises, work: &Work) -> anyhow::Result<Logs> {
    let server: Vec<String> = premises.server()?.lines().into_iter().map(|l| l.text).collect();
    let database = std::fs::read_to_string(premises.data().join("postgres.log")).unwrap_or_default();
    let sources = [("server", server.join("\n")), ("database", database), ("station", work.station_log.clone())];
    let mut logs = Logs { lines: 0, found: BTreeSet::new() };
    for (source, text) in &sources {
        logs.lines += text.lines().count();
        for line in text.lines() {
            for (what, secret) in work.secrets.iter().filter(|(_, s)| line.contains(s.as_str())) {
                let target = serde_json::from_str::<Value>(line).ok();
                let target = target.and_then(|l| l["target"].as_str().map(str::to_owned)).unwrap_or_default();
                logs.found.insert(format!("{what} ({} characters) in the {source}'s log by {target:?}", secret.len()));
            }
        }
    }
    ensure!(logs.lines > 30, "only {} lines were logged", logs.lines);
    ensure!(sources[0].1.contains("\"status\""), "the server logs its requests");
    Ok(logs)
}
