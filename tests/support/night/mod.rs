//! A night of faults for the real programs: a server with its database, five stations, their lines through proxies. While
//! everything is driven by people who sell, scan and buy, lines break, processes are killed, one station is copied and
//! both go on, another is put back to an earlier copy of its database. Then all heals, and what anybody was told is held
//! against what there is.
//!
//! A seed decides what is done, when, and to whom; how the processes come to meet each other is theirs.

mod act;
mod dice;
mod engine;
mod judge;
mod load;
mod stage;
mod truth;

pub use truth::Truth;

use crate::{premises::Premises, record::Outcome};
use anyhow::Context;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What is to be played.
#[derive(Debug, Clone, Copy)]
pub struct Night {
    pub seed: u64,
    /// How long faults and load last; starting, healing and looking come on top.
    pub length: Duration,
}

/// Tills, then doors.
const TILLS: [&str; 3] = ["Till 1", "Till 2", "Till 3"];
const DOORS: [&str; 2] = ["Door 1", "Door 2"];
/// The copy of a station, as the sixth.
const COPY: usize = TILLS.len() + DOORS.len();

/// Plays a night.
///
/// # Errors
/// When it cannot be set up, or does not come to rest.
pub async fn play(night: Night) -> anyhow::Result<Outcome> {
    let script = act::script(night);
    let (premises, seeded) = Premises::seeded(&plan(night), &[("WILLCALL_RATE_LIMITS", "off")]).await?;
    let truth = Arc::new(Truth::default());
    let mut stage = stage::Stage::set(premises, &seeded).await?;
    let stop = CancellationToken::new();
    let people = load::begin(&stage, &seeded, night, &truth, &stop)?;
    let began = Instant::now();
    for due in script {
        tokio::time::sleep_until(began + due.at).await;
        stage.play(due.act).await.with_context(|| format!("{:?} at {:?}", due.act, due.at))?;
    }
    tokio::time::sleep_until(began + night.length).await;
    stage.heal().await?;
    stop.cancel();
    for one in people {
        one.await??;
    }
    let healed = Instant::now();
    stage.rest().await?;
    judge::judge(&mut stage, &truth, night, healed.elapsed()).await
}

/// A hall that is sold out before the morning, and more programmes than anybody buys.
fn plan(night: Night) -> String {
    let hall = (night.length.as_secs() * 4).max(40);
    let mut plan = format!(
        r#"
[[organizer]]
slug = "night-hall"
name = "Night Hall"
legal_name = "Night Hall Limited"
bank_details = "IBAN DE02 1203 0000 0000 2020 51"

[[organizer.event]]
slug = "gala"
name = "Gala"
starts_at = "+1d 20:00"

[[organizer.event.item]]
name = "Adult"
price = "24.00"
tax_rate = "7"

[[organizer.event.item]]
name = "Programme"
price = "4.50"
tax_rate = "7"
admission = false

[[organizer.event.quota]]
name = "Hall"
size = {hall}
items = ["Adult"]

[[organizer.event.quota]]
name = "Programmes"
size = 100000
items = ["Programme"]
"#
    );
    for (name, role) in TILLS.map(|n| (n, "till")).into_iter().chain(DOORS.map(|n| (n, "door"))) {
        plan.push_str(&format!("\n[[organizer.device]]\nname = \"{name}\"\ngate = \"{name}\"\nrole = \"{role}\"\n"));
    }
    plan
}
