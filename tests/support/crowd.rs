//! Many tickets at once: paid orders of one ticket each, written in bulk as an import would, and their codes.

use crate::house::House;
use willcall_domain::{entropy::OsEntropy, id::PositionId, ticketing::Flags};
use willcall_server::ticketing::{self, CodeOf};

/// Writes `n` paid orders of one adult ticket each. Stations learn of them by a snapshot, not by changes: enrol after.
///
/// # Errors
/// When the database does not take them.
pub async fn fill(house: &House, n: usize) -> anyhow::Result<Vec<PositionId>> {
    let clock = &*house.nature.clock;
    let positions: Vec<PositionId> = (0..n).map(|_| PositionId::born(clock.now(), &OsEntropy)).collect();
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    let codes: Vec<String> = (0..ids.len()).map(|n| format!("B{n:07}")).collect();
    let mut admin = house.admin().await?;
    sqlx::query(
        "INSERT INTO orders (organizer_id, order_id, event_id, code, status, name, email, total_minor, channel, placed_at)
         SELECT $1, id, $2, code, 'paid', 'Guest ' || code, code || '@example.org', 2400, 'web', $5
         FROM unnest($3::uuid[], $4::text[]) AS t (id, code)",
    )
    .bind(house.organizer.0)
    .bind(house.event.0)
    .bind(&ids)
    .bind(&codes)
    .bind(clock.now().0)
    .execute(&mut admin)
    .await?;
    sqlx::query(
        "INSERT INTO order_position (organizer_id, position_id, order_id, event_id, item_id, price_minor, tax_rate_bp, tax_minor)
         SELECT $1, id, id, $2, $3, 2400, 700, 157 FROM unnest($4::uuid[]) AS t (id)",
    )
    .bind(house.organizer.0)
    .bind(house.event.0)
    .bind(house.adult.0)
    .bind(&ids)
    .execute(&mut admin)
    .await?;
    Ok(positions)
}

/// The codes printed on the tickets of these positions, in their order.
///
/// # Errors
/// When the event has no key.
pub async fn codes(
    house: &House,
    positions: impl IntoIterator<Item = PositionId>,
) -> anyhow::Result<Vec<(PositionId, String)>> {
    let app = house.app()?;
    let mut tx = app.begin(house.organizer).await?;
    let signer = ticketing::signer(&mut tx, app, house.event).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let codes = positions.into_iter().filter_map(|position_id| {
        let of = CodeOf {
            position_id,
            issue: 1,
            item_id: house.adult,
            flags: Flags::default(),
            valid_from: None,
            valid_until: None,
        };
        signer.code(&of).map(|code| (position_id, code))
    });
    Ok(codes.collect())
}
