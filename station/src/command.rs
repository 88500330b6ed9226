//! What other programs of this machine may ask of a station: one value in, one JSON document out. The command line
//! carries them out itself where no station runs, else sends them over the [`crate::socket`].

use crate::station::Station;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use willcall_domain::{
    catalog::EventRow,
    checkin::{Class, Direction, ListRow, VerdictView, wire::ScanRequest},
    clock::UtcMillis,
    id::{ItemId, RequestId},
    money::Money,
    problem::{Code, Problem},
    till::wire::{SellLine, SellRequest, Tender},
};

/// A product by number or name, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub item: String,
    pub quantity: u32,
}

/// A question to a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    Status,
    Enrol {
        url: String,
        token: String,
    },
    Sync,
    Scan {
        code: String,
        /// Number or name; may be left away where there is one list only.
        list: Option<String>,
        exit: bool,
        at: Option<UtcMillis>,
    },
    Sell {
        lines: Vec<Wish>,
        /// Cash handed over, as written: `24`, `24.50`.
        cash: String,
        /// The same id again is the same sale.
        request_id: Option<RequestId>,
    },
    VerifyJournal,
}

/// How a command came out, for exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    Failed,
}

/// Carries a command out.
///
/// # Errors
/// As the use case.
pub async fn execute(station: &Station, command: Command) -> Result<Value, Problem> {
    match command {
        Command::Status => json(&station.status().await?),
        Command::Enrol { url, token } => json(&station.enrol(&url, &token).await?),
        Command::Sync => json(&station.sync_once().await?),
        Command::Scan { code, list, exit, at } => {
            let list_id = find_list(&station.lists().await?, list.as_deref())?.list_id;
            let direction = if exit { Direction::Exit } else { Direction::Entry };
            json(&station.scan(ScanRequest { code, list_id, direction, at }).await?)
        }
        Command::Sell { lines, cash, request_id } => json(&sell(station, &lines, &cash, request_id).await?),
        Command::VerifyJournal => json(&station.verify_journal().await?),
    }
}

fn json<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|e| Problem::new(Code::Internal, e.to_string()))
}

/// The outcome of an answer: a verdict that keeps somebody out is *refused*, a journal that does not hold *failed*.
#[must_use]
pub fn outcome(command: &Command, answer: &Result<Value, Problem>) -> Outcome {
    match (command, answer) {
        (Command::Scan { .. }, Ok(value)) => match serde_json::from_value::<VerdictView>(value.clone()) {
            Ok(verdict) if matches!(verdict.class, Class::Admitted | Class::Look) => Outcome::Done,
            _ => Outcome::Refused,
        },
        (Command::VerifyJournal, Ok(value)) if value["ok"] != true => Outcome::Failed,
        (_, Ok(_)) => Outcome::Done,
        (_, Err(problem)) => of_problem(problem),
    }
}

/// Whether a problem is a decision or a failure.
#[must_use]
pub fn of_problem(problem: &Problem) -> Outcome {
    match problem.code {
        Code::Invalid
        | Code::NotFound
        | Code::Unauthenticated
        | Code::Forbidden
        | Code::SoldOut
        | Code::LeaseSpent
        | Code::Conflict
        | Code::TooLarge
        | Code::Method
        | Code::Revoked
        | Code::Protocol
        | Code::NotEnrolled
        | Code::Underpaid => Outcome::Refused,
        Code::TooManyRequests
        | Code::NoLink
        | Code::NotRecorded
        | Code::Busy
        | Code::Corrupt
        | Code::Internal
        | Code::Unavailable => Outcome::Failed,
    }
}

fn find_list<'a>(lists: &'a [ListRow], asked: Option<&str>) -> Result<&'a ListRow, Problem> {
    let all = || lists.iter().map(|l| format!("{} {}", l.list_id, l.name)).collect::<Vec<_>>().join(", ");
    match (asked, lists) {
        (_, []) => Err(Problem::new(Code::NotFound, "There is no check-in list here yet; sync first.")),
        (None, [only]) => Ok(only),
        (None, _) => Err(Problem::field("list", format!("Choose a list with --list: {}.", all()))),
        (Some(asked), _) => {
            let by_id = lists.iter().find(|l| l.list_id.to_string() == asked);
            let found = by_id.or_else(|| lists.iter().find(|l| l.name.eq_ignore_ascii_case(asked)));
            found.ok_or_else(|| Problem::new(Code::NotFound, format!("There is no list {asked:?} here: {}.", all())))
        }
    }
}

async fn sell(
    station: &Station,
    wishes: &[Wish],
    cash: &str,
    request_id: Option<RequestId>,
) -> Result<willcall_domain::till::wire::SaleView, Problem> {
    let (events, items) = station.catalog().await?;
    let mut lines = Vec::with_capacity(wishes.len());
    let mut event: Option<&EventRow> = None;
    for wish in wishes {
        let by_id = wish.item.parse().ok().and_then(|id| items.iter().find(|i| i.item_id == ItemId(id)));
        let named = || items.iter().find(|i| i.name.eq_ignore_ascii_case(&wish.item) && i.active);
        let unknown = || Problem::new(Code::NotFound, format!("There is no product {:?} here.", wish.item));
        let item = by_id.or_else(named).ok_or_else(unknown)?;
        let of = events.iter().find(|e| e.event_id == item.event_id).ok_or_else(unknown)?;
        if event.is_some_and(|e| e.event_id != of.event_id) {
            return Err(Problem::field("lines", "One sale is for one event."));
        }
        event = Some(of);
        lines.push(SellLine { item_id: item.item_id, quantity: wish.quantity });
    }
    let event = event.ok_or_else(|| Problem::field("lines", "Name at least one product."))?;
    let given = Money::parse(cash, event.currency).map_err(|e| Problem::field("cash", format!("{e}.")))?;
    let request = SellRequest {
        request_id: request_id.unwrap_or_else(|| station.new_request_id()),
        event_id: event.event_id,
        lines,
        tender: Tender::Cash { given_minor: given.minor },
    };
    station.sell(request).await
}
