//! A sale: units, blanks, money and receipt in one transaction, from leases only, whether there is a link or not. The
//! same request again is the same sale.

use super::{
    store, view,
    vouchers::{self, Spending},
};
use crate::{
    access, catalog,
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
    catalog::{
        Article, EventRow,
        choose::{Chosen, NotChosen, Shelf, choose},
    },
    entropy::Entropy,
    id::{LeaseId, OrderId, PaymentId, PositionId, RequestId},
    leases::{Spent, Taken, take},
    money::{Money, MoneyError},
    orders::{OrderStatus, PositionRow, SoldAt, code},
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
    access::sign_in::awake(station, &identity)?;
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
    chosen: Chosen<'a>,
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
        if !event.till_sales {
            return Err(Fault::refused(Code::TillSalesOff, "The organizer has switched it off. Nothing was sold."));
        }
        let items = catalog::items_of_event(tx, event.event_id)?;
        let dates = catalog::dates_of_event(tx, event.event_id)?;
        let cart = self.cart(&Shelf { items: &items, dates: &dates, now: None })?;
        let prices: Vec<_> = cart.iter().map(|one| (one.item.item_id, one.price)).collect();
        let spending = vouchers::spend(tx, &self.pen, &self.request, &prices)?;
        let (total, given, change) = self.settle(&cart, &spending, &event)?;
        let sold = self.take(tx, &event, &cart, spending)?;
        let order = OrderId::born(self.pen.at.wall, &*self.entropy);
        self.record(tx, order, &event, &sold, (total, given, change))?;
        let named = |s: &Sold<'_>| {
            let name = s.chosen.item.name_in(s.chosen.article.variation_id);
            match &s.voucher {
                Some(code) => format!("{name} ({code})"),
                None => name,
            }
        };
        let names: Vec<String> = sold.iter().map(named).collect();
        store::name_sale(tx, order, &event.name, &names)?;
        view::sale_view(tx, order)
    }

    /// Total, given, change.
    fn settle(
        &self,
        cart: &[Chosen<'_>],
        spending: &[Option<Spending>],
        event: &EventRow,
    ) -> Result<(Money, Money, Money), Fault> {
        let Tender::Cash { given_minor } = self.request.tender;
        let given = Money::new(given_minor, event.currency);
        let mut prices = cart.iter().map(|one| one.price).zip(spending);
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

    /// Every position of the request.
    fn cart<'a>(&self, shelf: &Shelf<'a>) -> Result<Vec<Chosen<'a>>, Problem> {
        let lines: Vec<_> = self.request.lines.iter().map(SellLine::choice).collect();
        let count = lines.iter().fold(0_u32, |sum, l| sum.saturating_add(l.quantity));
        if lines.iter().any(|l| l.quantity == 0) || count == 0 {
            return Err(Problem::field("lines", "The cart is empty."));
        }
        if count > MOST {
            return Err(Problem::field("lines", format!("At most {MOST} in one sale; these are {count}.")));
        }
        choose(&lines, shelf).map_err(|error| choice_problem(error, shelf))
    }

    fn take<'a>(
        &self,
        tx: &Transaction<'_>,
        event: &EventRow,
        cart: &[Chosen<'a>],
        spending: Vec<Option<Spending>>,
    ) -> Result<Vec<Sold<'a>>, Fault> {
        let quotas = catalog::quotas_of_event(tx, event.event_id)?;
        let mut held = leases::held(tx, self.pen.station, self.pen.incarnation)?;
        let wanted: Vec<(Article, bool, u32)> = cart.iter().map(|one| (one.article, one.item.admission, 1)).collect();
        let taken = take(&wanted, &quotas, &mut held).map_err(|spent| spent_problem(&spent, cart))?;
        let mut used: BTreeMap<(LeaseId, Article), u32> = BTreeMap::new();
        let mut sold: Vec<Sold<'a>> = Vec::with_capacity(cart.len());
        // Taken in the order of the cart, as vouchers were fitted to it.
        for ((chosen, taken), voucher) in cart.iter().zip(taken).zip(spending) {
            let addon_to = chosen.addon_to.and_then(|nth| sold.get(nth)).map(|parent| parent.line.position_id);
            let one = self.position(tx, *chosen, (taken, voucher), &mut used)?;
            sold.push(Sold { line: SaleLine { addon_to, ..one.line }, ..one });
        }
        Ok(sold)
    }

    fn position<'a>(
        &self,
        tx: &Transaction<'_>,
        chosen: Chosen<'a>,
        (taken, voucher): (Taken, Option<Spending>),
        used: &mut BTreeMap<(LeaseId, Article), u32>,
    ) -> Result<Sold<'a>, Fault> {
        let (position_id, code) = match taken.blank {
            Some(lease) => {
                let skip = used.entry((lease, taken.article)).or_default();
                let blank = leases::next_blank(tx, lease, taken.article, *skip)?;
                *skip += 1;
                let blank = blank.ok_or_else(|| Fault::Data("a lease counts blanks it does not have".into()))?;
                (blank.position_id, Some(blank.code))
            }
            None => (PositionId::born(self.pen.at.wall, &*self.entropy), None),
        };
        let price = voucher.as_ref().map_or(chosen.price, |v| v.price);
        let line = SaleLine {
            position_id,
            item_id: chosen.item.item_id,
            variation_id: chosen.article.variation_id,
            date_id: chosen.article.date_id,
            addon_to: None,
            price,
            tax_rate_bp: chosen.item.tax_rate_bp,
            tax: price.tax_included(chosen.item.tax_rate_bp),
            units: taken.units,
            blank: taken.blank,
            item_version: chosen.item.version,
            voucher: voucher.as_ref().map(|v| v.voucher_id),
        };
        Ok(Sold { chosen, line, code, voucher: voucher.map(|v| v.code) })
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
                variation_id: line.variation_id,
                date_id: line.date_id,
                addon_to: line.addon_to,
                order_status: OrderStatus::Paid,
                canceled: false,
                blocked: false,
                issue: blank::ISSUE,
                name: None,
                plain: None,
                valid_from: signed.and_then(|s| s.valid_from),
                valid_until: signed.and_then(|s| s.valid_until),
                test: signed.is_some_and(|s| s.flags.test),
                door: Default::default(),
                sold_at: Some(SoldAt { price_minor: line.price.minor, tax_rate_bp: line.tax_rate_bp }),
                version: 0,
            },
        )?;
    }
    Ok(())
}

/// Why a line cannot be sold, in words.
fn choice_problem(error: NotChosen, shelf: &Shelf<'_>) -> Problem {
    let name =
        |id| shelf.items.iter().find(|i| i.item_id == id).map_or_else(|| format!("product {id}"), |i| i.name.clone());
    let detail = match error {
        NotChosen::Item(item) => return Problem::field("lines", format!("Product {item} is not on sale here.")),
        NotChosen::VariationNeeded(item) => format!("{} is sold in variations: choose one.", name(item)),
        NotChosen::Variation(item, _) => format!("This variation of {} is not on sale.", name(item)),
        NotChosen::DateNeeded => "This event has several dates: choose one.".to_owned(),
        NotChosen::Date(_) => "This date is not on sale.".to_owned(),
        NotChosen::AddonAlone(item) => format!("{} is sold only together with another product.", name(item)),
        NotChosen::AddonOf(item) => format!("{} is not sold together with that product.", name(item)),
    };
    Problem::field("lines", format!("{detail} Nothing was sold."))
}

pub(super) fn money_problem(error: &MoneyError) -> Fault {
    Fault::refused(Code::Invalid, format!("The total cannot be computed: {error}."))
}

fn spent_problem(spent: &Spent, cart: &[Chosen<'_>]) -> Fault {
    let name = |article: &Article| {
        let item = cart.iter().find(|one| one.article == *article);
        item.map_or_else(|| "product".to_owned(), |one| one.item.name_in(article.variation_id))
    };
    match spent {
        Spent::NoQuota { article } => Fault::refused(
            Code::Conflict,
            format!("{} cannot be sold: no quota says how many there are. Nothing was sold.", name(article)),
        ),
        Spent::Units { article, wanted, here } => Fault::refused(
            Code::LeaseSpent,
            format!(
                "{wanted} × {} wanted, {here} can be sold here without asking the server. Nothing was sold.",
                name(article)
            ),
        ),
    }
}
