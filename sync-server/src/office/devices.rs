//! Doors and tills: which there are and how they stand, a code for a new one, and switching one off.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    format,
    page::{self, Frame},
    qr::{self, Qr},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self as catalog, Refused},
    devices::edit::{self, DeviceFull, Invitation},
    http::Failure,
    sync::contact::SKEW_MS,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::{FieldError, Wrong},
    clock::UtcMillis,
    devices::{Right, Role, draft::DeviceTyped},
    id::{DeviceId, EventId},
};

/// A device that was heard of within so many milliseconds is in contact: three of its longest pauses between polls.
const IN_CONTACT_MS: i64 = 120_000;

#[derive(Template)]
#[template(path = "office/devices.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    devices: Vec<Line>,
}

struct Line {
    id: DeviceId,
    name: String,
    gate: String,
    role: &'static str,
    rights: String,
    events: String,
    state: &'static str,
    tone: &'static str,
    detail: String,
    /// How far its clock is off, where a person should look.
    clock: Option<String>,
    waiting: String,
    outstanding: String,
    may_invite: bool,
    revoked: bool,
}

#[derive(Template)]
#[template(path = "office/device_new.html")]
struct FormPage {
    f: Frame,
    typed: Typed,
    errors: Errors,
    events: Vec<Choice>,
    rights: Vec<RightChoice>,
}

#[derive(Template)]
#[template(path = "office/device_rights.html")]
struct RightsPage {
    f: Frame,
    title: String,
    typed: Typed,
    errors: Errors,
    events: Vec<Choice>,
    rights: Vec<RightChoice>,
}

/// A right to be given or not.
pub(super) struct RightChoice {
    pub word: &'static str,
    pub name: &'static str,
    pub hint: &'static str,
}

struct Choice {
    id: i64,
    name: String,
    hint: String,
}

#[derive(Template)]
#[template(path = "office/device_code.html")]
struct CodePage {
    f: Frame,
    name: String,
    url: String,
    token: String,
    text: String,
    qr: Qr,
    shown_once: String,
}

#[derive(Template)]
#[template(path = "office/confirm.html")]
struct Confirm {
    f: Frame,
    title: String,
    back: String,
    back_name: &'static str,
    lines: Vec<String>,
    act: &'static str,
}

/// `GET /office/{organizer}/devices`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let (now, zone) = (tx.now(), zone(&mut tx).await?);
    let devices = edit::all(&mut tx).await?;
    let devices = devices.iter().map(|device| line(&desk, device, now, &zone)).collect();
    page::show(&Page { f: desk.frame("devices"), d: door_words::of(desk.language), devices })
}

/// Devices belong to no event: their times are on the clock of the latest one.
async fn zone(tx: &mut Tx) -> Result<String, Failure> {
    let latest = catalog::list_events(tx).await?.into_iter().next();
    Ok(latest.map_or_else(|| "UTC".to_owned(), |event| event.draft.zone))
}

fn line(desk: &Desk, device: &DeviceFull, now: UtcMillis, zone: &str) -> Line {
    let words = desk.words;
    let moment = |at| format::moment(at, zone, desk.language);
    let (state, tone, detail) = match (device.revoked_at, device.enrolled_at, device.last_contact_at) {
        (Some(at), _, _) => (&words.state_revoked, "bad", moment(at)),
        (None, None, _) => match device.enrol_expires_at {
            Some(until) if until > now => (&words.state_waiting, "look", fill(&words.until, &[&moment(until)])),
            Some(_) | None => (&words.state_code_over, "warn", String::new()),
        },
        (None, Some(_), Some(at)) if now.since(at) <= IN_CONTACT_MS => {
            (&words.state_contact, "good", format::ago(now, at, words))
        }
        (None, Some(enrolled), at) => (&words.state_silent, "warn", format::ago(now, at.unwrap_or(enrolled), words)),
    };
    let known = device.enrolled_at.is_some();
    let count = |n| if known { format::count(n, desk.language) } else { "–".to_owned() };
    Line {
        id: device.device_id,
        name: device.name.clone(),
        gate: device.gate.clone(),
        role: role(desk, device.role),
        rights: rights(desk)
            .iter()
            .filter(|r| device.rights.iter().any(|d| d.as_str() == r.word))
            .map(|r| r.name)
            .collect::<Vec<_>>()
            .join(", "),
        events: if device.all_events { words.all_events.clone() } else { device.events.join(", ") },
        state,
        tone,
        detail,
        clock: clock(desk, device),
        waiting: count(device.waiting),
        outstanding: count(device.outstanding),
        may_invite: !known && device.revoked_at.is_none(),
        revoked: device.revoked_at.is_some(),
    }
}

fn clock(desk: &Desk, device: &DeviceFull) -> Option<String> {
    let ahead = device.clock_ahead_ms.filter(|ms| ms.abs() > SKEW_MS && device.revoked_at.is_none())?;
    let words = desk.words;
    let minutes = format::count((ahead.abs() + 30_000) / 60_000, desk.language);
    Some(fill(if ahead > 0 { &words.clock_ahead } else { &words.clock_behind }, &[&minutes]))
}

fn role(desk: &Desk, role: Role) -> &'static str {
    match role {
        Role::Door => &desk.words.door,
        Role::Till => &desk.words.till,
    }
}

/// Every right, in words.
pub(super) fn rights(desk: &Desk) -> Vec<RightChoice> {
    let words = desk.words;
    let choice = |right: Right| match right {
        Right::TimeByHand => {
            RightChoice { word: right.as_str(), name: &words.right_time_by_hand, hint: &words.right_time_by_hand_hint }
        }
        Right::Undo => RightChoice { word: right.as_str(), name: &words.right_undo, hint: &words.right_undo_hint },
        Right::Search => {
            RightChoice { word: right.as_str(), name: &words.right_search, hint: &words.right_search_hint }
        }
        Right::AdmitUnpaid => {
            RightChoice { word: right.as_str(), name: &words.right_admit_unpaid, hint: &words.right_admit_unpaid_hint }
        }
        Right::Exchange => {
            RightChoice { word: right.as_str(), name: &words.right_exchange, hint: &words.right_exchange_hint }
        }
        Right::Supervise => {
            RightChoice { word: right.as_str(), name: &words.right_supervise, hint: &words.right_supervise_hint }
        }
        Right::Names => RightChoice { word: right.as_str(), name: &words.right_names, hint: &words.right_names_hint },
    };
    Right::ALL.map(choice).into()
}

/// The rights among the values of a field.
pub(super) fn chosen(typed: &Typed, field: &str) -> Vec<Right> {
    Right::ALL.into_iter().filter(|right| typed.says(field, right.as_str())).collect()
}

/// `GET …/devices/new`.
///
/// # Errors
/// When this person may only look, or the database is away.
pub async fn new(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let typed = Typed::of([("role", Role::Door.as_str().to_owned()), ("which", "all".to_owned())]);
    let typed = typed.with("rights", [Right::Names, Right::Search].map(Right::as_str));
    page::show(&form(&desk, &mut tx, typed, &[]).await?)
}

async fn form(desk: &Desk, tx: &mut Tx, typed: Typed, wrong: &[Wrong]) -> Result<FormPage, Failure> {
    Ok(FormPage {
        f: desk.frame("devices"),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        events: choices(desk, tx).await?,
        rights: rights(desk),
    })
}

/// Every event, to be chosen or not.
async fn choices(desk: &Desk, tx: &mut Tx) -> Result<Vec<Choice>, Failure> {
    let choice = |event: catalog::EventFull| Choice {
        id: event.event_id.0,
        hint: format::moment(event.draft.starts_at, &event.draft.zone, desk.language),
        name: event.draft.name,
    };
    Ok(catalog::list_events(tx).await?.into_iter().map(choice).collect())
}

/// `POST …/devices/new`: answers the page with the code, which is not kept.
///
/// # Errors
/// When this person may only look, or the database is away.
pub async fn create(desk: Desk, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let read = DeviceTyped {
        name: typed.text("name"),
        gate: typed.text("gate"),
        role: typed.text("role"),
        all_events: typed.text("which") != "some",
        events: typed.numbers("events").into_iter().map(EventId).collect(),
        rights: chosen(&typed, "rights"),
    }
    .read();
    let made = match read {
        Ok(draft) => edit::create(&mut tx, &draft).await.map(|invitation| (draft.name, invitation)),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    match made {
        Ok((name, invitation)) => show_code(&desk, tx, name, invitation).await,
        Err(Refused::Fields(wrong)) => page::show_refused(&form(&desk, &mut tx, typed, &wrong).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}

/// `POST …/devices/{device}/invite`: a new code in place of the old.
///
/// # Errors
/// When there is no such device, it has enrolled, this person may only look, or the database is away.
pub async fn invite(desk: Desk, Path((_, device)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let invitation = edit::invite_again(&mut tx, DeviceId(device)).await?;
    let name = edit::find(&mut tx, DeviceId(device)).await?.name;
    show_code(&desk, tx, name, invitation).await
}

async fn show_code(desk: &Desk, mut tx: Tx, name: String, invitation: Invitation) -> Result<Response, Failure> {
    let zone = zone(&mut tx).await?;
    let url = desk.app.public_url();
    let text = serde_json::json!({ "url": url, "token": invitation.token }).to_string();
    let until = format::moment(invitation.expires_at, &zone, desk.language);
    let page = CodePage {
        f: desk.frame("devices"),
        name,
        qr: qr::of(&text)?,
        url,
        token: invitation.token,
        text,
        shown_once: fill(&desk.words.shown_once, &[&until]),
    };
    // First it is stored, then it is shown: what is on the screen works.
    tx.commit().await?;
    page::show(&page)
}

/// `GET …/devices/{device}/rights`.
///
/// # Errors
/// When there is no such device, this person may only look, or the database is away.
pub async fn show_rights(desk: Desk, Path((_, device)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let device = edit::find(&mut tx, DeviceId(device)).await?;
    let which = if device.all_events { "all" } else { "some" };
    let typed = Typed::of([("which", which.to_owned())])
        .with("rights", device.rights.iter().map(|right| right.as_str()))
        .with("events", device.event_ids.iter());
    page::show(&rights_page(&desk, &mut tx, &device, typed, &[]).await?)
}

async fn rights_page(
    desk: &Desk,
    tx: &mut Tx,
    device: &DeviceFull,
    typed: Typed,
    wrong: &[Wrong],
) -> Result<RightsPage, Failure> {
    let events = choices(desk, tx).await?;
    Ok(RightsPage {
        f: desk.frame("devices"),
        title: fill(&desk.words.rights_of, &[&device.name]),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        events,
        rights: rights(desk),
    })
}

/// `POST …/devices/{device}/rights`: what it may do and, where that was sent along, what it may see.
///
/// # Errors
/// When there is no such device, it was revoked, this person may only look, or the database is away.
pub async fn set_rights(desk: Desk, Path((_, device)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let device = edit::find(&mut tx, DeviceId(device)).await?;
    edit::set_rights(&mut tx, device.device_id, &chosen(&typed, "rights")).await?;
    let events: Vec<EventId> = typed.numbers("events").into_iter().map(EventId).collect();
    match typed.text("which").to_owned().as_str() {
        "some" if events.is_empty() => {
            let wrong = [("events", FieldError::NoneChosen)];
            return page::show_refused(&rights_page(&desk, &mut tx, &device, typed, &wrong).await?);
        }
        "some" if device.all_events || events != device.event_ids => {
            edit::set_events(&mut tx, device.device_id, Some(&events)).await?;
        }
        "all" if !device.all_events => edit::set_events(&mut tx, device.device_id, None).await?,
        _ => {}
    }
    tx.commit().await?;
    Ok(page::go(&desk.url("/devices?done=saved")))
}

/// `GET …/devices/{device}/revoke`: what it would mean.
///
/// # Errors
/// When there is no such device, this person may only look, or the database is away.
pub async fn ask_revoke(desk: Desk, Path((_, device)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let device = edit::find(&mut tx, DeviceId(device)).await?;
    let words = desk.words;
    let mut lines = vec![words.revoke_lines.clone()];
    if device.waiting > 0 {
        lines.push(fill(&words.revoke_waiting, &[&format::count(device.waiting, desk.language)]));
    }
    if device.outstanding > 0 {
        lines.push(fill(&words.revoke_leased, &[&format::count(device.outstanding, desk.language)]));
    }
    page::show(&Confirm {
        f: desk.frame("devices"),
        title: fill(&words.revoke_title, &[&device.name]),
        back: desk.url("/devices"),
        back_name: &words.devices,
        lines,
        act: &words.revoke_act,
    })
}

/// `POST …/devices/{device}/revoke`.
///
/// # Errors
/// When there is no such device, it was revoked before, this person may only look, or the database is away.
pub async fn revoke(desk: Desk, Path((_, device)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    edit::revoke(&mut tx, DeviceId(device)).await?;
    tx.commit().await?;
    Ok(page::go(&desk.url("/devices?done=revoked")))
}
