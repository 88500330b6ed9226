//! The till and its papers.

use crate::{App, host::printer::Printed};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use willcall_domain::{
    id::OrderId,
    leases::right_view::{PayOrderRequest, RefundOrderRequest},
    problem::Problem,
    sync::fact,
    till::wire::{SaleView, SellRequest, TillView, VoidRequest},
};

/// Which paper of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PrintWhat {
    Tickets,
    Receipt,
}

/// A paper asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PrintRequest {
    pub order_id: OrderId,
    pub what: PrintWhat,
    /// The number of a receipt over money that went back; `None` is the sale's own.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub receipt: Option<u64>,
}

/// # Errors
/// As the engine refuses.
pub async fn view(app: &App) -> Result<TillView, Problem> {
    app.station()?.till().await
}

/// # Errors
/// As the engine refuses.
pub async fn sell(app: &App, request: SellRequest) -> Result<SaleView, Problem> {
    app.station()?.sell(request).await
}

/// # Errors
/// As the engine refuses.
pub async fn void(app: &App, request: VoidRequest) -> Result<SaleView, Problem> {
    app.station()?.void(request).await
}

/// # Errors
/// `needs-link` where another holds the right; else as the engine refuses.
pub async fn pay_order(app: &App, request: PayOrderRequest) -> Result<SaleView, Problem> {
    app.station()?.pay_order(request).await
}

/// # Errors
/// `needs-link` where another holds the right; else as the engine refuses.
pub async fn refund_order(app: &App, request: RefundOrderRequest) -> Result<SaleView, Problem> {
    app.station()?.refund_order(request).await
}

/// Prints and writes into the journal that it was.
///
/// # Errors
/// There is no such sale, or the printer does not take it: then the journal says nothing of a print.
pub async fn print(app: &App, request: PrintRequest) -> Result<Printed, Problem> {
    let settings = app.settings.get();
    let (name, what) = match request.what {
        PrintWhat::Tickets => ("tickets", fact::Printed::Tickets),
        PrintWhat::Receipt => ("receipt", fact::Printed::Receipt),
    };
    let paper = app.station()?.paper(request.order_id, what, request.receipt, settings.language.into()).await?;
    let name = format!("{name}-{}", request.order_id);
    let printed = app.printer.print(settings.printer.as_deref(), &name, &paper).await?;
    app.station()?.record_print(request.order_id, what, request.receipt).await?;
    Ok(printed)
}

/// # Errors
/// Never: where there is no print service there are no queues.
pub async fn printers(app: &App) -> Result<Vec<String>, Problem> {
    Ok(app.printer.queues().await)
}
