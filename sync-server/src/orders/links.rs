//! Addresses of an order: whoever has one has its tickets, so they are never logged and never sent to third parties.

use crate::app::App;
use willcall_domain::id::OrderId;

/// Path of the order page, without the server.
#[must_use]
pub fn path(app: &App, organizer_slug: &str, event_slug: &str, code: &str, order: OrderId) -> String {
    let secret = app.secrets.order_link(order);
    format!("/{organizer_slug}/{event_slug}/order/{code}/{secret}")
}

/// The order page as it stands in mails.
#[must_use]
pub fn url(app: &App, organizer_slug: &str, event_slug: &str, code: &str, order: OrderId) -> String {
    app.public_url() + &path(app, organizer_slug, event_slug, code, order)
}
