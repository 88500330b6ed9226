//! What other programs of this machine may ask of a station: one value in, one JSON document out. The command line
//! carries them out itself where no station runs, else sends them over the [`crate::socket`].

mod leases;
mod rights;
mod sell;

pub use leases::{LeaseAsk, VoidAsk};
pub use rights::RightAsk;
pub use sell::Wish;

use crate::{copies::places::PlacesChange, station::Station};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use willcall_domain::{
    access::view::SignInRequest,
    catalog::EventRow,
    checkin::{
        Class, Direction, ListRow, VerdictView,
        medium::MediumKind,
        question::AnswerGiven,
        wire::{ExchangeRequest, ScanRequest, UndoRequest},
    },
    clock::UtcMillis,
    id::{CaseId, EventId, RequestId, ScanId},
    paper::Language,
    problem::{Code, Problem},
    sync::{Resolution, case_view::CloseCaseRequest},
};

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
        /// Lists of other events scanned at the same time, by number or name.
        #[serde(default)]
        also: Vec<String>,
        /// Answers to what was asked.
        #[serde(default)]
        answers: Vec<AnswerGiven>,
        /// Let in although the order is not paid.
        #[serde(default)]
        unpaid: bool,
    },
    /// A ticket is exchanged for a wristband or the like.
    Exchange {
        code: String,
        /// What the medium reads.
        identifier: String,
        /// Number or name; may be left away where there is one list only.
        list: Option<String>,
        kind: MediumKind,
        replace: bool,
    },
    /// Everybody of a check-in list into a file that ends in `.pdf` or `.csv`.
    DoorList {
        /// Number or name; may be left away where there is one list only.
        list: Option<String>,
        file: PathBuf,
        #[serde(default)]
        language: Language,
    },
    /// A scan is to be as if it never was.
    Undo {
        scan: ScanId,
        reason: String,
    },
    Sell {
        lines: Vec<Wish>,
        /// Cash handed over, as written: `24`, `24.50`.
        cash: String,
        /// Codes of single-use vouchers.
        #[serde(default)]
        vouchers: Vec<String>,
        /// The same id again is the same sale.
        request_id: Option<RequestId>,
    },
    /// What only this till may do now: vouchers and web orders.
    Right {
        ask: RightAsk,
    },
    /// Undoes a sale, or positions of it.
    Void {
        ask: VoidAsk,
    },
    /// Units of this till: what it holds, and what goes to other tills and back.
    Lease {
        ask: LeaseAsk,
    },
    VerifyJournal,
    /// Drops what is safe and long over, with a checkpoint in its place.
    Checkpoint,
    /// What the server lacks, into a file that another station can carry to it.
    ExportJournal {
        file: PathBuf,
    },
    /// Brings such a file, or the folder of a mirror, to the server.
    CarryJournal {
        from: PathBuf,
    },
    /// A backup into this file, or as one of those that take turns.
    Backup {
        file: Option<PathBuf>,
    },
    /// Where backups and the mirror go; with a change, from now on.
    Copies {
        change: Option<PlacesChange>,
    },
    /// The cases of this station's events.
    Cases,
    CloseCase {
        case: CaseId,
        resolution: String,
    },
    ChangeKey,
    /// Somebody signs in by PIN at the station that runs.
    SignIn {
        request: SignInRequest,
    },
    SignOut,
    /// The window of the station that runs comes forward.
    Show,
}

impl Command {
    /// An entry, now, with nothing else said.
    #[must_use]
    pub fn entry(code: impl Into<String>, list: Option<String>) -> Self {
        let code = code.into();
        Self::Scan { code, list, exit: false, at: None, also: Vec::new(), answers: Vec::new(), unpaid: false }
    }
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
        Command::Scan { code, list, exit, at, also, answers, unpaid } => {
            let (events, _) = station.catalog().await?;
            let list_id = find_list(&station.lists().await?, &events, list.as_deref())?.list_id;
            let direction = if exit { Direction::Exit } else { Direction::Entry };
            let lists = station.lists().await?;
            let find = |text: &String| find_list(&lists, &events, Some(text)).map(|list| list.list_id);
            let more_lists = also.iter().map(find).collect::<Result<Vec<_>, Problem>>()?;
            let plain = ScanRequest::new(code, list_id, direction);
            json(&station.scan(ScanRequest { at, more_lists, answers, admit_unpaid: unpaid, ..plain }).await?)
        }
        Command::Exchange { code, identifier, list, kind, replace } => {
            let (events, _) = station.catalog().await?;
            let list_id = find_list(&station.lists().await?, &events, list.as_deref())?.list_id;
            json(&station.exchange(ExchangeRequest { code, identifier, kind, list_id, replace }).await?)
        }
        Command::DoorList { list, file, language } => {
            let (events, _) = station.catalog().await?;
            let list = find_list(&station.lists().await?, &events, list.as_deref())?.list_id;
            json(&station.write_door_list(list, language, file).await?)
        }
        Command::Undo { scan, reason } => json(&station.undo(UndoRequest { scan_id: scan, reason }).await?),
        Command::Sell { lines, cash, vouchers, request_id } => {
            json(&sell::sell(station, (&lines, vouchers), &cash, request_id).await?)
        }
        Command::Right { ask } => rights::execute(station, ask).await,
        Command::Void { ask } => leases::void(station, ask).await,
        Command::Lease { ask } => leases::execute(station, ask).await,
        Command::VerifyJournal => json(&station.verify_journal().await?),
        Command::Checkpoint => json(&station.checkpoint().await?),
        Command::ExportJournal { file } => json(&station.export_journal(file).await?),
        Command::CarryJournal { from } => json(&station.carry_journal(from).await?),
        Command::Backup { file } => json(&station.backup(file).await?),
        Command::Copies { change: None } => json(&station.places()?),
        Command::Copies { change: Some(change) } => json(&station.change_places(change)?),
        Command::Cases => json(&station.cases().await?),
        Command::CloseCase { case, resolution } => {
            let resolution = resolution_of(&resolution)?;
            json(&station.close_case(CloseCaseRequest { case_id: case, resolution }).await?)
        }
        Command::ChangeKey => json(&station.change_key().await?),
        Command::SignIn { request } => json(&station.sign_in(request).await?),
        Command::SignOut => json(&station.sign_out().await?),
        Command::Show => {
            station.show();
            json(&station.status().await?)
        }
    }
}

fn json<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|e| Problem::new(Code::Internal, e.to_string()))
}

fn resolution_of(word: &str) -> Result<Resolution, Problem> {
    let all = || Resolution::ALL.map(Resolution::word).join(", ");
    Resolution::of_word(word).ok_or_else(|| Problem::field("resolution", format!("One of: {}.", all())))
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
        | Code::TillSalesOff
        | Code::LeaseSpent
        | Code::NeedsLink
        | Code::Conflict
        | Code::InDoubt
        | Code::Locked
        | Code::TooLarge
        | Code::Method
        | Code::Revoked
        | Code::Protocol
        | Code::NotEnrolled
        | Code::Underpaid => Outcome::Refused,
        Code::TooManyRequests
        | Code::NoLink
        | Code::NotRecorded
        | Code::DiskFull
        | Code::Busy
        | Code::Corrupt
        | Code::Internal
        | Code::Unavailable => Outcome::Failed,
    }
}

/// The list of this number or name. A name that several lists have (each event's main entrance) is none: the wrong one
/// would turn people away.
fn find_list<'a>(lists: &'a [ListRow], events: &[EventRow], asked: Option<&str>) -> Result<&'a ListRow, Problem> {
    let named = |l: &ListRow| format!("{} {}", l.list_id, of_event(&l.name, l.event_id, events));
    let all = || lists.iter().map(named).collect::<Vec<_>>().join(", ");
    let asked = match (asked, lists) {
        (_, []) => return Err(Problem::new(Code::NotFound, "There is no check-in list here yet; sync first.")),
        (None, [only]) => return Ok(only),
        (None, _) => return Err(Problem::field("list", format!("Choose a list with --list: {}.", all()))),
        (Some(asked), _) => asked,
    };
    if let Some(by_id) = lists.iter().find(|l| l.list_id.to_string() == asked) {
        return Ok(by_id);
    }
    match lists.iter().filter(|l| l.name.eq_ignore_ascii_case(asked)).collect::<Vec<_>>()[..] {
        [only] => Ok(only),
        [] => Err(Problem::new(Code::NotFound, format!("There is no list {asked:?} here: {}.", all()))),
        _ => Err(Problem::field("list", format!("Several lists are called {asked:?}; give the number: {}.", all()))),
    }
}

fn of_event(name: &str, event: EventId, events: &[EventRow]) -> String {
    let event = events.iter().find(|e| e.event_id == event);
    event.map_or_else(|| name.to_owned(), |event| format!("{name} ({})", event.name))
}
