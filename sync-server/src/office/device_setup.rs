//! How one device is set up: its gate and lists, what is guarded there, how it behaves.

use super::{
    desk::Desk,
    devices::{RightChoice, chosen, rights},
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit as catalog,
    checkin::edit::{self as lists, gates},
    devices::edit::{self, DeviceFull, setup},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::Wrong,
    devices::{BadgePrint, DeviceSetup, draft::SetupTyped},
    id::{DeviceId, GateId, ListId},
};

#[derive(Template)]
#[template(path = "office/device_setup.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    title: String,
    typed: Typed,
    errors: Errors,
    gates: Vec<Choice>,
    /// By event.
    lists: Vec<(String, Vec<Choice>)>,
    rights: Vec<RightChoice>,
    prints: [&'static str; 3],
}

struct Choice {
    id: i64,
    name: String,
}

async fn form(desk: &Desk, tx: &mut Tx, device: &DeviceFull, typed: Typed, wrong: &[Wrong]) -> Result<Page, Failure> {
    let words = door_words::of(desk.language);
    let mut of_events = Vec::new();
    for event in catalog::list_events(tx).await? {
        if !device.all_events && !device.event_ids.contains(&event.event_id) {
            continue;
        }
        let choices = lists::all(tx, event.event_id).await?.into_iter();
        let choices = choices.map(|list| Choice { id: list.list_id.0, name: list.draft.name }).collect();
        of_events.push((event.draft.name, choices));
    }
    let gate = |gate: gates::GateFull| Choice { id: gate.gate_id.0, name: gate.name };
    let may: Vec<&str> = device.rights.iter().map(|right| right.as_str()).collect();
    let gates = gates::all(tx).await?.into_iter().map(gate).collect();
    Ok(Page {
        f: desk.frame("devices"),
        d: words,
        title: fill(words.t("setup_of"), &[&device.name]),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        gates,
        lists: of_events,
        // What a device may not do cannot be guarded there.
        rights: rights(desk).into_iter().filter(|right| may.contains(&right.word)).collect(),
        prints: BadgePrint::ALL.map(BadgePrint::as_str),
    })
}

fn stored(setup: &DeviceSetup) -> Typed {
    let number = |of: Option<String>| of.unwrap_or_default();
    Typed::of([
        ("gate", number(setup.gate_id.map(|gate| gate.to_string()))),
        ("which", if setup.lists.is_empty() { "all" } else { "some" }.to_owned()),
        ("badge_print", setup.badge_print.as_str().to_owned()),
        ("max_data_age", number(setup.max_data_age_min.map(|minutes| minutes.to_string()))),
    ])
    .with("lists", &setup.lists)
    .with("guarded", setup.guarded.iter().map(|right| right.as_str()))
    .on("kiosk", setup.kiosk)
    .on("locked", setup.locked)
    .on("hide_names", setup.hide_names)
}

fn read(typed: &Typed) -> Result<DeviceSetup, Vec<Wrong>> {
    let mut lists: Vec<ListId> = typed.numbers("lists").into_iter().map(ListId).collect();
    lists.sort_unstable();
    lists.dedup();
    SetupTyped {
        gate: typed.numbers("gate").first().map(|gate| GateId(*gate)),
        lists: (typed.text("which") == "some").then_some(lists),
        kiosk: typed.is("kiosk"),
        badge_print: typed.text("badge_print"),
        max_data_age: typed.text("max_data_age"),
        locked: typed.is("locked"),
        guarded: chosen(typed, "guarded"),
        hide_names: typed.is("hide_names"),
    }
    .read()
}

/// `GET …/devices/{device}/setup`.
///
/// # Errors
/// When there is no such device, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, device)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let device = edit::find(&mut tx, DeviceId(device)).await?;
    let typed = stored(&setup::of(&mut tx, device.device_id).await?);
    page::show(&form(&desk, &mut tx, &device, typed, &[]).await?)
}

/// `POST …/devices/{device}/setup`.
///
/// # Errors
/// When there is no such device, it was revoked, a gate or list is gone, this person may only look, or the database is
/// away.
pub async fn update(desk: Desk, Path((_, device)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let device = edit::find(&mut tx, DeviceId(device)).await?;
    match read(&typed) {
        Ok(wanted) => {
            setup::set(&mut tx, device.device_id, &wanted).await?;
            tx.commit().await?;
            Ok(page::go(&desk.url("/devices?done=saved")))
        }
        Err(wrong) => page::show_refused(&form(&desk, &mut tx, &device, typed, &wrong).await?),
    }
}
