//! `demo`: believable data on the first start, kept on the next, and a summary of where to look. Everything is made by
//! the same code that serves; only the orders are made up, from a fixed seed and today's date.

pub mod orders;
mod store;

use crate::{
    access::{self, NewStaff},
    app::{App, Tx},
    devices,
    http::StaffRole,
    secrets,
    seed::{self, outcome::Outcome, plan::Plan},
};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};
use willcall_domain::{entropy::SeededEntropy, id::EventId};

const PLAN: &str = include_str!("../../assets/seed/demo.toml");
/// The same orders on every machine.
const SEED: u64 = 0x77_69_6c_6c_63_61_6c_6c;
/// Orders of each event.
const ORDERS: [(&str, usize); 5] = [
    ("winter-concert", 900),
    ("new-year-gala", 300),
    ("bergklang-festival", 500),
    ("huettenabend", 100),
    ("systems-days", 200),
];

/// Where to look and with what; also kept in `demo.json` in the data folder, for its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    pub url: String,
    /// Of all staff of the demo.
    pub password: String,
    pub staff: Vec<String>,
    pub shops: Vec<String>,
    /// Devices that have not enrolled yet.
    pub devices: Vec<ShownDevice>,
    /// Where mail lands when there is no mail server.
    pub mail: Option<PathBuf>,
}

/// A device that waits for its machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownDevice {
    pub name: String,
    /// `door` or `till`.
    pub role: String,
    pub token: String,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Willcall runs at {}", self.url)?;
        for shop in &self.shops {
            writeln!(f, "  Shop         {shop}")?;
        }
        writeln!(f, "  Back office  {}/office", self.url)?;
        for email in &self.staff {
            writeln!(f, "    sign in as {email}   password {}", self.password)?;
        }
        for device in &self.devices {
            let code = serde_json::json!({"url": self.url, "token": device.token});
            writeln!(f, "  Enrol {:7} {code}", device.name)?;
        }
        if let Some(folder) = &self.mail {
            writeln!(f, "  Mail lands in {}", folder.display())?;
        }
        f.write_str("Ctrl-C stops everything.")
    }
}

/// Makes the demo as far as it is not there yet, and tells where to look.
///
/// # Errors
/// When the database or the data folder does not take it.
pub async fn fill(app: &App) -> anyhow::Result<Shown> {
    let path = app.config.data.join("demo.json");
    let kept: Option<Shown> = match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(e).with_context(|| path.display().to_string()),
    };
    let password = kept.as_ref().map_or_else(|| seed::password(&*app.entropy), |kept| kept.password.clone());
    let mut plan = seed::read(PLAN)?;
    for person in plan.organizers.iter_mut().flat_map(|o| &mut o.staff) {
        person.password = Some(password.clone());
    }
    let outcome = seed::apply(app, &plan).await?;
    if kept.is_none() {
        set_passwords(app, &plan, &outcome, &password).await?;
    }
    sell(app, &outcome).await?;
    let shown = Shown {
        url: app.public_url(),
        password,
        staff: plan.organizers.iter().flat_map(|o| &o.staff).map(|s| s.email.clone()).collect(),
        shops: outcome.organizers.iter().map(|o| o.url.clone()).collect(),
        devices: waiting(app, &outcome).await?,
        mail: app.mailer.folder().map(PathBuf::from),
    };
    secrets::write_private(&path, &serde_json::to_vec_pretty(&shown)?).with_context(|| path.display().to_string())?;
    Ok(shown)
}

/// Whoever removes `demo.json` gets a new password for the same people.
async fn set_passwords(app: &App, plan: &Plan, outcome: &Outcome, password: &str) -> anyhow::Result<()> {
    for (organizer, made) in plan.organizers.iter().zip(&outcome.organizers) {
        let mut tx = app.begin(made.organizer_id).await?;
        for person in &organizer.staff {
            let role = if person.role == StaffRole::Owner.as_str() { StaffRole::Owner } else { StaffRole::Viewer };
            let (email, name) = (person.email.clone(), person.name.clone());
            access::add(&mut tx, &NewStaff { email, name, password: password.to_owned(), role }).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Makes up orders for every event that has none.
async fn sell(app: &App, outcome: &Outcome) -> anyhow::Result<()> {
    for (n, (slug, count)) in (0_u64..).zip(ORDERS) {
        let found = outcome.organizers.iter().find_map(|o| Some((o, o.events.iter().find(|e| e.slug == slug)?)));
        let Some((organizer, event)) = found else { continue };
        let mut tx = app.begin(organizer.organizer_id).await?;
        if store::has_orders(&mut tx, event.event_id).await? {
            continue;
        }
        sell_event(&mut tx, event.event_id, count, SEED + n).await.with_context(|| format!("orders of {slug}"))?;
        tx.commit().await?;
    }
    Ok(())
}

async fn sell_event(tx: &mut Tx, event: EventId, count: usize, seed: u64) -> anyhow::Result<()> {
    let offer = store::offer(tx, event).await?;
    let now = tx.now();
    let batch = orders::make_up(&offer, count, now, &SeededEntropy::new(seed));
    store::insert(tx, event, &batch).await?;
    store::count_sold(tx, event).await?;
    Ok(())
}

/// New tokens for devices nobody has enrolled yet.
async fn waiting(app: &App, outcome: &Outcome) -> anyhow::Result<Vec<ShownDevice>> {
    let mut waiting = Vec::new();
    for organizer in &outcome.organizers {
        let mut tx = app.begin(organizer.organizer_id).await?;
        for device in &organizer.devices {
            let found = devices::edit::find(&mut tx, device.device_id).await?;
            let token = match &device.token {
                Some(token) => token.clone(),
                None if found.enrolled_at.is_some() => continue,
                None => devices::edit::invite_again(&mut tx, device.device_id).await?.token,
            };
            waiting.push(ShownDevice { name: device.name.clone(), role: found.role.as_str().to_owned(), token });
        }
        tx.commit().await?;
    }
    Ok(waiting)
}
