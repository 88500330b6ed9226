//! Many tickets at once: paid orders of one ticket each, written in bulk as an import would, and their codes.

use crate::house::House;
use sqlx::PgConnection;
use willcall_domain::{
    clock::UtcMillis,
    entropy::{OsEntropy, uuid_v7},
    id::{EventId, ItemId, OrganizerId, PositionId},
    ticketing::Flags,
};
use willcall_server::{
    App,
    ticketing::{self, CodeOf},
};

/// What each of the crowd has a ticket for.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    pub organizer: OrganizerId,
    pub event: EventId,
    pub item: ItemId,
}

/// Writes `n` paid orders of one ticket each, as somebody whom row-level security does not hold. Stations learn of them
/// by a snapshot, not by changes: enrol after.
///
/// # Errors
/// When the database does not take them.
pub async fn write(
    admin: &mut PgConnection,
    ticket: Ticket,
    now: UtcMillis,
    n: usize,
) -> anyhow::Result<Vec<PositionId>> {
    let positions: Vec<PositionId> = (0..n).map(|_| PositionId::born(now, &OsEntropy)).collect();
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    let orders: Vec<uuid::Uuid> = (0..n).map(|_| uuid_v7(now, &OsEntropy)).collect();
    let codes: Vec<String> = (0..ids.len()).map(|n| format!("B{n:07}")).collect();
    sqlx::query(
        "INSERT INTO orders (organizer_id, order_id, event_id, code, status, name, email, total_minor, channel, placed_at)
         SELECT $1, id, $2, code, 'paid', 'Guest ' || code, code || '@example.org', 2400, 'web', $5
         FROM unnest($3::uuid[], $4::text[]) AS t (id, code)",
    )
    .bind(ticket.organizer.0)
    .bind(ticket.event.0)
    .bind(&orders)
    .bind(&codes)
    .bind(now.0)
    .execute(&mut *admin)
    .await?;
    // Their places are more than there were, so that as many are free as before.
    sqlx::query(
        "WITH sold AS (
             INSERT INTO order_position (organizer_id, position_id, order_id, event_id, item_id, price_minor, tax_rate_bp, tax_minor)
             SELECT $1, id, order_id, $2, $3, 2400, 700, 157 FROM unnest($4::uuid[], $5::uuid[]) AS t (id, order_id) RETURNING 1)
         UPDATE quota SET sold = sold + (SELECT count(*) FROM sold), size = size + (SELECT count(*) FROM sold)
         WHERE organizer_id = $1 AND quota_id IN (SELECT quota_id FROM quota_item WHERE organizer_id = $1 AND item_id = $3)",
    )
    .bind(ticket.organizer.0)
    .bind(ticket.event.0)
    .bind(ticket.item.0)
    .bind(&ids)
    .bind(&orders)
    .execute(admin)
    .await?;
    Ok(positions)
}

/// Cancels these of the house's adult tickets, as an office would one after the other; what stations are told of it is left
/// to who calls.
///
/// # Errors
/// When the database does not take it.
pub async fn cancel(house: &House, positions: &[PositionId]) -> anyhow::Result<()> {
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    sqlx::query(
        "WITH gone AS (
             UPDATE order_position SET canceled = true, version = version + 1
             WHERE position_id = ANY($2) AND NOT canceled RETURNING 1)
         UPDATE quota SET sold = sold - (SELECT count(*) FROM gone) WHERE quota_id = $1",
    )
    .bind(house.quota.0)
    .bind(&ids)
    .execute(&mut house.admin().await?)
    .await?;
    Ok(())
}

/// The codes printed on the tickets of these positions, in their order.
///
/// # Errors
/// When the event has no key.
pub async fn codes_of(
    app: &App,
    ticket: Ticket,
    positions: impl IntoIterator<Item = PositionId>,
) -> anyhow::Result<Vec<(PositionId, String)>> {
    let mut tx = app.begin(ticket.organizer).await?;
    let signer = ticketing::signer(&mut tx, app, ticket.event).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let codes = positions.into_iter().filter_map(|position_id| {
        let of = CodeOf {
            position_id,
            issue: 1,
            article: ticket.item.into(),
            flags: Flags::default(),
            valid_from: None,
            valid_until: None,
        };
        signer.code(&of).map(|code| (position_id, code))
    });
    Ok(codes.collect())
}

fn adult(house: &House) -> Ticket {
    Ticket { organizer: house.organizer, event: house.event, item: house.adult }
}

/// [`write()`] of the house's adult tickets.
///
/// # Errors
/// When the database does not take them.
pub async fn fill(house: &House, n: usize) -> anyhow::Result<Vec<PositionId>> {
    write(&mut house.admin().await?, adult(house), house.nature.clock.now(), n).await
}

/// [`codes_of`] the house's adult tickets.
///
/// # Errors
/// When the event has no key.
pub async fn codes(
    house: &House,
    positions: impl IntoIterator<Item = PositionId>,
) -> anyhow::Result<Vec<(PositionId, String)>> {
    codes_of(house.app()?, adult(house), positions).await
}
