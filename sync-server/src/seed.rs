//! `seed FILE`: makes what a file describes, as far as it is not there yet. What is there stays as it is, whatever the
//! file says, so that the same file may be applied again at any time. Secrets of what was made now are told once.

mod articles;
pub mod outcome;
pub mod plan;
mod store;

use crate::{
    access,
    app::{App, Tx},
    catalog::edit::{self as catalog, Refused},
    checkin::edit as checkin,
    devices::edit as devices,
    http::StaffRole,
    ticketing,
};
use anyhow::{Context, anyhow};
use outcome::{DeviceOutcome, EventOutcome, OrganizerOutcome, Outcome, StaffOutcome};
use plan::{DevicePlan, EventPlan, OrganizerPlan, Plan, StaffPlan};
use std::{collections::BTreeMap, path::Path};
use willcall_domain::{
    access::draft::OrganizerTyped,
    catalog::draft::{EventTyped, ItemTyped, QuotaDraft},
    checkin::list::ListDraft,
    clock::UtcMillis,
    devices::draft::DeviceTyped,
    entropy::{self, Entropy},
    id::{EventId, ItemId, OrganizerId},
};

/// Reads `file` and makes what it describes.
///
/// # Errors
/// When the file cannot be read, something in it is not right (what stands before it is kept), or the database is away.
pub async fn run(app: &App, file: &Path) -> anyhow::Result<Outcome> {
    apply(app, &plan_of(file).await?).await
}

/// What `file` describes.
///
/// # Errors
/// When it cannot be read, is no TOML, or says something nobody knows.
pub async fn plan_of(file: &Path) -> anyhow::Result<Plan> {
    let text = tokio::fs::read_to_string(file).await.with_context(|| format!("{} cannot be read", file.display()))?;
    read(&text).with_context(|| file.display().to_string())
}

/// Reads a seed.
///
/// # Errors
/// When it is no TOML, or says something nobody knows.
pub fn read(text: &str) -> anyhow::Result<Plan> {
    toml::from_str(text).map_err(|wrong: toml::de::Error| {
        let before = wrong.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        anyhow!("line {}: {}", before.matches('\n').count() + 1, wrong.message().replace('\n', ", "))
    })
}

/// Makes what `plan` describes, one transaction an organizer.
///
/// # Errors
/// When something in it is not right, or the database is away.
pub async fn apply(app: &App, plan: &Plan) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome { url: app.public_url(), organizers: Vec::new() };
    for organizer in &plan.organizers {
        let made = apply_organizer(app, organizer).await.with_context(|| format!("organizer {}", organizer.slug))?;
        outcome.organizers.push(made);
    }
    Ok(outcome)
}

async fn apply_organizer(app: &App, plan: &OrganizerPlan) -> anyhow::Result<OrganizerOutcome> {
    let organizer_id = match app.organizer_by_slug(&plan.slug).await? {
        Some(found) => found,
        None => found(app, plan).await?,
    };
    let mut tx = app.begin(organizer_id).await?;
    let mut staff = Vec::new();
    for person in &plan.staff {
        staff.push(apply_staff(&mut tx, person).await.with_context(|| format!("staff {}", person.email))?);
    }
    let mut events = Vec::new();
    for event in &plan.events {
        events.push(apply_event(app, &mut tx, plan, event).await.with_context(|| format!("event {}", event.slug))?);
    }
    let mut made = Vec::new();
    for device in &plan.devices {
        made.push(apply_device(&mut tx, device).await.with_context(|| format!("device {}", device.name))?);
    }
    tx.commit().await?;
    let url = app.public_url();
    Ok(OrganizerOutcome {
        organizer_id,
        url: format!("{url}/{}", plan.slug),
        office_url: format!("{url}/office"),
        slug: plan.slug.clone(),
        staff,
        events,
        devices: made,
    })
}

async fn found(app: &App, plan: &OrganizerPlan) -> anyhow::Result<OrganizerId> {
    let typed = OrganizerTyped {
        name: &plan.name,
        legal_name: &plan.legal_name,
        address: &plan.address,
        tax_number: &plan.tax_number,
        bank_details: &plan.bank_details,
        accent: &plan.accent,
    };
    let draft = typed.read().map_err(|w| refused(w.into()))?;
    access::organizer::found(app, &plan.slug, &draft).await.map_err(refused)
}

async fn apply_staff(tx: &mut Tx, plan: &StaffPlan) -> anyhow::Result<StaffOutcome> {
    let email = plan.email.trim().to_lowercase();
    if store::has_staff(tx, &email).await? {
        return Ok(StaffOutcome { email, password: None });
    }
    let role = [StaffRole::Owner, StaffRole::Manager, StaffRole::Viewer].into_iter().find(|r| r.as_str() == plan.role);
    let role = role.ok_or_else(|| anyhow!("role: owner, manager or viewer, not {:?}", plan.role))?;
    let made_up = plan.password.is_none().then(|| password(tx.entropy()));
    let password = plan.password.clone().or_else(|| made_up.clone()).unwrap_or_default();
    access::add(tx, &access::NewStaff { email: email.clone(), name: plan.name.clone(), password, role }).await?;
    Ok(StaffOutcome { email, password: made_up })
}

/// Four groups of four letters and digits: 80 bits, easily typed.
#[must_use]
pub fn password(entropy: &dyn Entropy) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let letters: Vec<char> =
        entropy::bytes::<16>(entropy).iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

async fn apply_event(
    app: &App,
    tx: &mut Tx,
    organizer: &OrganizerPlan,
    plan: &EventPlan,
) -> anyhow::Result<EventOutcome> {
    let found = catalog::list_events(tx).await?.into_iter().find(|e| e.draft.slug == plan.slug);
    let (event_id, currency) = match found {
        Some(found) => (found.event_id, found.draft.currency),
        None => {
            let draft = typed(plan, app.now())?;
            let event = catalog::create_event(app, tx, &draft, &plan.entrance).await.map_err(refused)?;
            (event, draft.currency)
        }
    };
    let mut items: BTreeMap<String, ItemId> =
        catalog::list_items(tx, event_id).await?.into_iter().map(|i| (i.draft.name, i.item_id)).collect();
    for (rank, item) in (1_i32..).zip(&plan.items) {
        if items.contains_key(&item.name) {
            continue;
        }
        let typed = ItemTyped {
            name: &item.name,
            category: &item.category,
            description: &item.description,
            price: &item.price,
            tax_rate: &item.tax_rate,
            rank: &rank.to_string(),
            active: item.active,
            admission: item.admission,
            look_at_id: item.look_at_id,
            checkin_text: &item.checkin_text,
            addon_to: &named(&item.addon_to, &items).with_context(|| format!("item {}", item.name))?,
        };
        let draft =
            typed.read(currency).map_err(|w| refused(w.into())).with_context(|| format!("item {}", item.name))?;
        let id = catalog::create_item(tx, event_id, &draft).await.map_err(refused)?;
        articles::apply_variations(tx, event_id, (id, currency), item).await?;
        items.insert(item.name.clone(), id);
    }
    articles::apply_dates(tx, event_id, plan, app.now()).await?;
    let quotas = apply_quotas(tx, event_id, plan, &items).await?;
    let lists = apply_lists(tx, event_id, plan, &items).await?;
    let keys = ticketing::public_keys(tx, event_id).await?;
    let url = format!("{}/{}/{}", app.public_url(), organizer.slug, plan.slug);
    Ok(EventOutcome { event_id, slug: plan.slug.clone(), url, items, quotas, lists, keys })
}

async fn apply_quotas(
    tx: &mut Tx,
    event: EventId,
    plan: &EventPlan,
    items: &BTreeMap<String, ItemId>,
) -> anyhow::Result<BTreeMap<String, willcall_domain::id::QuotaId>> {
    let mut quotas: BTreeMap<_, _> =
        catalog::list_quotas(tx, event).await?.into_iter().map(|q| (q.name, q.quota_id)).collect();
    for quota in &plan.quotas {
        if quotas.contains_key(&quota.name) {
            continue;
        }
        let counted = named(&quota.items, items).with_context(|| format!("quota {}", quota.name))?;
        for date_id in articles::dates_of(tx, event, quota).await? {
            let draft = QuotaDraft { name: quota.name.clone(), size: quota.size, date_id };
            let id = catalog::create_quota(tx, event, &draft, &counted).await.map_err(refused)?;
            quotas.insert(quota.name.clone(), id);
        }
    }
    Ok(quotas)
}

async fn apply_lists(
    tx: &mut Tx,
    event: EventId,
    plan: &EventPlan,
    items: &BTreeMap<String, ItemId>,
) -> anyhow::Result<BTreeMap<String, willcall_domain::id::ListId>> {
    let mut lists: BTreeMap<_, _> =
        checkin::all(tx, event).await?.into_iter().map(|l| (l.draft.name, l.list_id)).collect();
    for list in &plan.lists {
        if lists.contains_key(&list.name) {
            continue;
        }
        let admitted = list.items.as_ref().map(|names| named(names, items)).transpose();
        let draft = ListDraft {
            name: list.name.clone(),
            items: admitted.with_context(|| format!("list {}", list.name))?,
            include_pending: list.include_pending,
            allow_multiple_entries: list.allow_multiple_entries,
            allow_entry_after_exit: list.allow_entry_after_exit,
            ..ListDraft::all_tickets("")
        };
        let draft = draft.checked().map_err(|w| refused(w.into()))?;
        let id = checkin::create(tx, event, &draft).await.map_err(refused)?;
        lists.insert(list.name.clone(), id);
    }
    Ok(lists)
}

async fn apply_device(tx: &mut Tx, plan: &DevicePlan) -> anyhow::Result<DeviceOutcome> {
    let all = devices::all(tx).await?;
    if let Some(found) = all.into_iter().find(|d| d.name == plan.name && d.revoked_at.is_none()) {
        let name = plan.name.clone();
        return Ok(DeviceOutcome { device_id: found.device_id, name, token: None, token_expires_at: None });
    }
    let mut events = Vec::new();
    for slug in plan.events.as_deref().unwrap_or_default() {
        let found = catalog::list_events(tx).await?.into_iter().find(|e| e.draft.slug == *slug);
        events.push(found.ok_or_else(|| anyhow!("there is no event {slug:?}"))?.event_id);
    }
    let all_events = plan.events.is_none();
    let rights = plan.rights.clone();
    let typed = DeviceTyped { name: &plan.name, gate: &plan.gate, role: &plan.role, all_events, events, rights };
    let draft = typed.read().map_err(|w| refused(w.into()))?;
    let made = devices::create(tx, &draft).await.map_err(refused)?;
    Ok(DeviceOutcome {
        device_id: made.device,
        name: draft.name,
        token: Some(made.token),
        token_expires_at: Some(made.expires_at),
    })
}

fn typed(plan: &EventPlan, now: UtcMillis) -> anyhow::Result<willcall_domain::catalog::draft::EventDraft> {
    let moment = |text: &str| dated(text, now, &plan.zone);
    let (starts_at, ends_at, admission_at) =
        (moment(&plan.starts_at)?, moment(&plan.ends_at)?, moment(&plan.admission_at)?);
    let typed = EventTyped {
        name: &plan.name,
        slug: &plan.slug,
        description: &plan.description,
        location: &plan.location,
        zone: &plan.zone,
        currency: &plan.currency,
        starts_at: &starts_at,
        ends_at: &ends_at,
        admission_at: &admission_at,
        code_format: &plan.code_format,
        live: plan.live,
        takes_bank_transfer: plan.takes_bank_transfer,
    };
    typed.read().map_err(|w| refused(w.into()))
}

/// `+3d 20:00` → the date it means in `zone`; anything else as it is.
fn dated(text: &str, now: UtcMillis, zone: &str) -> anyhow::Result<String> {
    let Some((days, time)) = text.trim().strip_prefix(['+', '-']).and_then(|rest| rest.split_once("d ")) else {
        return Ok(text.to_owned());
    };
    let days: i64 = days.parse().with_context(|| format!("{text:?}: so many days from today look like +3d 20:00"))?;
    let days = if text.trim().starts_with('-') { -days } else { days };
    let span = jiff::Span::new().try_days(days)?;
    let day = now.in_zone(zone).date().checked_add(span)?;
    Ok(format!("{day} {}", time.trim()))
}

fn named(names: &[String], items: &BTreeMap<String, ItemId>) -> anyhow::Result<Vec<ItemId>> {
    names
        .iter()
        .map(|name| items.get(name).copied().ok_or_else(|| anyhow!("there is no item {name:?} in this event")))
        .collect()
}

fn refused(refused: Refused) -> anyhow::Error {
    match refused {
        Refused::Fields(wrong) => {
            let all: Vec<String> = wrong.iter().map(|(field, error)| format!("{field}: {error}")).collect();
            anyhow!("{}", all.join("; "))
        }
        Refused::Failed(failure) => failure.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::devices::Right;

    #[test]
    fn a_date_is_so_many_days_from_today_in_the_zone_of_the_event() {
        // 23:30 UTC is tomorrow in Berlin.
        let now = UtcMillis::parse("2026-11-21T23:30:00Z").unwrap();
        assert_eq!(dated("+0d 20:00", now, "Europe/Berlin").unwrap(), "2026-11-22 20:00");
        assert_eq!(dated("+10d 08:15", now, "UTC").unwrap(), "2026-12-01 08:15");
        assert_eq!(dated("-1d 08:15", now, "UTC").unwrap(), "2026-11-20 08:15");
        assert_eq!(dated("2027-01-01 20:00", now, "UTC").unwrap(), "2027-01-01 20:00");
        assert!(dated("+xd 08:15", now, "UTC").is_err());
    }

    #[test]
    fn the_example_is_a_seed_and_a_word_nobody_knows_is_not() {
        let example = include_str!("../../assets/seed/example.toml");
        assert!(!read(example).unwrap().organizers.is_empty());
        let wrong = read("[[organizer]]\nslug = \"a\"\nname = \"A\"\ncolour = \"red\"").unwrap_err();
        assert!(wrong.to_string().contains("colour"), "{wrong}");
        let device = "[[organizer]]\nslug = \"a\"\nname = \"A\"\n[[organizer.device]]\nname = \"D\"\nrole = \"door\"\n";
        let right = |word: &str| read(&format!("{device}rights = [\"{word}\"]"));
        assert_eq!(right("time_by_hand").unwrap().organizers[0].devices[0].rights, [Right::TimeByHand]);
        let wrong = right("fly").unwrap_err();
        assert!(wrong.to_string().contains("fly") && wrong.to_string().contains("time_by_hand"), "{wrong}");
    }
}
