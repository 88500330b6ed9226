//! Commands about what only this till may do now: vouchers and web orders.

use crate::station::Station;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use willcall_domain::{
    id::{PositionId, RequestId},
    leases::{
        RightKind,
        right_view::{PayOrderRequest, RefundOrderRequest, TakeRightRequest},
    },
    money::Money,
    problem::{Code, Problem},
};

/// A question about rights and web orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RightAsk {
    List,
    /// Asks for the right of a voucher or a web order.
    Take {
        code: String,
    },
    /// Gives it back.
    Release {
        code: String,
    },
    /// Takes cash for a web order, as written: `24`, `24.50`.
    Pay {
        code: String,
        cash: String,
        /// The same id again is the same payment.
        request_id: Option<RequestId>,
    },
    /// Ends a web order and gives its money back.
    Refund {
        code: String,
        reason: String,
        /// Which positions; none is all of it.
        #[serde(default)]
        positions: Vec<PositionId>,
        /// The same id again is the same refund.
        request_id: Option<RequestId>,
    },
}

pub(super) async fn execute(station: &Station, ask: RightAsk) -> Result<Value, Problem> {
    match ask {
        RightAsk::List => super::json(&station.rights().await?),
        RightAsk::Take { code } => super::json(&station.take_right(TakeRightRequest { code, what: None }).await?),
        RightAsk::Release { code } => super::json(&station.release_right(&code).await?),
        RightAsk::Pay { code, cash, request_id } => pay(station, code, &cash, request_id).await,
        RightAsk::Refund { code, reason, positions, request_id } => {
            let request_id = request_id.unwrap_or_else(|| station.new_request_id());
            super::json(
                &station
                    .refund_order(RefundOrderRequest { request_id, code, reason, positions: Some(positions) })
                    .await?,
            )
        }
    }
}

async fn pay(station: &Station, code: String, cash: &str, request_id: Option<RequestId>) -> Result<Value, Problem> {
    // Its currency is known once its right is here.
    let right = station.take_right(TakeRightRequest { code: code.clone(), what: Some(RightKind::Order) }).await?;
    let none = || Problem::new(Code::NotFound, format!("{code} is no web order."));
    let currency = right.order.ok_or_else(none)?.total.currency;
    let given = Money::parse(cash, currency).map_err(|e| Problem::field("cash", format!("{e}.")))?;
    let request_id = request_id.unwrap_or_else(|| station.new_request_id());
    super::json(&station.pay_order(PayOrderRequest { request_id, code, given_minor: given.minor }).await?)
}
