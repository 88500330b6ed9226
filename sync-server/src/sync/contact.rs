//! `POST /api/station/v1/contact`: proves who we are, tells the time, hands out what was not accepted yet, and looks at
//! who speaks: a station that was copied or put back from a backup is told so.

use super::{
    cases::{self, Moot, NewCase},
    history,
    store::{self, contact as memory, incarnation, journal},
};
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    checkin,
    http::{caller::DeviceCaller, token},
    leases,
};
use axum::{Json, extract::State};
use serde_json::json;
use willcall_domain::{
    devices::certificate::{CertificateBody, DeviceCertificate, certified_keys, sign_certificate},
    entropy,
    problem::{Code, Problem},
    sync::{
        CaseKind, Contact, ContactAnswer, ContactBody, PROTOCOL,
        contact::sign_contact,
        journal::bytes32,
        protocol::{Meeting, meet},
        recognise::{Doubt, Recognised, Told, recognise},
    },
};

/// How far a station's clock may be from ours before a person should look, in milliseconds.
pub const SKEW_MS: i64 = 300_000;
/// So many doubted lives of a device, and it gets nothing more until a person has looked.
const DOUBTED_LIVES: i64 = 3;
/// The first version that takes rights.
const KNOWS_RIGHTS: u32 = 2;
/// The first version that keeps tokens.
const KEEPS_TOKENS: u32 = 2;

/// Answers a station's first question.
///
/// # Errors
/// `protocol` when one side is too old for the other; else when the database is away.
pub async fn contact(
    caller: DeviceCaller,
    State(app): State<App>,
    Json(ask): Json<Contact>,
) -> Result<Json<ContactAnswer>, Failure> {
    match meet(PROTOCOL, ask.protocol) {
        // One that is too old is told so where it asks for more than to bring what it recorded.
        Meeting::Speak(_) | Meeting::TheyAreTooOld => {}
        Meeting::TheyAreTooNew => {
            let detail = "This station is newer than the server. Update the server.";
            return Err(Problem::new(Code::Protocol, detail).into());
        }
    }
    if ask.nonce.len() != 32 {
        return Err(Problem::field("nonce", "16 bytes, written as 32 hexadecimal digits").into());
    }
    let mut tx = app.begin(caller.organizer).await?;
    let away = store::is_away(&mut tx, caller.device, app.now()).await?;
    let heard = memory::Heard {
        software: &ask.software,
        waiting: ask.waiting,
        protocol: ask.protocol,
        read_to: ask.read.filter(|read| read.history == app.history).map(|read| read.position),
        clock: ask.clock,
    };
    memory::note_contact(&mut tx, caller.device, heard).await?;
    let met = meet_station(&mut tx, &caller, &ask).await?;
    skew(&mut tx, &caller, &ask).await?;
    if !ask.erased.is_empty() {
        super::erase::confirmed(&mut tx, caller.device, &ask.erased).await?;
    }
    history::reported(&app, &mut tx, &caller, &ask, met.acked).await?;
    // All it ever wrote is here: what its tickets were admitted for must have been sold.
    if !met.suspect && caller.role.sells() && ask.waiting == 0 && met.acked >= ask.length {
        checkin::never_sold(&mut tx, &caller).await?;
    }
    // What one of two might take in, the other might have taken in already.
    let open_grants = if met.suspect { Vec::new() } else { leases::open_grants(&app, &mut tx, caller.device).await? };
    let open_rights = if met.suspect || ask.protocol < KNOWS_RIGHTS {
        Vec::new()
    } else {
        leases::open_rights(&app, &mut tx, &caller).await?
    };
    let certificate = if met.suspect { None } else { certify(&app, &mut tx, &caller).await? };
    let head = store::head(&mut tx).await?;
    let safe = incarnation::safe(&mut tx, caller.device, ask.incarnation).await?;
    tx.commit().await?;
    let body = ContactBody {
        nonce: ask.nonce,
        time: app.clock.now(),
        history: app.history,
        head,
        acked: met.acked,
        safe,
        resume: met.token,
        suspect: met.suspect,
        newest_incarnation: met.newest_incarnation,
        protocol: PROTOCOL,
        sync_in_ms: if away { app.stations.slot_ms(app.clock.monotonic_ms(), ask.waiting) } else { 0 },
        sealing_key: Some(app.secrets.sealing(caller.organizer).public().to_hex()),
    };
    let answer = sign_contact(&body, open_grants, app.secrets.identity());
    let answer = answer.map_err(|e| Problem::new(Code::Internal, e.to_string()))?;
    Ok(Json(ContactAnswer { open_rights, certificate, ..answer }))
}

/// What other stations can check this one's entries with.
async fn certify(app: &App, tx: &mut Tx, caller: &DeviceCaller) -> Result<Option<DeviceCertificate>, Failure> {
    let Some(keys) = incarnation::keys(tx, caller.device).await? else { return Ok(None) };
    let body = CertificateBody {
        organizer_id: caller.organizer,
        device_id: caller.device,
        name: caller.name.clone(),
        role: caller.role,
        keys: certified_keys(&keys),
    };
    let signed = sign_certificate(&body, app.secrets.identity());
    Ok(Some(signed.map_err(|e| Problem::new(Code::Internal, e.to_string()))?))
}

/// What looking at the station came to.
struct Met {
    acked: u64,
    newest_incarnation: u32,
    suspect: bool,
    /// For its next contact.
    token: Option<String>,
}

async fn meet_station(tx: &mut Tx, caller: &DeviceCaller, ask: &Contact) -> Result<Met, Failure> {
    if ask.incarnation == 0 {
        return Err(Problem::field("incarnation", "1 or more").into());
    }
    // Makes the account where there is none, and keeps two contacts of one station apart.
    incarnation::run(tx, caller.device, ask.incarnation).await?;
    let (mut known, acked) = memory::remembered(tx, caller.device, ask.incarnation).await?;
    if ask.length > 0 {
        known.hashes = journal::hashes(tx, caller.device, ask.incarnation, ask.length).await?;
    }
    let told = Told {
        incarnation: ask.incarnation,
        length: ask.length,
        tail: bytes32(&ask.tail_hash),
        token: ask.resume.as_ref().map(|t| token::hash(t.as_bytes())),
        keeps_tokens: ask.protocol >= KEEPS_TOKENS,
        machine: &ask.machine,
        suspect: ask.suspect,
        clock: ask.clock,
    };
    let newest_incarnation = known.newest_incarnation.max(ask.incarnation);
    let mut met = Met { acked, newest_incarnation, suspect: false, token: None };
    match recognise(&told, &known) {
        // There is a case already; until a person closes it, this device stays in doubt.
        Recognised::Known if caller.suspended => met.suspect = true,
        Recognised::Late => {}
        Recognised::Known => {
            let token = told.keeps_tokens.then(|| hex::encode(entropy::bytes::<16>(tx.entropy())));
            let hash = token.as_ref().map(|t| token::hash(t.as_bytes()));
            memory::remember(tx, caller.device, &told, hash).await?;
            met.token = token;
        }
        Recognised::Doubted(doubt) => {
            met.suspect = true;
            doubted(tx, caller, ask, doubt).await?;
        }
    }
    Ok(met)
}

/// One case for the device; what it holds stays counted.
async fn doubted(tx: &mut Tx, caller: &DeviceCaller, ask: &Contact, doubt: Doubt) -> Result<(), Failure> {
    let lives = memory::set_doubted(tx, caller.device, ask.incarnation).await?;
    if lives >= DOUBTED_LIVES && !caller.suspended {
        // Two machines that both go on would make each other the older one for ever.
        incarnation::suspend(tx, caller.device).await?;
        super::note(tx, super::Subject::Device(caller.device)).await?;
    }
    let detail = json!({ "incarnation": ask.incarnation, "length": ask.length, "why": doubt.word() });
    let case = NewCase { device: caller.device, event: None, kind: CaseKind::SuspectStation, detail };
    let (_, new) = cases::open_once(tx, &caller.device.to_string(), &case).await?;
    if new {
        tracing::warn!(device = caller.device.0, incarnation = ask.incarnation, ?doubt, "a station is doubted");
    }
    Ok(())
}

/// A clock that is far off is a case, and its end is said.
async fn skew(tx: &mut Tx, caller: &DeviceCaller, ask: &Contact) -> Result<(), Failure> {
    let Some(clock) = ask.clock else { return Ok(()) };
    let about = caller.device.to_string();
    let apart = clock.since(tx.now());
    if apart.abs() <= SKEW_MS {
        cases::close_by_itself(tx, CaseKind::ClockSkew, &about, Moot::ClockRight).await?;
        return Ok(());
    }
    // In whole minutes, so that it is told again only where it says something new.
    let detail = json!({ "ms": (apart + apart.signum() * 30_000) / 60_000 * 60_000 });
    let case = NewCase { device: caller.device, event: None, kind: CaseKind::ClockSkew, detail };
    let standing = cases::standing(tx, CaseKind::ClockSkew, std::slice::from_ref(&about)).await?;
    match standing.into_values().flatten().find(|case| case.open) {
        Some(open) if open.detail == case.detail => {}
        Some(open) => cases::refresh(tx, open.case_id, None, &case.detail).await?,
        None => {
            cases::open_once(tx, &about, &case).await?;
        }
    }
    Ok(())
}
