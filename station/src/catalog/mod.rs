//! Events, dates, products and quotas as the server told them. Reads and keeps rows; decides nothing.

mod store;

pub use store::{
    Stamp, date, dates_of_event, dates_of_events, event, events, forget_event, gone, item, items_of_event,
    items_of_events, put_date, put_event, put_item, put_quota, quota, quotas_of_event, quotas_of_events,
};
