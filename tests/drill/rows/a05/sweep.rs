//! Every route, asked by those who have no right to what it gives.

use super::{EVENT, MARK, People};
use crate::{
    routes::{self, Route},
    visitor::Visitor,
};
use anyhow::ensure;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeSet;

/// How a missing right is answered; what is another's is not even there.
const REFUSALS: [StatusCode; 3] = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];

/// What was asked, and what should not have been answered so.
#[derive(Default)]
pub struct Sweep {
    pub routes: usize,
    pub requests: u64,
    /// Own pages that were answered: where nothing is, nothing can leak.
    pub own_answered: u32,
    /// Where a word of the other organizer's was said.
    pub leaked: BTreeSet<String>,
    /// What was done or given without a right.
    pub accepted: BTreeSet<String>,
    /// What was refused for another reason than the missing right, such as an empty form: that right was not tried.
    pub untried: BTreeSet<String>,
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
        if who != "own" && !for_anybody {
            let asked = format!("{asked} → {}", answer.status);
            if answer.accepted() {
                self.accepted.insert(asked);
            } else if !REFUSALS.contains(&answer.status) && !answer.status.is_redirection() {
                self.untried.insert(asked);
            }
        }
        self.own_answered += u32::from(who == "own" && answer.status.is_success() && answer.body.contains("Ours"));
        Ok(())
    }
}

/// Asks by every route.
///
/// # Errors
/// When the server fails, or so little is answered that nothing could leak.
pub async fn sweep(people: &People) -> anyhow::Result<Sweep> {
    let routes = routes::all()?;
    let mut sweep = Sweep { routes: routes.len(), ..Sweep::default() };
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
    shop(people, &routes, &mut sweep).await?;
    stations(people, &routes, &mut sweep).await?;
    Ok(sweep)
}

/// The shop is for everybody, but one organizer's orders are not to be had in another's.
async fn shop(people: &People, routes: &[Route], sweep: &mut Sweep) -> anyhow::Result<()> {
    let mut theirs = people.theirs.clone();
    // Here events go by their name, which is the same in both.
    theirs.names.insert("event", EVENT.to_owned());
    let mut crossed = theirs.clone();
    crossed.names.insert("organizer", people.ours.slug.clone());
    let mut opened = 0;
    for route in routes.iter().filter(|r| r.reads() && r.path.contains("{organizer}") && !r.path.starts_with("/office"))
    {
        if route.path.contains("{secret}") {
            let answer = people.nobody.ask(&route.method, &theirs.path(route)).await?;
            opened += u32::from(answer.status.is_success() && answer.body.contains(MARK));
            sweep.ask("other by link", &people.nobody, route, &crossed.path(route)).await?;
        } else {
            sweep.ask("own", &people.nobody, route, &crossed.path(route)).await?;
        }
    }
    ensure!(opened > 0, "not even who has the link sees the order");
    Ok(())
}

/// What devices ask: by a good device for its own (which must not say a foreign word) and for a foreign quota, and by
/// those who are none.
async fn stations(people: &People, routes: &[Route], sweep: &mut Sweep) -> anyhow::Result<()> {
    let query = format!("?history={}&after=0", people.history);
    // Enrolling is how somebody becomes a device.
    let all = routes.iter().filter(|r| r.path.starts_with("/api/station/") && !r.path.ends_with("/enrol"));
    for route in all {
        let path = format!("{}{query}", people.ours.path(route));
        if route.reads() {
            sweep.ask("own", &people.till, route, &path).await?;
        }
        for (who, visitor) in [("none", &people.nobody), ("revoked", &people.revoked), ("staff", &people.owner)] {
            sweep.ask(who, visitor, route, &path).await?;
        }
    }
    let lease = json!({ "request_id": uuid::Uuid::from_u128(1), "quota_id": people.theirs.quota, "wanted": 5 });
    let own = json!({ "request_id": uuid::Uuid::from_u128(2), "quota_id": people.ours.quota, "wanted": 5 });
    let path = "/api/station/v1/leases";
    let granted = people.till.json(&Method::POST, path, &own).await?;
    ensure!(granted.status.is_success(), "an own lease was answered {}: {}", granted.status, granted.body);
    let answer = people.till.json(&Method::POST, path, &lease).await?;
    sweep.requests += 1;
    if answer.accepted() || answer.body.contains(MARK) {
        sweep.accepted.insert(format!("other: POST {path} → {}", answer.status));
    }
    Ok(())
}
