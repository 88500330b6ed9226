//! Commands about units and about undoing a sale, and how what a person types becomes a request.

use crate::station::Station;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use willcall_domain::{
    id::{DeviceId, HandOverId, PositionId, QuotaId, RequestId},
    leases::view::{GiveRequest, QuotaLeases, ReturnRequest},
    problem::{Code, Problem},
    till::wire::{SaleView, VoidPaper, VoidRequest},
};

/// A question about what this till holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum LeaseAsk {
    List,
    /// Hands units to another till, in a file. The quota by number or name.
    Give {
        quota: String,
        units: u32,
        to: DeviceId,
        file: PathBuf,
    },
    /// Writes the file of units that are on their way once more.
    WriteAgain {
        hand_overs: Vec<HandOverId>,
        file: PathBuf,
    },
    /// What a hand-over file holds.
    LookInto {
        file: PathBuf,
    },
    Take {
        file: PathBuf,
    },
    Decline {
        file: PathBuf,
    },
    /// Gives units back to the server; all that are free where no number is given.
    Return {
        quota: String,
        units: Option<u32>,
    },
}

/// A sale to be undone, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidAsk {
    /// Order code or id.
    pub order: String,
    /// Positions by their number in the sale, from 1, or by id; none is all that are left.
    pub positions: Vec<String>,
    pub reason: String,
    pub paper: VoidPaper,
    /// The same id again is the same void.
    pub request_id: Option<RequestId>,
}

pub(super) async fn execute(station: &Station, ask: LeaseAsk) -> Result<Value, Problem> {
    match ask {
        LeaseAsk::List => super::json(&station.leases().await?),
        LeaseAsk::Give { quota, units, to, file } => {
            let quota_id = find_quota(&station.leases().await?.quotas, &quota)?;
            super::json(&station.give_units(GiveRequest { quota_id, units, to }, file).await?)
        }
        LeaseAsk::WriteAgain { hand_overs, file } => super::json(&station.write_hand_over(hand_overs, file).await?),
        LeaseAsk::LookInto { file } => super::json(&station.look_into(file).await?),
        LeaseAsk::Take { file } => super::json(&station.take_units(file).await?),
        LeaseAsk::Decline { file } => super::json(&station.decline_units(file).await?),
        LeaseAsk::Return { quota, units } => {
            let quota_id = find_quota(&station.leases().await?.quotas, &quota)?;
            super::json(&station.return_units(ReturnRequest { quota_id, units }).await?)
        }
    }
}

pub(super) async fn void(station: &Station, ask: VoidAsk) -> Result<Value, Problem> {
    let sale = station.sale(&ask.order).await?;
    let positions = ask.positions.iter().map(|text| find_position(&sale, text)).collect::<Result<_, _>>()?;
    let request = VoidRequest {
        request_id: ask.request_id.unwrap_or_else(|| station.new_request_id()),
        order_id: sale.order_id,
        positions,
        reason: ask.reason,
        paper: ask.paper,
    };
    super::json(&station.void(request).await?)
}

/// The quota of this number or name; a name that several have (one an event) is none.
fn find_quota(quotas: &[QuotaLeases], asked: &str) -> Result<QuotaId, Problem> {
    if let Some(by_id) = quotas.iter().find(|q| q.quota_id.to_string() == asked) {
        return Ok(by_id.quota_id);
    }
    let named = |q: &&QuotaLeases| format!("{} {} ({})", q.quota_id, q.name, q.event_name);
    let all = |of: &[&QuotaLeases]| of.iter().map(named).collect::<Vec<_>>().join(", ");
    match quotas.iter().filter(|q| q.name.eq_ignore_ascii_case(asked)).collect::<Vec<_>>()[..] {
        [only] => Ok(only.quota_id),
        [] => {
            let here = all(&quotas.iter().collect::<Vec<_>>());
            let here = if here.is_empty() { "nothing".to_owned() } else { here };
            Err(Problem::new(Code::NotFound, format!("Of {asked:?} nothing is here; this till holds: {here}.")))
        }
        ref several => {
            let detail = format!("Several quotas are called {asked:?}; give the number: {}.", all(several));
            Err(Problem::field("quota", detail))
        }
    }
}

/// The position of this number in the sale, or of this id.
fn find_position(sale: &SaleView, asked: &str) -> Result<PositionId, Problem> {
    let by_id = asked.parse::<PositionId>().ok();
    let nth = asked.parse::<usize>().ok().and_then(|n| sale.positions.get(n.checked_sub(1)?));
    let found = nth.or_else(|| sale.positions.iter().find(|p| Some(p.position_id) == by_id));
    let count = sale.positions.len();
    let none = || Problem::field("position", format!("Positions of this sale are numbered from 1 to {count}."));
    found.map(|position| position.position_id).ok_or_else(none)
}
