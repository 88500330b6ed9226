//! `willcall-station`: a station without a window, for turnstiles, scripts and drills. One JSON document on standard
//! output; exit code 0 done, 2 refused, 1 failed. Logs go to standard error as JSON lines.

#[path = "main/leases.rs"]
mod leases;
#[path = "main/rights.rs"]
mod rights;

use clap::{Args, Parser, Subcommand};
use leases::{LeaseArgs, VoidArgs};
use rights::{PayArgs, RefundArgs, RightArgs};
use serde_json::Value;
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::{Class, medium::MediumKind, question::AnswerGiven, simulate},
    clock::UtcMillis,
    entropy::OsEntropy,
    id::{CaseId, EventId, OrganizerId, RequestId, ScanId},
    paper::Language,
    problem::{Code, Problem},
};
use willcall_station::{
    Host, HttpTransport, KeyStoreChoice, Station, StationConfig,
    command::{self, Command, Outcome, Wish},
    copies::{places::PlacesChange, put_back, wipe},
    inspect::{self, InspectKey},
    socket,
};

#[derive(Parser)]
#[command(version, about = "A Willcall station without a window")]
struct Cli {
    /// The station's folder; made where it is missing.
    #[arg(long, global = true, default_value = "willcall-station")]
    data: PathBuf,
    /// Keep the keys in a file instead of the system's keychain.
    #[arg(long, global = true)]
    key_in_file: bool,
    #[command(subcommand)]
    ask: Ask,
}

#[derive(Subcommand)]
enum Ask {
    /// Runs the engine in the foreground; the other commands talk to it through the folder.
    Run,
    /// Enrols this station at a server.
    Enrol { url: String, token: String },
    /// One round of syncing.
    Sync,
    /// What this station is and how it stands.
    Status,
    /// Decides and records a scan.
    Scan(ScanArgs),
    /// Exchanges a ticket for a wristband or the like, which stands for it from now on; needs the right to.
    Exchange(ExchangeArgs),
    /// Writes everybody of a check-in list into FILE.pdf or FILE.csv, for a door without machines.
    DoorList {
        file: PathBuf,
        /// Number or name; may be left away where there is one list only.
        #[arg(long)]
        list: Option<String>,
        /// `en` or `de`.
        #[arg(long, default_value = "en")]
        language: String,
    },
    /// Makes a scan as if it never was; needs the right to.
    Undo {
        /// The scan's id, as it was answered.
        scan: ScanId,
        /// Why, for whoever asks later.
        #[arg(long)]
        reason: String,
    },
    /// Sells products for cash: ITEM[:QTY]… by number or name.
    Sell {
        /// `Adult`, `Adult:2`, `Seat/Reduced:2`: product, variation, how many.
        #[arg(required = true)]
        items: Vec<String>,
        /// The date, where the event has some: its number, its name, `2026-12-12T20:00`, or `2026-12-12`.
        #[arg(long)]
        date: Option<String>,
        /// The variation of every product that names none.
        #[arg(long)]
        variation: Option<String>,
        /// A product that is sold only together with another, like `Parking:1`; may be given several times.
        #[arg(long = "addon", value_name = "ITEM")]
        addons: Vec<String>,
        /// `cash:24.00`, what is handed over.
        #[arg(long)]
        pay: String,
        /// A single-use voucher; may be given several times.
        #[arg(long = "voucher", value_name = "CODE")]
        vouchers: Vec<String>,
        /// The same id again is the same sale.
        #[arg(long)]
        request_id: Option<RequestId>,
    },
    /// Undoes a sale of this till, or positions of it.
    Void(VoidArgs),
    /// Units lent to this till: lists them, hands some to another till, takes some over, gives them back.
    Lease(LeaseArgs),
    /// Vouchers and web orders that only this till may use now: lists them, asks for one, gives one back.
    Right(RightArgs),
    /// Takes the cash for a web order.
    Pay(PayArgs),
    /// Ends a web order and gives its money back.
    Refund(RefundArgs),
    /// The journal.
    #[command(subcommand)]
    Journal(JournalAsk),
    /// What a person must look at: lists cases, or closes one.
    Cases(CasesArgs),
    /// Makes a backup into FILE, or as one of those that take turns.
    Backup { file: Option<PathBuf> },
    /// Puts a backup in the place of the database; facts that are newer stay. The engine must not run.
    Restore { file: PathBuf },
    /// Makes the database anew from the journal and the server; nothing unsent is lost. The engine must not run.
    Rebuild,
    /// Where backups and copies of the journal go; options change it.
    Copies(CopiesArgs),
    /// The key of this device.
    #[command(subcommand)]
    Key(KeyAsk),
    /// Deletes everything of this station, once the server has all of it. The engine must not run.
    Wipe {
        /// Gives up that many facts that exist only here.
        #[arg(long)]
        abandon: Option<u64>,
    },
    /// Decides a check-in from a JSON document on standard input, storing nothing.
    Simulate,
    /// Ticket codes.
    #[command(subcommand)]
    Ticket(TicketAsk),
}

#[derive(Args)]
struct ScanArgs {
    #[arg(allow_hyphen_values = true)]
    code: String,
    /// Number or name; may be left away where there is one list only.
    #[arg(long)]
    list: Option<String>,
    #[arg(long)]
    exit: bool,
    /// A time given by hand, RFC 3339; it is stored as such.
    #[arg(long)]
    at: Option<String>,
    /// A list of another event that is scanned at the same time; may be given several times.
    #[arg(long)]
    also: Vec<String>,
    /// An answer to what was asked, as `QUESTION=VALUE`; may be given several times.
    #[arg(long = "answer")]
    answers: Vec<String>,
    /// Let in although the order is not paid; needs the right to.
    #[arg(long)]
    unpaid: bool,
}

#[derive(Args)]
struct ExchangeArgs {
    #[arg(allow_hyphen_values = true)]
    code: String,
    /// What the wristband or card reads.
    #[arg(allow_hyphen_values = true)]
    identifier: String,
    /// Number or name; may be left away where there is one list only.
    #[arg(long)]
    list: Option<String>,
    /// The identifier is the number of an NFC chip.
    #[arg(long)]
    nfc: bool,
    /// In place of the one it has already.
    #[arg(long)]
    replace: bool,
}

#[derive(Args)]
struct CasesArgs {
    #[command(subcommand)]
    ask: Option<CasesAsk>,
}

#[derive(Subcommand)]
enum CasesAsk {
    /// Closes a case: `seen`, `retry`, `leave_out` or `refund_by_hand`, as the case allows.
    Close { case: CaseId, resolution: String },
}

#[derive(Args)]
struct CopiesArgs {
    /// Folder of the backups.
    #[arg(long)]
    backups: Option<PathBuf>,
    /// Backups that are kept.
    #[arg(long)]
    keep: Option<u32>,
    /// A second medium, such as a stick, that gets a copy of the journal too.
    #[arg(long, conflicts_with = "no_mirror")]
    mirror: Option<PathBuf>,
    #[arg(long)]
    no_mirror: bool,
    /// Forget everything after that many days without a contact, once nothing waits to be sent; 0 is never.
    #[arg(long, value_name = "DAYS")]
    wipe_after: Option<u32>,
}

#[derive(Subcommand)]
enum KeyAsk {
    /// Gives this device a new key, which the old one names in the journal.
    Change,
}

#[derive(Subcommand)]
enum JournalAsk {
    /// Checks every entry and everything derived from them.
    Verify,
    /// Drops entries that are safe on the server and whose events are long over.
    Checkpoint,
    /// Writes what the server has not confirmed into FILE; any station with a link can carry it, and none can read it.
    Export { file: PathBuf },
    /// Brings such a file, or the folder of a dead machine's mirror, to the server.
    Carry { from: PathBuf },
}

#[derive(Subcommand)]
enum TicketAsk {
    /// What a code says and whether a key signed it.
    Inspect {
        /// A file with a PEM block, the block itself, or 64 hexadecimal digits.
        #[arg(long)]
        key: String,
        /// Whom a wc1 code is signed for; found out where it is left away.
        #[arg(long, requires = "event")]
        organizer: Option<OrganizerId>,
        #[arg(long, requires = "organizer")]
        event: Option<EventId>,
        #[arg(allow_hyphen_values = true)]
        code: String,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return print(&Err(Problem::new(Code::Unavailable, format!("{error}"))), Outcome::Failed),
    };
    let (answer, outcome) = runtime.block_on(answer(cli));
    print(&answer, outcome)
}

/// How it is meant to be used, for people; and for whoever reads answers, that this was not it.
fn misused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    if error.print().is_err() {
        return ExitCode::FAILURE;
    }
    if matches!(error.kind(), DisplayHelp | DisplayVersion) {
        return ExitCode::SUCCESS;
    }
    let said = error.render().to_string();
    let first: Vec<_> = said.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let detail = first.join(" ");
    let detail = detail.strip_prefix("error: ").unwrap_or(&detail);
    print(&Err(Problem::new(Code::Invalid, detail)), Outcome::Refused)
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WILLCALL_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,willcall_station=info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn print(answer: &Result<Value, Problem>, outcome: Outcome) -> ExitCode {
    let text = match answer {
        Ok(value) => serde_json::to_string_pretty(value),
        Err(problem) => serde_json::to_string_pretty(problem),
    };
    println!("{}", text.unwrap_or_else(|error| format!("{{\"code\":\"internal\",\"detail\":\"{error}\"}}")));
    ExitCode::from(match outcome {
        Outcome::Done => 0,
        Outcome::Failed => 1,
        Outcome::Refused => 2,
    })
}

async fn answer(cli: Cli) -> (Result<Value, Problem>, Outcome) {
    let config = StationConfig {
        data: cli.data,
        key_store: if cli.key_in_file { KeyStoreChoice::File } else { KeyStoreChoice::Auto },
        software: format!("willcall-station {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS),
    };
    let judged = |answer: Result<Value, Problem>| {
        let outcome = answer.as_ref().err().map_or(Outcome::Done, command::of_problem);
        (answer, outcome)
    };
    match cli.ask {
        Ask::Run => judged(run(config).await),
        Ask::Simulate => simulated(),
        Ask::Ticket(TicketAsk::Inspect { key, organizer, event, code }) => {
            inspected(&config, &key, organizer.zip(event), &code).await
        }
        Ask::Enrol { url, token } => ask(config, Command::Enrol { url, token }).await,
        Ask::Sync => ask(config, Command::Sync).await,
        Ask::Status => ask(config, Command::Status).await,
        Ask::Void(args) => ask(config, args.command()).await,
        Ask::Lease(args) => ask(config, args.command(absolute)).await,
        Ask::Right(args) => ask(config, args.command()).await,
        Ask::Pay(args) => match args.command() {
            Ok(command) => ask(config, command).await,
            Err(problem) => judged(Err(problem)),
        },
        Ask::Refund(args) => ask(config, args.command()).await,
        Ask::Journal(JournalAsk::Verify) => ask(config, Command::VerifyJournal).await,
        Ask::Journal(JournalAsk::Checkpoint) => ask(config, Command::Checkpoint).await,
        Ask::Journal(JournalAsk::Export { file }) => ask(config, Command::ExportJournal { file: absolute(file) }).await,
        Ask::Journal(JournalAsk::Carry { from }) => ask(config, Command::CarryJournal { from: absolute(from) }).await,
        Ask::Cases(CasesArgs { ask: None }) => ask(config, Command::Cases).await,
        Ask::Cases(CasesArgs { ask: Some(CasesAsk::Close { case, resolution }) }) => {
            ask(config, Command::CloseCase { case, resolution }).await
        }
        Ask::Backup { file } => ask(config, Command::Backup { file: file.map(absolute) }).await,
        Ask::Copies(args) => ask(config, Command::Copies { change: args.change() }).await,
        Ask::Key(KeyAsk::Change) => ask(config, Command::ChangeKey).await,
        Ask::Restore { file } => judged(restore(config, file).await),
        Ask::Rebuild => judged(rebuild(config).await),
        Ask::Wipe { abandon } => judged(wipe(config, abandon).await),
        Ask::Scan(args) => match scan(args) {
            Ok(command) => ask(config, command).await,
            Err(problem) => judged(Err(problem)),
        },
        Ask::Exchange(args) => ask(config, exchange(args)).await,
        Ask::DoorList { file, list, language } => match Language::of_tag(&language) {
            Some(language) => ask(config, Command::DoorList { list, file: absolute(file), language }).await,
            None => judged(Err(Problem::field("language", "The language is en or de."))),
        },
        Ask::Undo { scan, reason } => ask(config, Command::Undo { scan, reason }).await,
        Ask::Sell { items, date, variation, addons, pay, vouchers, request_id } => {
            let lines = wishes(&items, variation.as_deref(), date.as_deref());
            let lines = lines.and_then(|lines| Ok([lines, wishes(&addons, None, None)?].concat()));
            match lines.and_then(|lines| sell(lines, &pay, vouchers, request_id)) {
                Ok(command) => ask(config, command).await,
                Err(problem) => judged(Err(problem)),
            }
        }
    }
}

impl CopiesArgs {
    /// What is to be changed; `None` where it is only asked.
    fn change(self) -> Option<PlacesChange> {
        let change = PlacesChange {
            backups: self.backups.map(absolute),
            keep: self.keep,
            mirror: self.mirror.map(absolute),
            no_mirror: self.no_mirror,
            wipe_after_days: self.wipe_after,
        };
        (change != PlacesChange::default()).then_some(change)
    }
}

/// The engine that is asked may stand in another folder.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

async fn restore(config: StationConfig, file: PathBuf) -> Result<Value, Problem> {
    to_json(&put_back::restore(config, Host::system(), Arc::new(HttpTransport::new()?), file).await?)
}

async fn rebuild(config: StationConfig) -> Result<Value, Problem> {
    to_json(&put_back::rebuild(config, Host::system(), Arc::new(HttpTransport::new()?)).await?)
}

async fn wipe(config: StationConfig, abandon: Option<u64>) -> Result<Value, Problem> {
    to_json(&wipe::wipe(Station::open(config, Host::system())?, abandon).await?)
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|e| Problem::new(Code::Internal, e.to_string()))
}

/// How long an engine may take from having the folder to answering.
const STARTING: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Through the running station, else by opening the folder. One that has just been started, or another command that is
/// about to end, is waited for a moment.
async fn ask(config: StationConfig, command: Command) -> (Result<Value, Problem>, Outcome) {
    let mut waited = Duration::ZERO;
    let answer = loop {
        if let Some(answer) = socket::ask(&config.data, &command).await {
            break answer;
        }
        match Station::open(config.clone(), Host::system()) {
            Ok(station) => break command::execute(&station, command.clone()).await,
            Err(problem) if problem.code == Code::Busy && waited < STARTING => {
                tokio::time::sleep(LOOK_AGAIN).await;
                waited += LOOK_AGAIN;
            }
            Err(problem) => break Err(problem),
        }
    };
    let outcome = command::outcome(&command, &answer);
    (answer, outcome)
}

/// The engine in the foreground, until a signal comes.
async fn run(config: StationConfig) -> Result<Value, Problem> {
    let folder = config.data.clone();
    let station = Station::open(config, Host::system())?;
    let socket = socket::bind(&folder, &OsEntropy).await?;
    let cancel = CancellationToken::new();
    tracing::info!(folder = %folder.display(), "running");
    let signal = async {
        stop_signal().await;
        cancel.cancel();
    };
    tokio::join!(station.run(cancel.clone()), socket.serve(station.clone(), cancel.clone()), signal);
    tracing::info!("stopped");
    Ok(serde_json::json!({ "stopped": true }))
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be heard");
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "Ctrl-C cannot be heard");
        std::future::pending().await
    }
}

fn scan(args: ScanArgs) -> Result<Command, Problem> {
    let at = match &args.at {
        Some(text) => {
            let bad = |_| Problem::field("at", "The time looks like 2026-12-31T20:00:00+01:00.");
            Some(UtcMillis::parse(text).map_err(bad)?)
        }
        None => None,
    };
    let answers = args.answers.iter().map(|text| said(text)).collect::<Result<_, _>>()?;
    let ScanArgs { code, list, exit, also, unpaid, .. } = args;
    Ok(Command::Scan { code, list, exit, at, also, answers, unpaid })
}

fn said(text: &str) -> Result<AnswerGiven, Problem> {
    let bad = || Problem::field("answer", "An answer looks like 12=value: the question's number and what was said.");
    let (question, value) = text.split_once('=').ok_or_else(bad)?;
    Ok(AnswerGiven { question_id: question.trim().parse().map_err(|_| bad())?, value: value.to_owned() })
}

fn exchange(args: ExchangeArgs) -> Command {
    let ExchangeArgs { code, identifier, list, nfc, replace } = args;
    Command::Exchange {
        code,
        identifier,
        list,
        kind: if nfc { MediumKind::NfcUid } else { MediumKind::Barcode },
        replace,
    }
}

fn sell(lines: Vec<Wish>, pay: &str, vouchers: Vec<String>, request_id: Option<RequestId>) -> Result<Command, Problem> {
    let cash = pay.strip_prefix("cash:");
    let cash = cash.ok_or_else(|| Problem::field("pay", "The till takes cash: --pay cash:24.00"))?;
    Ok(Command::Sell { lines, cash: cash.to_owned(), vouchers, request_id })
}

/// Products as typed; `variation` is of each that names none, `date` of all.
fn wishes(items: &[String], variation: Option<&str>, date: Option<&str>) -> Result<Vec<Wish>, Problem> {
    let wish = |text: &String| {
        let (item, quantity) = match text.rsplit_once(':') {
            None => (text.as_str(), 1),
            Some((item, quantity)) => match quantity.parse() {
                Ok(quantity) => (item, quantity),
                Err(_) => return Err(Problem::field("items", format!("{text:?}: after the colon stands how many."))),
            },
        };
        let mut item = item.to_owned();
        if let Some(variation) = variation.filter(|_| !item.contains('/')) {
            item = format!("{item}/{variation}");
        }
        if let Some(date) = date {
            item = format!("{item}@{date}");
        }
        Ok(Wish { item, quantity })
    };
    items.iter().map(wish).collect()
}

fn simulated() -> (Result<Value, Problem>, Outcome) {
    let decide = || -> Result<simulate::SimulateAnswer, Problem> {
        let mut text = String::new();
        let read = std::io::stdin().take(4 << 20).read_to_string(&mut text);
        read.map_err(|e| Problem::new(Code::Invalid, format!("The document cannot be read: {e}.")))?;
        let case: simulate::SimulateCase = serde_json::from_str(&text)
            .map_err(|e| Problem::new(Code::Invalid, format!("The document is not a check-in case: {e}.")))?;
        simulate::simulate(&case).map_err(|e| Problem::field("keys", format!("{e}.")))
    };
    match decide() {
        Ok(answer) => {
            let admitted = matches!(answer.class, Class::Admitted | Class::Look);
            let value = serde_json::to_value(&answer).map_err(|e| Problem::new(Code::Internal, e.to_string()));
            (value, if admitted { Outcome::Done } else { Outcome::Refused })
        }
        Err(problem) => {
            let outcome = command::of_problem(&problem);
            (Err(problem), outcome)
        }
    }
}

async fn inspected(
    config: &StationConfig,
    key: &str,
    signs_for: Option<(OrganizerId, EventId)>,
    code: &str,
) -> (Result<Value, Problem>, Outcome) {
    let text = match std::fs::read_to_string(Path::new(key)) {
        Ok(text) => text,
        Err(_) => key.to_owned(),
    };
    let mut key = match InspectKey::parse(&text) {
        Ok(key) => key,
        Err(problem) => return (Err(problem), Outcome::Refused),
    };
    if let Some(given) = signs_for {
        key.signs_for = vec![given];
    } else if key.signs_for.is_empty() && config.data.join("lock").exists() {
        // The station of this folder may know whose key this is; if it is busy or not there, that is no matter.
        if let Ok(station) = Station::open(config.clone(), Host::system()) {
            let known = station.events_of_key(hex::encode(key.key.as_bytes())).await;
            key.signs_for = known.unwrap_or_default();
        }
    }
    let inspection = inspect::inspect(code, &key);
    let outcome = if inspect::refusal(&inspection).is_none() { Outcome::Done } else { Outcome::Refused };
    (serde_json::to_value(&inspection).map_err(|e| Problem::new(Code::Internal, e.to_string())), outcome)
}
