//! A sale: units, blanks, money and receipt in one transaction, from leases only, whether there is a link or not. The
//! same request again is the same sale.

use super::{
    store, view,
    vouchers::{self, Spending},
};
use crate::{
    catalog,
    change_feed::Topic,
    copies,
    devices::disk,
    error::Fault,
    journal::{self, Pen},
    leases, orders,
    station::Station,
};
use rusqlite::Transaction;
use std::{collections::BTreeMap, sync::Arc};
use willcall_domain::{
    catalog::{EventRow, ItemRow},
    entropy::Entropy,
    id::{ItemId, LeaseId, OrderId, PaymentId, PositionId, RequestId},
    leases::{Spent, Taken, take},
    money::{Money, MoneyError},
    orders::{OrderStatus, PositionRow, code},
    problem::{Code, Problem},
    sync::{Fact, fact::SaleLine},
    ticketing::{self, EventKey, Verification, blank},
    till::wire::{SaleView, SellLine, SellRequest, Tender},
};

/// Most positions of one sale.
const MOST: u32 = 500;
/// Order codes of an incarnation are counted from here on, so that none repeats after a database was lost.
const CODES_PER_INCARNATION: u64 = 1_000_000;

/// Sells.
///
/// # Errors
/// When this station is no till, something in the cart is not for sale, units here or money given do not suffice, a voucher
/// is not this till's to spend (`needs-link` where nobody can be asked), or it could not be recorded: then it did not
/// happen.
pub async fn sell(station: &Station, request: SellRequest) -> Result<SaleView, Problem> {
    let identity = station.enrolled()?;
    if !identity.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This station is a door; it does not sell."));
    }
    if !identity.events.contains(&request.event_id) {
        return Err(Problem::field("event_id", "This till does not sell for that event."));
    }
    if let Err(problem) = copies::standing::must_not_doubt(station).await {
        return sold_before(station, request.request_id).await?.ok_or(problem);
    }
    if let Err(problem) = disk::room_for_a_sale(station) {
        // The same request again is the same sale, whatever the disk says now.
        return sold_before(station, request.request_id).await?.ok_or(problem);
    }
    if !request.vouchers.is_empty() {
        if let Some(sale) = sold_before(station, request.request_id).await? {
            return Ok(sale);
        }
        vouchers::ensure(station, &request).await?;
    }
    let counter_base = u64::from(identity.incarnation.saturating_sub(1)) * CODES_PER_INCARNATION;
    let deal = Deal {
        pen: station.pen(&identity, station.reading().at)?,
        entropy: station.host().entropy.clone(),
        keys: station.event_keys(),
        counter_base,
        request,
    };
    let sale = station.db().write(move |tx| deal.close(tx)).await.map_err(|fault| refused(station, fault))?;
    tracing::info!(order = %sale.order_id, positions = sale.positions.len(), receipt = sale.receipt_number, "sold");
    station.feed().announce_fact(&[Topic::Till, Topic::Status, Topic::Door]);
    Ok(sale)
}

async fn sold_before(station: &Station, request: RequestId) -> Result<Option<SaleView>, Problem> {
    let sold = move |tx: &Transaction<'_>| {
        store::order_of_request(tx, request)?.map(|order| view::sale_view(tx, order)).transpose()
    };
    Ok(station.db().read(sold).await?)
}

/// A sale the disk refused in the end: rolled back, and the screens hear of it before the next one.
fn refused(station: &Station, fault: Fault) -> Problem {
    if !fault.passes() {
        return fault.into();
    }
    tracing::error!(cause = %fault, "a sale could not be recorded");
    station.feed().announce(&[Topic::Till, Topic::Status]);
    let detail = "The disk did not take the sale. Nothing was sold: give back what was handed over. Scanning goes on.";
    Problem::new(Code::DiskFull, detail)
}

/// All that one sale needs besides the database.
struct Deal {
    request: SellRequest,
    pen: Pen,
    entropy: Arc<dyn Entropy>,
    keys: Arc<Vec<EventKey>>,
    counter_base: u64,
}

/// One position to be sold, and its code where it is a ticket.
struct Sold<'a> {
    item: &'a ItemRow,
    line: SaleLine,
    code: Option<String>,
    /// The code of the voucher that gave its price.
    voucher: Option<String>,
}

impl Deal {
    fn close(&self, tx: &Transaction<'_>) -> Result<SaleView, Fault> {
        if let Some(order) = store::order_of_request(tx, self.request.request_id)? {
            return view::sale_view(tx, order);
        }
        let no_event = || Fault::from(Problem::field("event_id", "This event is not known here yet."));
        let event = catalog::event(tx, self.request.event_id)?.ok_or_else(no_event)?;
        let items = catalog::items_of_event(tx, event.event_id)?;
        let cart = check_cart(&self.request.lines, &items)?;
        let spending = vouchers::spend(tx, &self.pen, &self.request, &cart)?;
        let (total, given, change) = self.settle(&cart, &spending, &event)?;
        let sold = self.take(tx, &event, &cart, spending)?;
        let order = OrderId::born(self.pen.at.wall, &*self.entropy);
        self.record(tx, order, &event, &sold, (total, given, change))?;
        let named = |s: &Sold<'_>| match &s.voucher {
            Some(code) => format!("{} ({code})", s.item.name),
            None => s.item.name.clone(),
        };
        let names: Vec<String> = sold.iter().map(named).collect();
        store::name_sale(tx, order, &event.name, &names)?;
        view::sale_view(tx, order)
    }

    /// Total, given, change.
    fn settle(
        &self,
        cart: &[(&ItemRow, u32)],
        spending: &[Option<Spending>],
        event: &EventRow,
    ) -> Result<(Money, Money, Money), Fault> {
        let Tender::Cash { given_minor } = self.request.tender;
        let given = Money::new(given_minor, event.currency);
        let mut prices = cart.iter().flat_map(|(item, n)| (0..*n).map(move |_| item.price)).zip(spending);
        let sum = prices.try_fold(Money::zero(event.currency), |sum, (price, voucher)| {
            sum.plus(voucher.as_ref().map_or(price, |v| v.price))
        });
        let total = sum.map_err(|e| money_problem(&e))?;
        if given.minor < total.minor {
            let detail = format!("{given} were given, {total} are owed. Nothing was sold.");
            return Err(Fault::refused(Code::Underpaid, detail));
        }
        if total.minor == 0 {
            // Nothing is owed, so nothing is taken and nothing is given back.
            return Ok((total, total, total));
        }
        Ok((total, given, given.minus(total).map_err(|e| money_problem(&e))?))
    }

    fn take<'a>(
        &self,
        tx: &Transaction<'_>,
        event: &EventRow,
        cart: &[(&'a ItemRow, u32)],
        spending: Vec<Option<Spending>>,
    ) -> Result<Vec<Sold<'a>>, Fault> {
        let quotas = catalog::quotas_of_event(tx, event.event_id)?;
        let mut held = leases::held(tx, self.pen.station, self.pen.incarnation)?;
        let wanted: Vec<(ItemId, bool, u32)> = cart.iter().map(|(i, n)| (i.item_id, i.admission, *n)).collect();
        let taken = take(&wanted, &quotas, &mut held).map_err(|spent| spent_problem(&spent, cart))?;
        let mut used: BTreeMap<(LeaseId, ItemId), u32> = BTreeMap::new();
        // Taken in the order of the cart, as vouchers were fitted to it.
        let each = taken.into_iter().zip(spending);
        each.map(|(one, voucher)| self.position(tx, cart, (one, voucher), &mut used)).collect()
    }

    fn position<'a>(
        &self,
        tx: &Transaction<'_>,
        cart: &[(&'a ItemRow, u32)],
        (taken, voucher): (Taken, Option<Spending>),
        used: &mut BTreeMap<(LeaseId, ItemId), u32>,
    ) -> Result<Sold<'a>, Fault> {
        let lost = || Fault::Data("a unit was taken that nobody wanted".into());
        let (item, _) = cart.iter().find(|(i, _)| i.item_id == taken.item_id).ok_or_else(lost)?;
        let (position_id, code) = match taken.blank {
            Some(lease) => {
                let skip = used.entry((lease, taken.item_id)).or_default();
                let blank = leases::next_blank(tx, lease, taken.item_id, *skip)?;
                *skip += 1;
                let blank = blank.ok_or_else(|| Fault::Data("a lease counts blanks it does not have".into()))?;
                (blank.position_id, Some(blank.code))
            }
            None => (PositionId::born(self.pen.at.wall, &*self.entropy), None),
        };
        let price = voucher.as_ref().map_or(item.price, |v| v.price);
        let line = SaleLine {
            position_id,
            item_id: item.item_id,
            price,
            tax_rate_bp: item.tax_rate_bp,
            tax: price.tax_included(item.tax_rate_bp),
            units: taken.units,
            blank: taken.blank,
            item_version: item.version,
            voucher: voucher.as_ref().map(|v| v.voucher_id),
        };
        Ok(Sold { item, line, code, voucher: voucher.map(|v| v.code) })
    }

    fn record(
        &self,
        tx: &Transaction<'_>,
        order_id: OrderId,
        event: &EventRow,
        sold: &[Sold<'_>],
        (total, given, change): (Money, Money, Money),
    ) -> Result<(), Fault> {
        // What was dropped behind a checkpoint is counted there.
        let sales = journal::dropped(tx, self.pen.station, self.pen.incarnation)?.map_or(0, |d| d.sales);
        let counter = self.counter_base + sales + store::sales_of(tx, self.pen.station, self.pen.incarnation)? + 1;
        let sale = Fact::Sale {
            order_id,
            order_code: code::of_station(self.pen.station, counter),
            event_id: event.event_id,
            request_id: self.request.request_id,
            lines: sold.iter().map(|s| s.line.clone()).collect(),
            total,
        };
        journal::append(tx, &self.pen, &sale, None, Vec::new())?;
        if total.minor > 0 {
            let payment_id = PaymentId::born(self.pen.at.wall, &*self.entropy);
            let payment = Fact::Payment { payment_id, order_id, amount: total, given, change };
            journal::append(tx, &self.pen, &payment, None, Vec::new())?;
        }
        let number = next_receipt(tx, &self.pen)?;
        journal::append(tx, &self.pen, &Fact::Receipt { number, order_id, total }, None, Vec::new())?;
        let codes: Vec<Verification> = sold
            .iter()
            .map(|s| {
                s.code.as_deref().map_or(Verification::Forged, |c| ticketing::verify(ticketing::read(c), &self.keys))
            })
            .collect();
        own_positions(tx, &sale, &codes)
    }
}

/// The number of the next receipt: without a gap, and never one that was used before a checkpoint.
pub(super) fn next_receipt(tx: &Transaction<'_>, pen: &Pen) -> Result<u64, Fault> {
    let dropped = journal::dropped(tx, pen.station, pen.incarnation)?.map_or(0, |d| d.receipts);
    Ok(store::last_receipt(tx, pen.station, pen.incarnation)?.max(dropped) + 1)
}

/// The tickets of an own sale, so that the own door knows them; validity as the code says it, where it can be read.
///
/// # Errors
/// When the database does not take them.
pub fn own_positions(tx: &Transaction<'_>, fact: &Fact, codes: &[Verification]) -> Result<(), Fault> {
    let Fact::Sale { order_id, order_code, event_id, lines, .. } = fact else { return Ok(()) };
    for (nth, line) in lines.iter().enumerate().filter(|(_, line)| line.blank.is_some()) {
        let signed = match codes.get(nth) {
            Some(Verification::Good(signed)) => Some(signed),
            Some(Verification::UnknownKey | Verification::Forged | Verification::Plain(_)) | None => None,
        };
        orders::put_own(
            tx,
            &PositionRow {
                position_id: line.position_id,
                order_id: *order_id,
                order_code: order_code.clone(),
                event_id: *event_id,
                item_id: line.item_id,
                order_status: OrderStatus::Paid,
                canceled: false,
                blocked: false,
                issue: blank::ISSUE,
                name: None,
                plain: None,
                valid_from: signed.and_then(|s| s.valid_from),
                valid_until: signed.and_then(|s| s.valid_until),
                test: signed.is_some_and(|s| s.flags.test),
                version: 0,
            },
        )?;
    }
    Ok(())
}

/// Each line with its item, lines of the same item joined.
fn check_cart<'a>(lines: &[SellLine], items: &'a [ItemRow]) -> Result<Vec<(&'a ItemRow, u32)>, Problem> {
    let count = lines.iter().fold(0_u32, |sum, l| sum.saturating_add(l.quantity));
    if lines.iter().any(|l| l.quantity == 0) || count == 0 {
        return Err(Problem::field("lines", "The cart is empty."));
    }
    if count > MOST {
        return Err(Problem::field("lines", format!("At most {MOST} in one sale; these are {count}.")));
    }
    let mut cart: Vec<(&ItemRow, u32)> = Vec::new();
    for line in lines {
        let unknown = || Problem::field("lines", format!("Product {} is not on sale here.", line.item_id));
        let item = items.iter().find(|i| i.item_id == line.item_id && i.active).ok_or_else(unknown)?;
        match cart.iter_mut().find(|(i, _)| i.item_id == item.item_id) {
            Some((_, quantity)) => *quantity += line.quantity,
            None => cart.push((item, line.quantity)),
        }
    }
    Ok(cart)
}

pub(super) fn money_problem(error: &MoneyError) -> Fault {
    Fault::refused(Code::Invalid, format!("The total cannot be computed: {error}."))
}

fn spent_problem(spent: &Spent, cart: &[(&ItemRow, u32)]) -> Fault {
    let name = |id: &ItemId| cart.iter().find(|(i, _)| i.item_id == *id).map_or("product", |(i, _)| i.name.as_str());
    match spent {
        Spent::NoQuota { item } => Fault::refused(
            Code::Conflict,
            format!("{} cannot be sold: no quota says how many there are. Nothing was sold.", name(item)),
        ),
        Spent::Units { item, wanted, here } => Fault::refused(
            Code::LeaseSpent,
            format!(
                "{wanted} × {} wanted, {here} can be sold here without asking the server. Nothing was sold.",
                name(item)
            ),
        ),
    }
}
