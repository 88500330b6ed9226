//! Placing an order: one transaction that writes the contract, takes the places, and queues what must follow. The same
//! request never makes two orders.

use super::{
    problem_of,
    send_confirmation::{About, SendConfirmation},
    store,
};
use crate::{
    app::App,
    catalog::{self, ShopEvent},
    http::Failure,
    jobs, payments,
    sync::{Subject, note},
    tx::Tx,
};
use std::time::Duration;
use willcall_domain::{
    catalog::{DateRow, QuotaRow},
    clock::UtcMillis,
    id::{EventId, ItemId, OrderId, QuotaId, RequestId},
    money::Money,
    orders::{self, Cart, NewOrder, OrderError, OrderStatus, code},
    paper::Language,
    payments::Provider,
    problem::{Code, Problem},
};

/// Who buys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer {
    pub name: String,
    pub email: String,
    /// In which mails and tickets are written.
    pub language: Language,
}

/// Through which door an order comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The shop or its API: only events that are live, only what the event takes as payment.
    Web,
    /// The back office: also before the event is live.
    Office,
}

impl Channel {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Office => "office",
        }
    }
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub event_id: EventId,
    pub cart: Cart,
    pub buyer: Buyer,
    /// Names for the tickets, in the order of the cart's lines, one for each unit; missing or empty is no name.
    pub attendee_names: Vec<String>,
    /// How it will be paid; where nothing is owed it is free whatever stands here.
    pub provider: Provider,
    pub channel: Channel,
    /// Names the request: the same id again answers with the same order.
    pub request_id: Option<RequestId>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub order_id: OrderId,
    pub code: String,
    pub status: OrderStatus,
    pub total: Money,
    /// When an unpaid order gives its places back.
    pub expires_at: Option<UtcMillis>,
    /// This request had been answered before.
    pub again: bool,
}

/// Why there is no order. The transaction must not be committed then: places may have been taken already.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// The event does not take this way of paying.
    #[error("this order cannot be paid that way")]
    Payment,
    #[error("there is no such event")]
    NoEvent,
    /// The request id belongs to an order of another event.
    #[error("this request was made before for something else")]
    AnotherRequest,
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<sqlx::Error> for PlaceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Refused(refused) => problem_of(&refused).into(),
            PlaceError::Payment => Problem::field("payment", "This event does not take that way of paying.").into(),
            PlaceError::NoEvent => Problem::new(Code::NotFound, "There is no such event.").into(),
            PlaceError::AnotherRequest => {
                Problem::new(Code::Conflict, "This request was made before for another event; take a new id.").into()
            }
            PlaceError::Failed(failure) => failure,
        }
    }
}

/// How often a new order code is drawn when one is taken.
const CODES_TRIED: usize = 5;

/// Places an order in the caller's transaction.
///
/// # Errors
/// When the rules refuse, something is sold out, or the database is away; the caller then rolls back.
pub async fn place(tx: &mut Tx, app: &App, wish: &Wish) -> Result<Placed, PlaceError> {
    if let Some(request) = wish.request_id
        && let Some(placed) = placed_before(tx, request, wish.event_id).await?
    {
        return Ok(placed);
    }
    let event = catalog::event_for_sale(tx, wish.event_id).await?.ok_or(PlaceError::NoEvent)?;
    if wish.channel == Channel::Web && !event.live {
        return Err(PlaceError::NoEvent);
    }
    let (mut order, quotas) = decide(tx, app, &event, &wish.cart).await?;
    let provider = payable(&event, &order, wish)?;
    if !insert(tx, &mut order, wish).await? {
        // Only the same request, committed a moment ago by somebody else, can have been in the way.
        let request = wish.request_id.ok_or_else(|| Failure::internal("no order code is free"))?;
        let placed = placed_before(tx, request, wish.event_id).await?;
        return placed.ok_or_else(|| Failure::internal("no order code is free").into());
    }
    store::insert_positions(tx, &order, &wish.attendee_names).await?;
    payments::open(tx, order.order_id, provider, order.total).await?;
    for position in &order.positions {
        note(tx, Subject::Position(position.position_id, order.event_id)).await?;
    }
    let about = if order.status == OrderStatus::Paid { About::Paid } else { About::Placed };
    jobs::enqueue(tx, &SendConfirmation { order_id: order.order_id, about }).await?;
    take_places(tx, &order, &quotas, &wish.cart).await?;
    tracing::info!(
        organizer = tx.organizer.0, event = order.event_id.0, order = %order.order_id, positions = order.positions.len(),
        channel = wish.channel.as_str(), "order placed"
    );
    Ok(Placed {
        order_id: order.order_id,
        code: order.code,
        status: order.status,
        total: order.total,
        expires_at: order.expires_at,
        again: false,
    })
}

async fn placed_before(tx: &mut Tx, request: RequestId, event: EventId) -> Result<Option<Placed>, PlaceError> {
    match store::by_request(tx, request).await? {
        Some((of_event, placed)) if of_event == event => Ok(Some(placed)),
        Some(_) => Err(PlaceError::AnotherRequest),
        None => Ok(None),
    }
}

async fn decide(
    tx: &mut Tx,
    app: &App,
    event: &ShopEvent,
    cart: &Cart,
) -> Result<(NewOrder, Vec<QuotaRow>), PlaceError> {
    let items: Vec<_> = catalog::items(tx, event.row.event_id).await?.into_iter().map(|i| i.row).collect();
    let quotas = catalog::quotas(tx, event.row.event_id).await?;
    let dates = catalog::dates(tx, event.row.event_id).await?;
    let now = tx.now();
    let of_cart = |d: &&DateRow| cart.lines.iter().any(|l| l.article.date_id == Some(d.date_id));
    let starts_at = dates.iter().filter(of_cart).map(|d| d.starts_at).min().unwrap_or(event.row.starts_at);
    let hold = hold(app.config.payments.transfer_days, starts_at.since(now));
    let at = orders::Place { event: &event.row, items: &items, dates: &dates, quotas: &quotas, now, hold };
    let order = orders::place(cart, &at, tx.entropy())?;
    Ok((order, quotas))
}

/// How long an unpaid order holds its places: days, but not beyond the start, and at least an hour.
fn hold(days: u32, until_start_ms: i64) -> Duration {
    const LEAST: Duration = Duration::from_secs(3_600);
    let days = Duration::from_secs(u64::from(days) * 86_400);
    u64::try_from(until_start_ms).map_or(LEAST, |ms| Duration::from_millis(ms).clamp(LEAST, days.max(LEAST)))
}

fn payable(event: &ShopEvent, order: &NewOrder, wish: &Wish) -> Result<Provider, PlaceError> {
    if order.total.minor == 0 {
        return Ok(Provider::Free);
    }
    match (wish.provider, wish.channel) {
        (Provider::BankTransfer, Channel::Web) if event.takes_bank_transfer => Ok(Provider::BankTransfer),
        (Provider::BankTransfer | Provider::Cash, Channel::Office) => Ok(wish.provider),
        (Provider::Free | Provider::BankTransfer | Provider::Cash, _) => Err(PlaceError::Payment),
    }
}

/// `false` when this request's order is there already.
async fn insert(tx: &mut Tx, order: &mut NewOrder, wish: &Wish) -> Result<bool, PlaceError> {
    for _ in 0..CODES_TRIED {
        if store::insert(tx, order, wish).await? {
            return Ok(true);
        }
        if let Some(request) = wish.request_id
            && store::by_request(tx, request).await?.is_some()
        {
            return Ok(false);
        }
        order.code = code::random(tx.entropy());
    }
    Ok(false)
}

/// Takes the places, last of all: the row of a hot quota is then locked for one statement and the commit only.
async fn take_places(tx: &mut Tx, order: &NewOrder, quotas: &[QuotaRow], cart: &Cart) -> Result<(), PlaceError> {
    for (quota, _) in &order.places {
        note(tx, Subject::Quota(*quota, order.event_id)).await?;
    }
    for (quota, wanted) in &order.places {
        if !store::take(tx, *quota, *wanted).await? {
            let free = store::free(tx, *quota).await?;
            let (item, name) = item_of(tx, order.event_id, *quota, quotas, cart).await?;
            return Err(OrderError::SoldOut { item, name, wanted: *wanted, free }.into());
        }
    }
    Ok(())
}

/// The first product of the cart that counts in `quota`: what the buyer is told about.
async fn item_of(
    tx: &mut Tx,
    event: EventId,
    quota: QuotaId,
    quotas: &[QuotaRow],
    cart: &Cart,
) -> Result<(ItemId, String), PlaceError> {
    let of_quota = quotas.iter().find(|q| q.quota_id == quota).map_or(&[][..], |q| &q.items);
    let item = cart.lines.iter().map(|l| l.article.item_id).find(|i| of_quota.contains(i)).unwrap_or(ItemId(0));
    let name = catalog::items(tx, event).await?.into_iter().find(|i| i.row.item_id == item);
    Ok((item, name.map(|i| i.row.name).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_held_for_days_but_not_beyond_the_start() {
        let day = Duration::from_secs(86_400);
        let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap();
        assert_eq!(hold(7, ms(30 * day)), 7 * day);
        assert_eq!(hold(7, ms(2 * day)), 2 * day);
        assert_eq!(hold(7, 0), Duration::from_secs(3_600), "walk-ins on the day still get an hour");
        assert_eq!(hold(7, -5), Duration::from_secs(3_600));
        assert_eq!(hold(0, ms(day)), Duration::from_secs(3_600));
    }
}
