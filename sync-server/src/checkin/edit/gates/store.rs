//! SQL of gates.

use crate::app::Tx;
use willcall_domain::id::GateId;

/// A gate with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateFull {
    pub gate_id: GateId,
    pub name: String,
    /// Names of the devices in use that stand there.
    pub devices: Vec<String>,
    /// Names of the lists that are offered there and not everywhere.
    pub lists: Vec<String>,
}

pub(super) async fn gates(tx: &mut Tx, only: Option<GateId>) -> sqlx::Result<Vec<GateFull>> {
    let rows: Vec<(i64, String, Vec<String>, Vec<String>)> = sqlx::query_as(
        "SELECT g.gate_id, g.name,
                ARRAY(SELECT d.name FROM device d WHERE d.organizer_id = $1 AND d.gate_id = g.gate_id
                      AND d.revoked_at IS NULL ORDER BY d.name),
                ARRAY(SELECT l.name FROM checkin_list_gate c JOIN checkin_list l USING (organizer_id, list_id)
                      WHERE c.organizer_id = $1 AND c.gate_id = g.gate_id ORDER BY l.name)
         FROM gate g WHERE g.organizer_id = $1 AND ($2::bigint IS NULL OR g.gate_id = $2) ORDER BY lower(g.name)",
    )
    .bind(tx.organizer.0)
    .bind(only.map(|gate| gate.0))
    .fetch_all(tx.conn())
    .await?;
    let gate = |(id, name, devices, lists)| GateFull { gate_id: GateId(id), name, devices, lists };
    Ok(rows.into_iter().map(gate).collect())
}

/// `None` when another has this name.
pub(super) async fn insert(tx: &mut Tx, name: &str) -> sqlx::Result<Option<GateId>> {
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO gate (organizer_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING gate_id",
    )
    .bind(tx.organizer.0)
    .bind(name)
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(GateId))
}

/// `false` when another has this name.
pub(super) async fn rename(tx: &mut Tx, gate: GateId, name: &str) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE gate SET name = $3, version = version + 1 WHERE organizer_id = $1 AND gate_id = $2
         AND NOT EXISTS (SELECT FROM gate o WHERE o.organizer_id = $1 AND o.name = $3 AND o.gate_id <> $2)",
    )
    .bind(tx.organizer.0)
    .bind(gate.0)
    .bind(name)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Devices at this gate are called by its name; answers which.
pub(super) async fn name_at_devices(tx: &mut Tx, gate: GateId, name: &str) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "UPDATE device SET gate = $3, version = version + 1 WHERE organizer_id = $1 AND gate_id = $2
         RETURNING device_id",
    )
    .bind(tx.organizer.0)
    .bind(gate.0)
    .bind(name)
    .fetch_all(tx.conn())
    .await
}

/// Devices that were revoked stand at it no more: their history keeps its name.
pub(super) async fn detach(tx: &mut Tx, gate: GateId) -> sqlx::Result<()> {
    sqlx::query("UPDATE device SET gate_id = NULL WHERE organizer_id = $1 AND gate_id = $2")
        .bind(tx.organizer.0)
        .bind(gate.0)
        .execute(tx.conn())
        .await
        .map(drop)
}

pub(super) async fn delete(tx: &mut Tx, gate: GateId) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM gate WHERE organizer_id = $1 AND gate_id = $2")
        .bind(tx.organizer.0)
        .bind(gate.0)
        .execute(tx.conn())
        .await
        .map(drop)
}
