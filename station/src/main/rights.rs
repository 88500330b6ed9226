//! Arguments about vouchers and web orders.

use clap::{Args, Subcommand};
use willcall_domain::{
    id::{PositionId, RequestId},
    problem::Problem,
};
use willcall_station::command::{Command, RightAsk};

#[derive(Args)]
pub struct RightArgs {
    #[command(subcommand)]
    ask: Option<Asked>,
}

#[derive(Subcommand)]
enum Asked {
    /// Vouchers and web orders that only this till may use now.
    List,
    /// Asks for the voucher or web order CODE.
    Take { code: String },
    /// Gives the voucher or web order CODE back.
    Release { code: String },
}

#[derive(Args)]
pub struct PayArgs {
    /// Code of the web order.
    order: String,
    /// `cash:24.00`, what is handed over.
    #[arg(long)]
    pay: String,
    /// The same id again is the same payment.
    #[arg(long)]
    request_id: Option<RequestId>,
}

#[derive(Args)]
pub struct RefundArgs {
    /// Code of the web order.
    order: String,
    /// Why, for the record.
    #[arg(long)]
    reason: String,
    /// A position by its id, as `right list` shows it; may be given several times. Without it, the order as a whole.
    #[arg(long = "position")]
    positions: Vec<PositionId>,
    /// The same id again is the same refund.
    #[arg(long)]
    request_id: Option<RequestId>,
}

impl RightArgs {
    /// The question these arguments ask.
    pub fn command(self) -> Command {
        let ask = match self.ask.unwrap_or(Asked::List) {
            Asked::List => RightAsk::List,
            Asked::Take { code } => RightAsk::Take { code },
            Asked::Release { code } => RightAsk::Release { code },
        };
        Command::Right { ask }
    }
}

impl PayArgs {
    /// The question these arguments ask.
    pub fn command(self) -> Result<Command, Problem> {
        let cash = self.pay.strip_prefix("cash:");
        let cash = cash.ok_or_else(|| Problem::field("pay", "The till takes cash: --pay cash:24.00"))?.to_owned();
        let ask = RightAsk::Pay { code: self.order, cash, request_id: self.request_id };
        Ok(Command::Right { ask })
    }
}

impl RefundArgs {
    /// The question these arguments ask.
    pub fn command(self) -> Command {
        let Self { order, reason, positions, request_id } = self;
        Command::Right { ask: RightAsk::Refund { code: order, reason, positions, request_id } }
    }
}
