//! SQL that writes a movement of units. All rows that it changed are written by one statement, after which the database
//! checks that each unit is still in one place.

use super::{Kept, hand_overs::word, state_word, write_units};
use crate::app::Tx;
use serde_json::{Value, json};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, LeaseId, PositionId, QuotaId},
    leases::{
        GrantBody, LeaseState,
        ledger::{HandOver, LeaseAccount, QuotaAccount},
    },
};

/// A lease that was not there before.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::leases) struct Lent {
    account: LeaseAccount,
    event: EventId,
    request: Uuid,
    requested_at: UtcMillis,
    accepted_at: Option<UtcMillis>,
    incarnation: Option<u32>,
    body: Value,
}

impl Lent {
    /// As it was granted: `body` is what was signed.
    ///
    /// # Errors
    /// When the body cannot be written.
    pub fn granted(account: &LeaseAccount, body: &GrantBody) -> sqlx::Result<Self> {
        Ok(Self {
            account: account.clone(),
            event: body.event_id,
            request: body.request_id.0,
            requested_at: body.granted_at,
            accepted_at: None,
            incarnation: None,
            body: serde_json::to_value(body).map_err(|e| sqlx::Error::Encode(e.into()))?,
        })
    }

    /// The lease a hand-over became. It was never asked for, so the hand-over's id stands for the request.
    pub fn taken(account: &LeaseAccount, kept: &Kept, incarnation: u32, now: UtcMillis) -> Self {
        Self {
            account: account.clone(),
            event: kept.event,
            request: account.lease_id.0,
            requested_at: now,
            accepted_at: Some(now),
            incarnation: Some(incarnation),
            body: json!({ "hand_over_id": kept.hand_over.hand_over_id, "from": kept.hand_over.from }),
        }
    }
}

/// What one movement changed; what it names was held before, but for what is new.
#[derive(Debug, Default)]
pub(in crate::leases) struct Moved<'a> {
    pub quota: Option<(QuotaId, &'a QuotaAccount)>,
    pub leases: Vec<&'a LeaseAccount>,
    pub lent: Option<Lent>,
    pub hand_overs: Vec<&'a HandOver>,
    /// A hand-over heard of for the first time, as it stands now.
    pub given: Option<&'a Kept>,
    /// A unit that became a position's.
    pub sold: Option<(LeaseId, u32, PositionId)>,
    /// A unit that is no position's any more.
    pub unsold: Option<(LeaseId, u32)>,
}

impl<'a> Moved<'a> {
    /// Of the account of one quota alone.
    pub fn quota(id: QuotaId, account: &'a QuotaAccount) -> Self {
        Self { quota: Some((id, account)), ..Self::default() }
    }

    /// Of the account of one quota and one of its leases.
    pub fn lease(id: QuotaId, account: &'a QuotaAccount, lease: &'a LeaseAccount) -> Self {
        Self { leases: vec![lease], ..Self::quota(id, account) }
    }

    /// Of a new lease of a quota.
    pub fn lent(id: QuotaId, account: &'a QuotaAccount, lent: Lent) -> Self {
        Self { lent: Some(lent), ..Self::quota(id, account) }
    }

    /// Rows it changes.
    fn rows(&self) -> usize {
        let single = [
            self.quota.is_some(),
            self.lent.is_some(),
            self.given.is_some(),
            self.sold.is_some(),
            self.unsold.is_some(),
        ];
        self.leases.len() + self.hand_overs.len() + single.into_iter().filter(|is| *is).count()
    }
}

fn quota_json(id: QuotaId, account: &QuotaAccount) -> Value {
    json!({
        "quota_id": id, "size": account.size, "target": account.target, "sold": account.sold, "leased": account.leased,
        "in_flight": account.in_flight, "excess": account.excess, "unheard": account.unheard,
    })
}

fn lease_json(account: &LeaseAccount) -> Value {
    json!({
        "lease_id": account.lease_id, "quota_id": account.quota_id, "device_id": account.holder,
        "granted": account.granted, "sold": account.sold.total(), "returned": account.returned.total(),
        "freed": account.freed.total(), "given": account.given.total(), "written_off": account.written_off.total(),
        "returned_units": write_units(&account.returned), "freed_units": write_units(&account.freed),
        "given_units": write_units(&account.given), "written_off_units": write_units(&account.written_off),
        "state": state_word(account.state), "keep": account.keep, "proved_wrong": account.proved_wrong,
        "ended": account.state == LeaseState::Closed || account.given_up(),
    })
}

fn lent_json(lent: &Lent) -> Value {
    let mut row = lease_json(&lent.account);
    row["event_id"] = json!(lent.event);
    row["request_id"] = json!(lent.request);
    row["requested_at"] = json!(lent.requested_at);
    row["accepted_at"] = json!(lent.accepted_at);
    row["incarnation"] = json!(lent.incarnation);
    row["grant_body"] = lent.body.clone();
    row
}

fn hand_over_json(one: &HandOver) -> Value {
    json!({
        "hand_over_id": one.hand_over_id, "moved": write_units(&one.moved), "state": word(one.state),
        "quota_id": one.quota_id, "lease_id": one.lease_id, "device_id": one.from, "to_device_id": one.to,
        "from_unit": one.units.from, "units": one.units.count(),
    })
}

fn given_json(kept: &Kept) -> Value {
    let mut row = hand_over_json(&kept.hand_over);
    row["event_id"] = json!(kept.event);
    row["blanks"] = json!(kept.blanks);
    row
}

fn list<T>(of: impl IntoIterator<Item = T>, row: impl Fn(T) -> Value) -> Value {
    Value::Array(of.into_iter().map(row).collect())
}

/// Parts that a movement does not have are empty, and cost next to nothing.
const WRITE: &str = "
    WITH counted AS (
        UPDATE quota q SET size = m.size, target = m.target, sold = m.sold, leased = m.leased, in_flight = m.in_flight,
            excess = m.excess, unheard = m.unheard, version = q.version + 1
        FROM jsonb_to_recordset($2) AS m (quota_id bigint, size bigint, target bigint, sold bigint, leased bigint,
            in_flight bigint, excess bigint, unheard bigint)
        WHERE q.organizer_id = $1 AND q.quota_id = m.quota_id RETURNING 1
    ), moved AS (
        UPDATE lease l SET sold = m.sold, returned = m.returned, freed = m.freed, given = m.given,
            written_off = m.written_off, returned_units = m.returned_units::int8multirange,
            freed_units = m.freed_units::int8multirange, given_units = m.given_units::int8multirange,
            written_off_units = m.written_off_units::int8multirange, state = m.state, keep = m.keep,
            proved_wrong = m.proved_wrong, closed_at = CASE WHEN m.ended THEN coalesce(l.closed_at, $9) END,
            version = l.version + 1
        FROM jsonb_to_recordset($3) AS m (lease_id uuid, sold bigint, returned bigint, freed bigint, given bigint,
            written_off bigint, returned_units text, freed_units text, given_units text, written_off_units text,
            state text, keep bigint, proved_wrong boolean, ended boolean)
        WHERE l.organizer_id = $1 AND l.lease_id = m.lease_id RETURNING 1
    ), lent AS (
        INSERT INTO lease (organizer_id, lease_id, event_id, quota_id, device_id, granted, request_id, requested_at,
            accepted_at, grant_body, written_off, written_off_units, state, keep, incarnation)
        SELECT $1, m.lease_id, m.event_id, m.quota_id, m.device_id, m.granted, m.request_id, m.requested_at,
            m.accepted_at, m.grant_body, m.written_off, m.written_off_units::int8multirange, m.state, m.keep,
            m.incarnation
        FROM jsonb_to_recordset($4) AS m (lease_id uuid, event_id bigint, quota_id bigint, device_id bigint,
            granted bigint, request_id uuid, requested_at bigint, accepted_at bigint, grant_body jsonb,
            written_off bigint, written_off_units text, state text, keep bigint, incarnation bigint)
        RETURNING 1
    ), passed AS (
        UPDATE hand_over h SET moved = m.moved::int8multirange, state = m.state, version = h.version + 1
        FROM jsonb_to_recordset($5) AS m (hand_over_id uuid, moved text, state text)
        WHERE h.organizer_id = $1 AND h.hand_over_id = m.hand_over_id RETURNING 1
    ), given AS (
        INSERT INTO hand_over (organizer_id, hand_over_id, event_id, quota_id, lease_id, device_id, to_device_id,
            from_unit, units, moved, blanks, state, at)
        SELECT $1, m.hand_over_id, m.event_id, m.quota_id, m.lease_id, m.device_id, m.to_device_id, m.from_unit,
            m.units, m.moved::int8multirange, m.blanks, m.state, $9
        FROM jsonb_to_recordset($6) AS m (hand_over_id uuid, event_id bigint, quota_id bigint, lease_id uuid,
            device_id bigint, to_device_id bigint, from_unit bigint, units bigint, moved text, blanks jsonb, state text)
        RETURNING 1
    ), sold AS (
        INSERT INTO lease_unit (organizer_id, lease_id, unit, position_id)
        SELECT $1, m.lease_id, m.unit, m.position_id
        FROM jsonb_to_recordset($7) AS m (lease_id uuid, unit bigint, position_id uuid) RETURNING 1
    ), unsold AS (
        DELETE FROM lease_unit u USING jsonb_to_recordset($8) AS m (lease_id uuid, unit bigint)
        WHERE u.organizer_id = $1 AND u.lease_id = m.lease_id AND u.unit = m.unit RETURNING 1
    )
    SELECT (SELECT count(*) FROM counted) + (SELECT count(*) FROM moved) + (SELECT count(*) FROM lent)
        + (SELECT count(*) FROM passed) + (SELECT count(*) FROM given) + (SELECT count(*) FROM sold)
        + (SELECT count(*) FROM unsold)";

/// Writes a movement, in one statement.
pub(in crate::leases) async fn save_moved(tx: &mut Tx, moved: &Moved<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    let unit = |lease: LeaseId, unit: u32, position: Option<PositionId>| json!({ "lease_id": lease, "unit": unit, "position_id": position });
    let rows: i64 = sqlx::query_scalar(WRITE)
        .bind(tx.organizer.0)
        .bind(list(moved.quota, |(id, account)| quota_json(id, account)))
        .bind(list(moved.leases.iter().copied(), lease_json))
        .bind(list(&moved.lent, lent_json))
        .bind(list(moved.hand_overs.iter().copied(), hand_over_json))
        .bind(list(moved.given, given_json))
        .bind(list(moved.sold, |(lease, n, position)| unit(lease, n, Some(position))))
        .bind(list(moved.unsold, |(lease, n)| unit(lease, n, None)))
        .bind(now.0)
        .fetch_one(tx.conn())
        .await?;
    if usize::try_from(rows) == Ok(moved.rows()) { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}
