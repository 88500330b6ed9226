//! SQL of operators.

use crate::app::Tx;
use willcall_domain::{devices::Right, id::OperatorId};

/// An operator with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorFull {
    pub operator_id: OperatorId,
    pub name: String,
    pub has_pin: bool,
    pub rights: Vec<Right>,
    pub active: bool,
}

pub(super) async fn operators(tx: &mut Tx, only: Option<OperatorId>) -> sqlx::Result<Vec<OperatorFull>> {
    let rows: Vec<(i64, String, bool, Vec<String>, bool)> = sqlx::query_as(
        "SELECT operator_id, name, pin <> '', rights, active FROM operator
         WHERE organizer_id = $1 AND ($2::bigint IS NULL OR operator_id = $2)
         ORDER BY NOT active, lower(name), operator_id",
    )
    .bind(tx.organizer.0)
    .bind(only.map(|operator| operator.0))
    .fetch_all(tx.conn())
    .await?;
    let operator = |(id, name, has_pin, rights, active): (i64, String, bool, Vec<String>, bool)| OperatorFull {
        operator_id: OperatorId(id),
        name,
        has_pin,
        rights: Right::known(&rights),
        active,
    };
    Ok(rows.into_iter().map(operator).collect())
}

fn words(rights: &[Right]) -> Vec<&'static str> {
    rights.iter().map(|right| right.as_str()).collect()
}

pub(super) async fn insert(tx: &mut Tx, name: &str, pin: &str, rights: &[Right]) -> sqlx::Result<OperatorId> {
    sqlx::query_scalar(
        "INSERT INTO operator (organizer_id, name, pin, rights) VALUES ($1, $2, $3, $4) RETURNING operator_id",
    )
    .bind(tx.organizer.0)
    .bind(name)
    .bind(pin)
    .bind(words(rights))
    .fetch_one(tx.conn())
    .await
    .map(OperatorId)
}

pub(super) async fn update(tx: &mut Tx, operator: &OperatorFull, pin: Option<&str>) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE operator SET name = $3, pin = coalesce($4, pin), rights = $5, active = $6, version = version + 1
         WHERE organizer_id = $1 AND operator_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(operator.operator_id.0)
    .bind(&operator.name)
    .bind(pin)
    .bind(words(&operator.rights))
    .bind(operator.active)
    .execute(tx.conn())
    .await
    .map(drop)
}
