//! The till and its papers.

use crate::{App, host::printer::Printed};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use willcall_domain::{
    id::OrderId,
    problem::Problem,
    sync::fact,
    till::wire::{SaleView, SellRequest, TillView},
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
}

/// # Errors
/// As the engine refuses.
pub async fn view(app: &App) -> Result<TillView, Problem> {
    app.station.till().await
}

/// # Errors
/// As the engine refuses.
pub async fn sell(app: &App, request: SellRequest) -> Result<SaleView, Problem> {
    app.station.sell(request).await
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
    let paper = app.station.paper(request.order_id, what, settings.language.into()).await?;
    let name = format!("{name}-{}", request.order_id);
    let printed = app.printer.print(settings.printer.as_deref(), &name, &paper).await?;
    app.station.record_print(request.order_id, what).await?;
    Ok(printed)
}

/// # Errors
/// Never: where there is no print service there are no queues.
pub async fn printers(app: &App) -> Result<Vec<String>, Problem> {
    Ok(app.printer.queues().await)
}
