//! The shop: pages for people who buy, working without a script, setting no cookie, asking nothing from elsewhere.
//! Owns how things are shown; what may be sold is [`crate::catalog`]'s, what an order is [`crate::orders`]'.

pub mod accent;
pub mod assets;
mod calendar;
mod checkout;
mod dates;
mod event;
mod form;
mod order;
pub mod page;
pub mod shelf;
mod start;
pub mod view;
pub mod words;

use crate::app::App;
use axum::{Router, middleware, routing::get};

/// Every address of the shop, and what is said where there is nothing.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(start::show))
        .route("/static/{file}", get(assets::serve))
        .route("/{organizer}", get(start::organizer))
        .route("/{organizer}/{event}", get(event::show))
        .route("/{organizer}/{event}/checkout", get(checkout::show).post(event::choose))
        .route("/{organizer}/{event}/order", get(checkout::back).post(checkout::place))
        .route("/{organizer}/{event}/order/{code}/{secret}", get(order::show))
        .route("/{organizer}/{event}/order/{code}/{secret}/tickets.pdf", get(order::tickets))
        .route("/{organizer}/{event}/order/{code}/{secret}/event.ics", get(order::calendar))
        .fallback(start::nowhere)
        .layer(middleware::from_fn(page::dress))
}
