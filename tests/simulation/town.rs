//! What this world sells: a hall on two evenings with boxes that are one number for both, and a stage that is another
//! event. A ticket of a box takes a unit of its evening's hall and one of the boxes.

use willcall_domain::{
    catalog::{Article, QuotaRow},
    checkin::merge::Allowed,
    id::{DateId, EventId, ItemId, ListId, OrganizerId, QuotaId},
};

pub const ORGANIZER: OrganizerId = OrganizerId(1);
pub const HALL: EventId = EventId(1);
pub const STAGE: EventId = EventId(2);
pub const EVENTS: [EventId; 2] = [HALL, STAGE];

const SEAT: ItemId = ItemId(1);
const BOX: ItemId = ItemId(2);
const STANDING: ItemId = ItemId(3);
const FRIDAY: DateId = DateId(1);
const SATURDAY: DateId = DateId(2);

pub const FRIDAY_QUOTA: QuotaId = QuotaId(1);
pub const SATURDAY_QUOTA: QuotaId = QuotaId(2);
pub const BOX_QUOTA: QuotaId = QuotaId(3);
pub const STAGE_QUOTA: QuotaId = QuotaId(4);
pub const QUOTAS: [QuotaId; 4] = [FRIDAY_QUOTA, SATURDAY_QUOTA, BOX_QUOTA, STAGE_QUOTA];

/// What every ticket costs, in minor units.
pub const PRICE: i64 = 1_000;
pub const LIST_ALLOWS: Allowed = Allowed { multiple_entries: false, entry_after_exit: false };

/// The check-in list of an event.
pub fn list(event: EventId) -> ListId {
    ListId(event.0)
}

const fn on(item_id: ItemId, date_id: Option<DateId>) -> Article {
    Article { item_id, variation_id: None, date_id }
}

/// Everything that is sold, the most usual first.
pub const ARTICLES: [Article; 5] = [
    on(SEAT, Some(FRIDAY)),
    on(SEAT, Some(SATURDAY)),
    on(STANDING, None),
    on(BOX, Some(FRIDAY)),
    on(BOX, Some(SATURDAY)),
];

/// A voucher is for this.
pub const OF_VOUCHERS: Article = ARTICLES[0];

pub fn event_of(article: Article) -> EventId {
    if article.item_id == STANDING { STAGE } else { HALL }
}

pub fn event_of_quota(quota: QuotaId) -> EventId {
    if quota == STAGE_QUOTA { STAGE } else { HALL }
}

/// What counts in which quota, on which evening.
pub fn quotas() -> [QuotaRow; 4] {
    let row = |quota_id, items: &[ItemId], date_id| QuotaRow {
        quota_id,
        event_id: event_of_quota(quota_id),
        name: String::new(),
        size: None,
        items: items.to_vec(),
        date_id,
        free: None,
        outstanding: 0,
        version: 1,
    };
    [
        row(FRIDAY_QUOTA, &[SEAT, BOX], Some(FRIDAY)),
        row(SATURDAY_QUOTA, &[SEAT, BOX], Some(SATURDAY)),
        row(BOX_QUOTA, &[BOX], None),
        row(STAGE_QUOTA, &[STANDING], None),
    ]
}

/// The quotas an article takes a unit of.
pub fn counted(article: Article) -> Vec<QuotaId> {
    let all = [
        (FRIDAY_QUOTA, article.date_id == Some(FRIDAY)),
        (SATURDAY_QUOTA, article.date_id == Some(SATURDAY)),
        (BOX_QUOTA, article.item_id == BOX),
        (STAGE_QUOTA, article.item_id == STANDING),
    ];
    all.into_iter().filter(|(_, counts)| *counts).map(|(quota, _)| quota).collect()
}

/// Whose blanks travel with units of a quota.
pub fn articles_of(quota: QuotaId) -> Vec<Article> {
    ARTICLES.into_iter().filter(|article| counted(*article).contains(&quota)).collect()
}
