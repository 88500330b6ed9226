//! Whether this station doubts itself, what that means for who sells, and what a contact with the server changes.

use super::store;
use crate::{
    change_feed::Topic,
    devices::{self, Identity},
    error::Fault,
    journal::{self, Pen, recover},
    station::Station,
    sync::{Refusal, Server},
};
use rusqlite::{Connection, Transaction};
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, RequestId},
    problem::{Code, Problem},
    sync::{
        ContactBody, Fact,
        standing::{Doubt, DoubtKind, Here, Life, Resume, StandingView},
    },
};

/// Orders to erase that one contact reports.
const ERASED_TOLD: u32 = 100;
/// Runs of missing entries that are named.
const NAMED: usize = 20;

/// The incarnations whose leases and rights may be used; none while this station doubts itself.
///
/// # Errors
/// When the database cannot be read.
pub fn sells_from(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Vec<u32>, Fault> {
    Ok(store::life(connection, station, incarnation)?.in_force())
}

/// Whether this station doubts itself.
///
/// # Errors
/// When the database cannot be read.
pub fn doubts(connection: &Connection, who: &Identity) -> Result<Option<DoubtKind>, Fault> {
    Ok(store::life(connection, who.device_id, who.incarnation)?.doubt.map(|doubt| doubt.kind))
}

/// Whether a part of its journal is lost, in which it may have done anything.
///
/// # Errors
/// When the database cannot be read.
pub fn has_frozen(connection: &Connection, who: &Identity) -> Result<bool, Fault> {
    Ok(!store::life(connection, who.device_id, who.incarnation)?.frozen.is_empty())
}

/// Refuses what a station that doubts itself must not do.
///
/// # Errors
/// `in-doubt` with what to do about it.
pub fn refuse_doubt(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<(), Fault> {
    let Some(doubt) = store::life(connection, station, incarnation)?.doubt else { return Ok(()) };
    let why = match doubt.kind {
        DoubtKind::Behind => "Its data was put back, or lost its newest part.",
        DoubtKind::Parted => "Its data went on from an earlier state than its own.",
        DoubtKind::OtherMachine => "Its data was copied from another machine.",
        DoubtKind::MarkMissing => "The note of how far it had come is missing.",
        DoubtKind::Surpassed => "The server knows of more than is here.",
        DoubtKind::TakenForCopy => "The server takes it for a copy.",
    };
    let detail = format!("{why} Nothing is sold here until it has met the server: take no money. Scanning goes on.");
    Err(Fault::refused(Code::InDoubt, detail))
}

/// How this station stands to itself, for the screens.
///
/// # Errors
/// When the database cannot be read.
pub fn view(connection: &Connection, who: &Identity) -> Result<StandingView, Fault> {
    let life = store::life(connection, who.device_id, who.incarnation)?;
    let (missing, missing_entries) = missing(connection, who.device_id, &life)?;
    Ok(StandingView {
        since: if life.doubt.is_some() { store::since(connection, who.device_id)? } else { None },
        doubt: life.doubt.map(|doubt| doubt.kind),
        missing,
        missing_entries,
        frozen: life.frozen.iter().map(|frozen| frozen.incarnation).collect(),
    })
}

/// How many entries up to the mark are not here, and the first runs of them in words.
fn missing(connection: &Connection, station: DeviceId, life: &Life) -> Result<(u64, Vec<String>), Fault> {
    let (mut count, mut runs) = (0, Vec::new());
    for point in life.missing() {
        let here = journal::unbroken(connection, station, point.incarnation)?;
        let lacking = point.seq.saturating_sub(here);
        if lacking == 0 {
            continue;
        }
        count += lacking;
        if runs.len() < NAMED {
            runs.push(format!("incarnation {}: {}–{}", point.incarnation, here + 1, point.seq));
        }
    }
    Ok((count, runs))
}

/// A doubt begins: from now on the new incarnation is written in.
pub(super) fn begin_to_doubt(tx: &Transaction<'_>, pen: &Pen, life: &Life, software: &str) -> Result<(), Fault> {
    store::put_life(tx, pen.station, life, Some(pen.at.wall))?;
    devices::open_incarnation(tx, pen.station, life.incarnation)?;
    journal::append(tx, pen, &Fact::Opened { software: software.to_owned() }, None, Vec::new())?;
    let why = life.doubt.as_ref().map(|doubt| doubt.kind);
    tracing::warn!(?why, incarnation = life.incarnation, "this station doubts itself: it sells nothing");
    Ok(())
}

/// What a station says of itself in a contact: of the incarnation it doubts, else of the one it writes in.
#[derive(Debug, Clone)]
pub struct Told {
    pub incarnation: u32,
    pub length: u64,
    pub tail_hash: String,
    pub resume: Option<String>,
    pub suspect: bool,
    /// Orders to erase that were carried out.
    pub erased: Vec<RequestId>,
}

/// What is to be said of the incarnation that is written in.
///
/// # Errors
/// When the database cannot be read.
pub fn told(connection: &Connection, who: &Identity) -> Result<Told, Fault> {
    let erased = store::untold_erased(connection, ERASED_TOLD)?;
    Ok(Told { erased, ..told_of(connection, who.device_id, who.incarnation)? })
}

/// What is to be said first of the incarnation that is doubted; `None` without a doubt.
///
/// # Errors
/// When the database cannot be read.
pub fn told_of_doubt(connection: &Connection, who: &Identity) -> Result<Option<Told>, Fault> {
    let life = store::life(connection, who.device_id, who.incarnation)?;
    if life.doubt.is_none() {
        return Ok(None);
    }
    Ok(Some(Told { suspect: true, ..told_of(connection, who.device_id, life.doubted)? }))
}

fn told_of(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Told, Fault> {
    let end = journal::end(connection, station, incarnation)?;
    Ok(Told {
        incarnation,
        length: end.as_ref().map_or(0, |end| end.seq),
        tail_hash: end.map(|end| end.hash).unwrap_or_default(),
        resume: store::resume(connection, station, incarnation)?.map(|resume| resume.token),
        suspect: false,
        erased: Vec::new(),
    })
}

/// What the answer of a contact means for this station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// All is well.
    Itself,
    /// It begins to doubt, or doubts anew.
    Doubt(DoubtKind),
    /// It doubts and the server does too, or has only now heard of it: it stays as it is.
    InDoubt,
    /// The server knows of the doubt and takes the new incarnation for what it is: this station goes on.
    Settled,
    /// Entries of earlier incarnations are missing and may have turned up.
    MayTurnUp,
}

/// Takes the answer in: the token, what is safe, what was told.
///
/// # Errors
/// When the database does not take it.
pub fn heard(
    tx: &Transaction<'_>,
    who: &Identity,
    told: &Told,
    body: &ContactBody,
    marked: bool,
) -> Result<Heard, Fault> {
    let station = who.device_id;
    if let Some(token) = &body.resume {
        let n = store::resume(tx, station, told.incarnation)?.map_or(0, |resume| resume.n) + 1;
        store::put_resume(tx, station, told.incarnation, &Resume { n, token: token.clone() })?;
    }
    store::note_safe(tx, station, told.incarnation, body.safe)?;
    store::note_told(tx, &told.erased)?;
    if marked {
        store::note_marked(tx, station, who.incarnation)?;
    }
    let life = store::life(tx, station, who.incarnation)?;
    if told.suspect {
        return Ok(Heard::InDoubt);
    }
    if body.acked > journal::length(tx, station, told.incarnation)? {
        // Also of one that was opened in doubt: somebody else has opened the same.
        return Ok(Heard::Doubt(DoubtKind::Surpassed));
    }
    Ok(match (life.doubt.is_some(), body.suspect) {
        (true, true) => Heard::InDoubt,
        (true, false) => Heard::Settled,
        (false, true) => Heard::Doubt(DoubtKind::TakenForCopy),
        (false, false) if life.missing().is_empty() => Heard::Itself,
        (false, false) => Heard::MayTurnUp,
    })
}

/// Begins to doubt while running: a new incarnation above all that anybody knows of.
///
/// # Errors
/// When it cannot be recorded; then the next contact finds the same.
pub async fn begin(station: &Station, kind: DoubtKind, newest_known: u32) -> Result<(), Fault> {
    let Some(who) = station.identity() else { return Ok(()) };
    let (device, incarnation) = (who.device_id, who.incarnation);
    let mut life = station.db().read(move |tx| store::life(tx, device, incarnation)).await?;
    let mut secrets = station.secrets();
    let kept = secrets.enrolment.as_ref().map_or(0, |kept| kept.incarnation);
    life.doubt(Doubt::of(kind), newest_known.max(kept) + 1, &[]);
    if let Some(kept) = &mut secrets.enrolment {
        kept.incarnation = life.incarnation;
    }
    let keep = station.clone();
    let kept = tokio::task::spawn_blocking(move || keep.replace_secrets(secrets));
    kept.await.map_err(|_| Fault::Closing)??;
    let pen = Pen { incarnation: life.incarnation, ..station.pen(&who, station.reading().at)? };
    let software = station.software().to_owned();
    station.db().write_small(move |tx| begin_to_doubt(tx, &pen, &life, &software)).await?;
    station.reload().await?;
    station.feed().announce_fact(&[Topic::Status, Topic::Door, Topic::Till]);
    Ok(())
}

/// Asks the server for what is missing, and goes on: with what was held before where all of it turned up, else without.
/// `heard` says whether the server knows of the doubt.
///
/// # Errors
/// When the link fails on the way; nothing is decided then.
pub async fn go_on(station: &Station, server: &Server, heard: bool) -> Result<(), Refusal> {
    let Some(who) = station.identity() else { return Ok(()) };
    let (device, incarnation) = (who.device_id, who.incarnation);
    let life = station.db().read(move |tx| store::life(tx, device, incarnation)).await?;
    for point in life.missing() {
        fetch(station, server, device, point.incarnation, point.seq).await?;
    }
    let since = station.host().clock.now();
    let found = station.db().write_small(move |tx| decide(tx, device, incarnation, heard, since)).await?;
    if found.changed {
        tracing::warn!(proven = ?found.proven, frozen = ?found.frozen, "this station goes on");
        station.feed().announce_fact(&[Topic::Status, Topic::Door, Topic::Till]);
    }
    Ok(())
}

/// Entries of one incarnation that the server has, up to `upto`.
async fn fetch(
    station: &Station,
    server: &Server,
    device: DeviceId,
    incarnation: u32,
    upto: u64,
) -> Result<(), Refusal> {
    loop {
        let after = station.db().read(move |tx| journal::unbroken(tx, device, incarnation)).await?;
        if after >= upto {
            return Ok(());
        }
        let entries = match station.transport().give_back(server, incarnation, after).await {
            Ok(entries) => entries,
            // A server of an earlier version gives nothing back.
            Err(Refusal::Problem { problem, .. }) if problem.code == Code::NotFound => return Ok(()),
            Err(other) => return Err(other),
        };
        let news = station.db().write(move |tx| take_back(tx, device, incarnation, entries)).await?;
        if news == 0 {
            return Ok(());
        }
    }
}

fn take_back(
    tx: &Transaction<'_>,
    device: DeviceId,
    incarnation: u32,
    entries: Vec<willcall_domain::sync::Entry>,
) -> Result<usize, Fault> {
    let mine = entries.into_iter().filter(|e| e.station == device && e.incarnation == incarnation).collect();
    let good = recover::verified(mine, &devices::key_histories(tx)?);
    if good.rejected > 0 {
        tracing::error!(rejected = good.rejected, "the server gave entries back that were never signed here");
    }
    let news = recover::restore(tx, &good.entries)?;
    journal::erase(tx, &store::erased_entries(tx)?)?;
    Ok(news)
}

struct Decided {
    changed: bool,
    proven: Vec<u32>,
    frozen: Vec<u32>,
}

fn decide(
    tx: &Transaction<'_>,
    device: DeviceId,
    incarnation: u32,
    heard: bool,
    now: UtcMillis,
) -> Result<Decided, Fault> {
    let before = store::life(tx, device, incarnation)?;
    let mut life = before.clone();
    let mut failed = None;
    let proven = life.look_again(|point| {
        journal::here(tx, device, point).unwrap_or_else(|fault| {
            failed = Some(fault);
            Here::Lacking
        })
    });
    if let Some(fault) = failed {
        return Err(fault);
    }
    if heard {
        life.server_has_heard();
    }
    let changed = life != before;
    if changed {
        let since = if life.doubt.is_some() { store::since(tx, device)?.or(Some(now)) } else { None };
        store::put_life(tx, device, &life, since)?;
    }
    Ok(Decided { changed, proven, frozen: life.frozen.iter().map(|f| f.incarnation).collect() })
}

/// Looks whether what was missing is here by now.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) fn look_again(tx: &Transaction<'_>, who: &Identity, now: UtcMillis) -> Result<(), Fault> {
    let found = decide(tx, who.device_id, who.incarnation, false, now)?;
    if found.changed {
        tracing::warn!(proven = ?found.proven, frozen = ?found.frozen, "missing entries have turned up");
    }
    Ok(())
}

/// A problem as a screen shows it, where this station doubts itself.
///
/// # Errors
/// When the database cannot be read.
pub async fn must_not_doubt(station: &Station) -> Result<(), Problem> {
    let Some(who) = station.identity() else { return Ok(()) };
    let look = move |tx: &Transaction<'_>| refuse_doubt(tx, who.device_id, who.incarnation);
    Ok(station.db().read(look).await?)
}
