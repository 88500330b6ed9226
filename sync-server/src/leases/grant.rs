//! `POST /api/station/v1/leases`: lends units of a quota, with blanks for what may be sold from them.

use super::{
    recall,
    store::{self, Lent, Moved},
};
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    http::caller::DeviceCaller,
    sync::{Subject, note},
    ticketing::{self, CodeOf, Signer},
};
use axum::{Json, extract::State};
use willcall_domain::{
    catalog::Article,
    id::{DeviceId, EventId, ItemId, LeaseId, PositionId},
    leases::{
        BlankCodes, BlankRange, Grant, GrantBody,
        ledger::{self, QuotaAccount},
        sign_grant,
        size::{ASKED_MAX, GrantSize, expected},
        wire::LeaseRequest,
    },
    problem::{Code, Problem},
    ticketing::{Flags, blank},
};

/// Most units of one request.
const WANTED_MAX: u32 = ASKED_MAX;
/// Of a quota with less than this part free nobody is lent more than it is about to sell.
const DRY_PART: i64 = 50;
/// The first version of the protocol whose stations know dates, variations and add-ons: an earlier one would sell a ticket
/// for no date.
const ARTICLES_SINCE: u32 = 3;
/// Most blanks of one grant: some 3 MB of codes.
const BLANKS_MAX: u32 = 20_000;
/// Issue of a blank's code.
const ISSUE: u8 = willcall_domain::ticketing::blank::ISSUE;

/// Lends units.
///
/// # Errors
/// `forbidden` for a device that does not sell or does not see the event, `sold-out` when nothing can be lent.
pub async fn grant(
    caller: DeviceCaller,
    State(app): State<App>,
    Json(ask): Json<LeaseRequest>,
) -> Result<Json<Grant>, Failure> {
    if !caller.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This device does not sell.").into());
    }
    if ask.wanted == 0 || ask.wanted > WANTED_MAX {
        return Err(Problem::field("wanted", format!("1 to {WANTED_MAX} units")).into());
    }
    if caller.suspended {
        return Err(Problem::new(Code::Forbidden, "This device is suspended: a person must look at it first.").into());
    }
    let mut tx = app.begin(caller.organizer).await?;
    let quota = store::lock_quota(&mut tx, ask.quota_id).await?.filter(|(event, _)| caller.may_see(*event));
    let (event, account) = quota.ok_or_else(|| Problem::new(Code::NotFound, "No such quota."))?;
    if caller.protocol < ARTICLES_SINCE && store::has_articles(&mut tx, event).await? {
        let detail = "This event has dates or products in variations, which this station does not know. Update it.";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let signer = ticketing::signer(&mut tx, &app, event).await?;
    let known = store::by_request(&mut tx, caller.device, ask.request_id, ask.quota_id).await?;
    let body = match known {
        Some(body) => Some(body),
        None => lend(&app, &mut tx, &caller, &ask, (event, account), &signer).await?,
    };
    let Some(body) = body else {
        let lending = store::lending(&mut tx, event).await?;
        if !lending.till_sales {
            return Err(Problem::new(Code::SoldOut, "Tills may not sell for this event now.").into());
        }
        // Nothing for this one: who has more than it needs is asked to give some back.
        let outage = lending.planned_outage_min.unsigned_abs();
        recall::ran_dry(&mut tx, ask.quota_id, expected(ask.wanted, outage).clamp(1, WANTED_MAX)).await?;
        tx.commit().await?;
        return Err(Problem::new(Code::SoldOut, "Nothing of this quota can be lent now.").into());
    };
    let grant = seal(&app, &mut tx, &body, &signer).await?;
    tx.commit().await?;
    Ok(Json(grant))
}

/// How many units a station is lent; see [`GrantSize`].
async fn size_of(
    tx: &mut Tx,
    caller: &DeviceCaller,
    ask: &LeaseRequest,
    event: EventId,
    account: &QuotaAccount,
) -> Result<u32, Failure> {
    let selling = store::selling(tx, caller.device, ask.quota_id, event).await?;
    let free = account.free();
    // When next to nothing is left, nobody is lent more than it is about to sell: else what one gives back because the
    // others have run dry would at once go round again.
    let dry = account.size.zip(free).is_some_and(|(size, free)| free <= size / DRY_PART);
    let needed = expected(selling.rates.mine, selling.planned_outage_min).max(1).saturating_sub(selling.held);
    // Stations ask for an hour's sales.
    let planned = expected(ask.wanted, selling.planned_outage_min).clamp(1, WANTED_MAX);
    let size = GrantSize {
        wanted: if dry { planned.min(needed) } else { planned },
        free,
        size: account.limit(),
        held: selling.held,
        held_by_all: u32::try_from(account.leased.max(0)).unwrap_or(u32::MAX),
        tills: selling.tills,
        rates: selling.rates,
        caps: selling.caps,
    };
    Ok(size.units())
}

async fn lend(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    ask: &LeaseRequest,
    (event_id, mut account): (EventId, QuotaAccount),
    signer: &Signer,
) -> Result<Option<GrantBody>, Failure> {
    // Of what is switched off nothing is lent, and what is out comes back.
    let on_sale = store::is_on_sale(tx, ask.quota_id).await?;
    let articles = store::articles(tx, ask.quota_id).await?;
    let most = blank::units_within(BLANKS_MAX, articles.len());
    let units = if on_sale { size_of(tx, caller, ask, event_id, &account).await?.min(most) } else { 0 };
    let now = app.clock.now();
    let lease_id = LeaseId::born(now, app.entropy.as_ref());
    if units == 0 {
        return Ok(None);
    }
    let Ok(lease) = ledger::grant(&mut account, ask.quota_id, lease_id, caller.device, units) else { return Ok(None) };
    let range = |article: Article| BlankRange {
        article,
        base: blank::base(PositionId::born(now, app.entropy.as_ref())),
        count: blank::count_for(units),
    };
    let body = GrantBody {
        lease_id,
        request_id: ask.request_id,
        organizer_id: caller.organizer,
        event_id,
        quota_id: ask.quota_id,
        station: caller.device,
        units,
        blanks: articles.into_iter().map(range).collect(),
        granted_at: now,
    };
    store::save_moved(tx, &Moved::lent(ask.quota_id, &account, Lent::granted(&lease, &body)?)).await?;
    store::insert_blank_ranges(tx, lease_id, &body.blanks, signer.number, signer.format).await?;
    note(tx, Subject::Quota(ask.quota_id, event_id)).await?;
    tracing::info!(device = caller.device.0, quota = ask.quota_id.0, asked = ask.wanted, units, "lease granted");
    Ok(Some(body))
}

/// Grants of this device that its journal has not taken in yet, each exactly as first given.
///
/// # Errors
/// When the database is away.
pub async fn open_grants(app: &App, tx: &mut Tx, device: DeviceId) -> Result<Vec<Grant>, Failure> {
    let mut grants = Vec::new();
    for body in store::not_accepted(tx, device).await? {
        let signer = ticketing::signer(tx, app, body.event_id).await?;
        grants.push(seal(app, tx, &body, &signer).await?);
    }
    Ok(grants)
}

/// Signs the body and writes the codes of its blanks. Signing is deterministic, so the same grant is the same bytes.
async fn seal(app: &App, tx: &mut Tx, body: &GrantBody, signer: &Signer) -> Result<Grant, Failure> {
    let look = store::look_at_id(tx, body.event_id).await?;
    let codes = body.blanks.iter().map(|range| codes_of(range, signer, &look)).collect::<Option<Vec<_>>>();
    let codes = codes.ok_or_else(|| Problem::new(Code::Internal, "A blank of this grant cannot be signed."))?;
    Ok(sign_grant(body, codes, app.secrets.identity()).map_err(|e| Problem::new(Code::Internal, e.to_string()))?)
}

fn codes_of(range: &BlankRange, signer: &Signer, look: &[ItemId]) -> Option<BlankCodes> {
    let flags = Flags { test: false, blank: true, look_at_id: look.contains(&range.article.item_id) };
    let codes = (0..range.count)
        .map(|n| {
            signer.code(&CodeOf {
                position_id: blank::position(range.base, n),
                issue: ISSUE,
                article: range.article,
                flags,
                valid_from: None,
                valid_until: None,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(BlankCodes { article: range.article, codes })
}
