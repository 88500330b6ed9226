//! What is sold at one event, kept in memory for as long as nobody has written anything: a page that thousands look at is
//! then made without the database. Only looked at, never sold from: placing an order reads for itself.

use super::{
    page::{Trouble, house, live_event},
    view::Tongue,
    words::{Words, fill},
};
use crate::{
    app::App,
    catalog::{self, Seller, ShopEvent, ShopItem},
    wake::Topics,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use willcall_domain::{
    catalog::{
        Article, DateRow, QuotaRow,
        choose::{NotChosen, attach},
    },
    clock::UtcMillis,
    id::{DateId, ItemId, OrganizerId},
    orders::{self, Cart, OrderError, place::MAX_POSITIONS},
};

/// How long a shelf is kept at most, should a word of a change from another process be lost.
const KEPT_MS: u64 = 3_000;
/// The most shelves kept.
const MOST: usize = 1_000;

/// What is sold at one event.
#[derive(Debug)]
pub struct Shelf {
    pub organizer: OrganizerId,
    pub seller: Seller,
    pub event: ShopEvent,
    pub items: Vec<ShopItem>,
    /// The earliest first; empty where the event takes place once.
    pub dates: Vec<DateRow>,
    pub quotas: Vec<QuotaRow>,
}

#[derive(Debug)]
struct Kept {
    shelf: Arc<Shelf>,
    /// How often something had changed anywhere when it was read.
    round: u64,
    at_ms: u64,
}

/// The shelves of a process, by the addresses of organizer and event.
#[derive(Debug, Default)]
pub struct Shelves(Mutex<HashMap<(String, String), Kept>>);

impl Shelves {
    fn find(&self, address: &(String, String), round: u64, now_ms: u64) -> Option<Arc<Shelf>> {
        let shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = shelves.get(address)?;
        (kept.round == round && now_ms.saturating_sub(kept.at_ms) < KEPT_MS).then(|| Arc::clone(&kept.shelf))
    }

    fn keep(&self, address: (String, String), kept: Kept) {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.len() >= MOST {
            shelves.clear();
        }
        shelves.insert(address, kept);
    }
}

/// The shelf of a live event.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn shelf(app: &App, tongue: Tongue, organizer: &str, event: &str) -> Result<Arc<Shelf>, Trouble> {
    let address = (organizer.to_owned(), event.to_owned());
    // Every write that is told to stations counts a round, after its commit: whatever is read from here on is at least as
    // new as this number.
    let round = *app.wake.waiter(Topics::CHANGES).borrow();
    let now_ms = app.clock.monotonic_ms();
    if let Some(shelf) = app.shelves.find(&address, round, now_ms) {
        return Ok(shelf);
    }
    let shelf = Arc::new(Shelf::read(app, tongue, organizer, event).await?);
    app.shelves.keep(address, Kept { shelf: Arc::clone(&shelf), round, at_ms: now_ms });
    Ok(shelf)
}

impl Shelf {
    async fn read(app: &App, tongue: Tongue, organizer: &str, event: &str) -> Result<Self, Trouble> {
        let (mut tx, seller) = house(app, tongue, organizer).await?;
        let event = live_event(&mut tx, tongue, event).await?;
        let items = catalog::items(&mut tx, event.row.event_id).await.map_err(Trouble::sql(tongue))?;
        let quotas = catalog::quotas(&mut tx, event.row.event_id).await.map_err(Trouble::sql(tongue))?;
        let dates = catalog::dates(&mut tx, event.row.event_id).await.map_err(Trouble::sql(tongue))?;
        Ok(Self { organizer: tx.organizer, seller, event, items, dates, quotas })
    }

    pub fn path(&self) -> String {
        format!("/{}/{}", self.seller.slug, self.event.slug)
    }

    /// The cart with each add-on put to a ticket it can belong to.
    pub fn attached(&self, cart: &Cart) -> Cart {
        let items: Vec<_> = self.items.iter().map(|i| i.row.clone()).collect();
        Cart { lines: attach(&cart.lines, &items) }
    }

    /// What the rules say of a cart now; nothing is taken.
    pub fn try_cart(&self, app: &App, cart: &Cart) -> Result<(), OrderError> {
        let items: Vec<_> = self.items.iter().map(|i| i.row.clone()).collect();
        let at = orders::Place {
            event: &self.event.row,
            items: &items,
            dates: &self.dates,
            quotas: &self.quotas,
            now: app.now(),
            hold: Duration::ZERO,
        };
        orders::place(&self.attached(cart), &at, &*app.entropy).map(drop)
    }

    /// The dates that can still be chosen, the earliest first.
    pub fn dates_on_sale(&self, now: UtcMillis) -> Vec<&DateRow> {
        self.dates.iter().filter(|d| d.active && !d.is_over(now)).collect()
    }

    /// Whether anything says how many of a product there are for a date.
    pub fn is_counted(&self, item: ItemId, date_id: Option<DateId>) -> bool {
        self.quotas.iter().any(|q| q.counts(Article { date_id, ..item.into() }))
    }

    /// The date of this number, switched off and past ones too.
    pub fn date(&self, id: Option<DateId>) -> Option<&DateRow> {
        self.dates.iter().find(|d| Some(d.date_id) == id)
    }

    /// Each unit of a cart, in the order its positions will have: what it is of, and its product. What is not there is
    /// left out.
    pub fn units(&self, cart: &Cart) -> Vec<(Article, &ShopItem)> {
        let lines = self.attached(cart).lines;
        let found = lines.into_iter().filter_map(|l| {
            let item = self.items.iter().find(|i| i.row.item_id == l.article.item_id)?;
            Some(std::iter::repeat_n((l.article, item), l.quantity.min(MAX_POSITIONS) as usize))
        });
        found.flatten().collect()
    }

    /// A refusal of the rules as a sentence for the buyer.
    pub fn sentence(&self, words: &Words, error: &OrderError) -> String {
        let name = |id| self.items.iter().find(|i| i.row.item_id == id).map(|i| i.row.name.as_str());
        match error {
            OrderError::Empty => words.errors.choose.clone(),
            OrderError::TooMany(most) => fill(&words.errors.too_many, &[("n", &most.to_string())]),
            OrderError::NotForSale(id) => match name(*id) {
                Some(product) => fill(&words.errors.not_for_sale, &[("product", product)]),
                None => words.errors.gone.clone(),
            },
            OrderError::SoldOut { name, free: 0, .. } => fill(&words.errors.sold_out, &[("product", name)]),
            OrderError::SoldOut { name, free, .. } => {
                fill(&words.errors.fewer_left, &[("product", name), ("n", &free.to_string())])
            }
            OrderError::Closed => words.errors.closed.clone(),
            OrderError::Choice(chosen) => match chosen {
                NotChosen::Item(id) | NotChosen::VariationNeeded(id) | NotChosen::Variation(id, _) => {
                    fill(&words.errors.variation, &[("product", name(*id).unwrap_or_default())])
                }
                NotChosen::DateNeeded => words.errors.date_missing.clone(),
                NotChosen::Date(_) => words.errors.date_closed.clone(),
                NotChosen::AddonAlone(id) | NotChosen::AddonOf(id) => {
                    let with = self.together_with(*id).join(", ");
                    fill(&words.errors.addon, &[("product", name(*id).unwrap_or_default()), ("with", &with)])
                }
            },
            OrderError::Is(_) | OrderError::Amount { .. } | OrderError::Status(_) | OrderError::Money(_) => {
                error.to_string()
            }
        }
    }

    /// The names of what a product is sold together with.
    pub fn together_with(&self, item: ItemId) -> Vec<&str> {
        let of = self.items.iter().find(|i| i.row.item_id == item).map_or(&[][..], |i| &i.row.addon_to);
        self.items.iter().filter(|i| of.contains(&i.row.item_id)).map(|i| i.row.name.as_str()).collect()
    }
}
