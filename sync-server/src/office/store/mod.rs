//! SQL of the office's reading side: what pages show at a glance. Everything that changes something is in its slice.

mod arrivals;
mod cases;
mod dashboard;
mod order;
mod orders;
mod signature_only;

pub use arrivals::{
    DoorTicket, GateCount, Quarter, RefusedScan, door_tickets, gates as gates_of, last_scan, quarters, reasons, refused,
};
pub use cases::{CaseFilter, CaseLine, CaseRow, case_lines, cases};
pub use dashboard::{
    Admitted, EventGlance, GateRow, Sold, admitted, events_near, gates, orders_placed, pending, received, sold,
};
pub use order::{PaymentRow, ScanOfOrder, facts, payments, scans};
pub use orders::{Filter, OrderLine, PAGE, export, page};
pub use signature_only::signature_only;

use crate::app::Tx;

/// Whose desk it is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Head {
    pub slug: String,
    pub name: String,
    pub accent: String,
    pub open_cases: i64,
}

/// # Errors
/// When the database is away.
pub async fn head(tx: &mut Tx) -> sqlx::Result<Head> {
    sqlx::query_as(
        "SELECT slug, name, accent,
                (SELECT count(*) FROM station_case c WHERE c.organizer_id = $1 AND c.closed_at IS NULL) AS open_cases
         FROM organizer WHERE organizer_id = $1",
    )
    .bind(tx.organizer.0)
    .fetch_one(tx.conn())
    .await
}
