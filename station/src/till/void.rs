//! Undoing a sale at its till: the tickets are refused from now on, the money goes back with a receipt of its own, and
//! the units are this till's again only where no code left the house. One transaction, link or not.

use super::{sell, store, view};
use crate::{
    access,
    change_feed::Topic,
    checkin, copies,
    devices::disk,
    error::Fault,
    journal::{self, Pen},
    leases, orders,
    station::Station,
};
use rusqlite::Transaction;
use serde_json::json;
use std::{collections::HashSet, sync::Arc};
use willcall_domain::{
    id::{LeaseId, OrderId, PaymentId, PositionId},
    leases::LeaseState,
    money::Money,
    problem::{Code, Problem},
    sync::{Fact, fact::Printed},
    ticketing::{self, EventKey, Verification},
    till::{
        void::{CannotVoid, SoldLine, Voided, void as decide},
        wire::{SaleView, VoidPaper, VoidRequest},
    },
};

/// Longest reason, in characters.
const LONGEST_REASON: usize = 200;
/// Longest name of who took the paper back.
const LONGEST_NAME: usize = 100;

/// Undoes a sale, or positions of it.
///
/// # Errors
/// When the sale is not this till's, a ticket of it was used, what became of the paper is not said, or it could not be
/// recorded: then it did not happen.
pub async fn void(station: &Station, request: VoidRequest) -> Result<SaleView, Problem> {
    let identity = station.enrolled()?;
    access::sign_in::awake(station, &identity)?;
    if !identity.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This station is a door; it sells nothing and undoes nothing."));
    }
    let request = checked(request)?;
    if let Err(problem) = may_record(station).await {
        // The same request again is the same answer, whatever holds now.
        return answered_before(station, request.request_id).await?.ok_or(problem);
    }
    let deal = Deal { pen: station.pen(&identity, station.reading().at)?, keys: station.event_keys(), request };
    let sale = station.db().write(move |tx| deal.close(tx)).await?;
    tracing::info!(order = %sale.order_id, voids = sale.voids.len(), "a sale was undone");
    station.feed().announce_fact(&[Topic::Till, Topic::Status, Topic::Door]);
    Ok(sale)
}

async fn may_record(station: &Station) -> Result<(), Problem> {
    copies::standing::must_not_doubt(station).await?;
    disk::room_for_a_sale(station)
}

async fn answered_before(
    station: &Station,
    request: willcall_domain::id::RequestId,
) -> Result<Option<SaleView>, Problem> {
    let before = move |tx: &Transaction<'_>| {
        store::order_of_void_request(tx, request)?.map(|order| view::sale_view(tx, order)).transpose()
    };
    Ok(station.db().read(before).await?)
}

fn checked(mut request: VoidRequest) -> Result<VoidRequest, Problem> {
    request.reason = request.reason.trim().to_owned();
    if request.reason.is_empty() || request.reason.chars().count() > LONGEST_REASON {
        return Err(Problem::field("reason", format!("Say why, in 1 to {LONGEST_REASON} characters.")));
    }
    if let VoidPaper::TakenBack { by } = &mut request.paper {
        *by = by.trim().to_owned();
        if by.is_empty() || by.chars().count() > LONGEST_NAME {
            return Err(Problem::field("paper", "Say who took the tickets back."));
        }
    }
    Ok(request)
}

/// All that undoing needs besides the database.
struct Deal {
    pen: Pen,
    keys: Arc<Vec<EventKey>>,
    request: VoidRequest,
}

impl Deal {
    fn close(&self, tx: &Transaction<'_>) -> Result<SaleView, Fault> {
        let (pen, request) = (&self.pen, &self.request);
        if let Some(order) = store::order_of_void_request(tx, request.request_id)? {
            return view::sale_view(tx, order);
        }
        copies::standing::refuse_doubt(tx, pen.station, pen.incarnation)?;
        let order = request.order_id;
        let sale = store::sale(tx, order)?.ok_or_else(not_ours)?;
        if sale.station != pen.station {
            let detail = "This sale was made before this machine was enrolled anew. The office undoes it.";
            return Err(Fault::refused(Code::Conflict, detail));
        }
        if !copies::sells_from(tx, pen.station, pen.incarnation)?.contains(&sale.incarnation) {
            let detail = "This sale is of a time of which a part of the journal is lost, so it may have been undone \
                          before. Nothing was undone; the office can, once the entries have turned up.";
            return Err(Fault::refused(Code::Conflict, detail));
        }
        let printed = store::copies(tx, order, Printed::Tickets, None)? > 0;
        let open = leases::held_leases(tx, pen.station, pen.incarnation)?;
        let open: HashSet<LeaseId> = open.iter().filter(|l| l.state == LeaseState::Open).map(|l| l.lease_id).collect();
        let lines = self.lines(tx, &sale)?;
        let done = decide(&lines, &request.positions, &request.paper, printed, |lease| open.contains(&lease));
        self.record(tx, &sale, done.map_err(|why| refused(&why))?)?;
        view::sale_view(tx, order)
    }

    /// The positions as they stand, by the own journal, scans of everybody and what the server said.
    fn lines(&self, tx: &Transaction<'_>, sale: &store::Sale) -> Result<Vec<SoldLine>, Fault> {
        let voided = store::voided(tx, sale.order_id)?;
        let mut lines = Vec::new();
        for line in store::lines(tx, sale)? {
            let canceled = orders::by_id(tx, line.position_id)?.is_some_and(|p| p.canceled);
            lines.push(SoldLine {
                position_id: line.position_id,
                price: line.price,
                units: line.units,
                ticket: line.blank.is_some(),
                voided: canceled || voided.contains(&line.position_id),
                used: line.blank.is_some() && self.used(tx, line.position_id)?,
            });
        }
        Ok(lines)
    }

    fn used(&self, tx: &Transaction<'_>, position: PositionId) -> Result<bool, Fault> {
        let code = leases::code_of(tx, position)?;
        let hash = code.and_then(|code| match ticketing::verify(ticketing::read(&code), &self.keys) {
            Verification::Good(signed) => Some(signed.payload_hash),
            Verification::UnknownKey | Verification::Forged | Verification::Plain(_) => None,
        });
        checkin::used_anywhere(tx, position, hash.as_ref())
    }

    fn record(&self, tx: &Transaction<'_>, sale: &store::Sale, done: Voided) -> Result<(), Fault> {
        let (pen, order_id) = (&self.pen, sale.order_id);
        let by = match &self.request.paper {
            VoidPaper::TakenBack { by } => Some(by),
            VoidPaper::NotPrinted | VoidPaper::Out => None,
        };
        let beside = json!({ "reason": self.request.reason, "paper_back": by }).to_string();
        let Voided { positions, back, freed, paper, amount } = done;
        let fact = Fact::Void { order_id, event_id: sale.event_id, positions, back, freed, paper };
        let entry = journal::append(tx, pen, &fact, Some(beside), Vec::new())?;
        store::name_void(tx, &entry, self.request.request_id)?;
        if amount.minor > 0 {
            give_money_back(tx, pen, order_id, amount)?;
        }
        Ok(())
    }
}

/// Writes that money goes back, and its receipt.
pub(super) fn give_money_back(tx: &Transaction<'_>, pen: &Pen, order_id: OrderId, amount: Money) -> Result<(), Fault> {
    let refund_id = PaymentId::born(pen.at.wall, &*pen.entropy);
    journal::append(tx, pen, &Fact::Refund { refund_id, order_id, amount }, None, Vec::new())?;
    let number = sell::next_receipt(tx, pen)?;
    let total = Money::new(-amount.minor, amount.currency);
    journal::append(tx, pen, &Fact::Receipt { number, order_id, total }, None, Vec::new())?;
    Ok(())
}

fn not_ours() -> Fault {
    let detail = "This till has not sold that. A sale is undone at the till that made it, or in the office.";
    Fault::refused(Code::NotFound, detail)
}

fn refused(why: &CannotVoid) -> Fault {
    let detail = match why {
        CannotVoid::Unknown => "That is not a position of this sale. Nothing was undone.",
        CannotVoid::Before => "This was undone or cancelled before. Give no money back a second time.",
        CannotVoid::Used => "Somebody has entered with one of these tickets. Nothing was undone; give no money back.",
        CannotVoid::Printed => {
            "The tickets were printed. Say who took them back, or that they are out there. Nothing was undone yet."
        }
        CannotVoid::Money(_) => "The amounts of this sale do not add up. Nothing was undone; the office looks into it.",
    };
    Fault::refused(Code::Conflict, detail)
}
