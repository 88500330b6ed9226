//! The back office: pages for an organizer's staff. Each page is one file; it loads, asks the slice that owns the use
//! case, and shows. Owns addresses, forms, words and pictures of the office; no rule about money or admission.
//!
//! `/office/sign-in` finds the organizer by e-mail; everything else lives under `/office/{organizer}` and needs a
//! session of that very organizer (`desk::Desk`). Works without script; no page holds any.

mod arrivals;
mod badges;
mod case_words;
mod cases;
mod dashboard;
mod dates;
mod desk;
mod device_setup;
mod devices;
mod door;
mod door_list;
mod door_words;
mod event;
mod event_edit;
mod events;
pub mod form;
pub mod format;
mod gates;
mod item_door;
mod items;
mod keys;
mod lists;
mod log;
mod media;
mod operators;
mod order;
mod order_door;
mod order_erase;
mod orders;
mod orders_csv;
mod organizer;
mod page;
mod plot;
mod qr;
mod questions;
mod quotas;
mod rule;
mod sign_in;
mod sign_out;
mod signature_only;
mod store;
mod trouble;
mod units;
mod variations;
mod vouchers;
pub mod words;

use crate::{app::App, http::csrf};
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
    routing::{get, post},
};

/// Every page of the office.
pub fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/office", get(sign_in::way_in))
        .route("/office/", get(sign_in::way_in))
        .route("/office/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/office/sign-out", post(sign_out::sign_out))
        .route("/office/language/{language}", get(page::choose_language))
        .route("/office/{organizer}", get(dashboard::show))
        .route("/office/{organizer}/events", get(events::show))
        .route("/office/{organizer}/events/new", get(event_edit::new).post(event_edit::create))
        .route("/office/{organizer}/events/{event}", get(event::show))
        .route("/office/{organizer}/events/{event}/edit", get(event_edit::edit).post(event_edit::update))
        .route("/office/{organizer}/events/{event}/products/new", get(items::new).post(items::create))
        .route("/office/{organizer}/events/{event}/products/{item}", get(items::edit).post(items::update))
        .route(
            "/office/{organizer}/events/{event}/products/{item}/variations/new",
            get(variations::new).post(variations::create),
        )
        .route(
            "/office/{organizer}/events/{event}/products/{item}/variations/{variation}",
            get(variations::edit).post(variations::update),
        )
        .route("/office/{organizer}/events/{event}/dates", get(dates::show))
        .route("/office/{organizer}/events/{event}/dates/new", get(dates::new).post(dates::create))
        .route("/office/{organizer}/events/{event}/dates/{date}", get(dates::edit).post(dates::update))
        .route("/office/{organizer}/events/{event}/dates/{date}/remove", post(dates::remove))
        .route("/office/{organizer}/events/{event}/quotas/new", get(quotas::new).post(quotas::create))
        .route("/office/{organizer}/events/{event}/quotas/{quota}", get(quotas::edit).post(quotas::update))
        .route("/office/{organizer}/events/{event}/tills", get(units::show).post(units::set_lending))
        .route("/office/{organizer}/events/{event}/vouchers", get(vouchers::show))
        .route("/office/{organizer}/events/{event}/vouchers/new", get(vouchers::new).post(vouchers::create))
        .route("/office/{organizer}/events/{event}/vouchers/{voucher}", get(vouchers::edit).post(vouchers::update))
        .route("/office/{organizer}/events/{event}/keys", get(keys::show).post(keys::change))
        .route("/office/{organizer}/events/{event}/lists/new", get(lists::new).post(lists::create))
        .route("/office/{organizer}/events/{event}/lists/{list}", get(lists::edit).post(lists::update))
        .route("/office/{organizer}/orders", get(orders::show))
        .route("/office/{organizer}/orders.csv", get(orders_csv::export))
        .route("/office/{organizer}/orders/{code}", get(order::show))
        .route("/office/{organizer}/orders/{code}/mark-paid", post(order::mark_paid))
        .route("/office/{organizer}/orders/{code}/resend", post(order::resend))
        .route("/office/{organizer}/orders/{code}/cancel", get(order::ask_cancel).post(order::cancel))
        .route("/office/{organizer}/orders/{code}/erase", get(order_erase::ask).post(order_erase::erase))
        .route("/office/{organizer}/devices", get(devices::show))
        .route("/office/{organizer}/devices/new", get(devices::new).post(devices::create))
        .route("/office/{organizer}/devices/{device}/write-off", get(units::ask_write_off).post(units::write_off))
        .route(
            "/office/{organizer}/hand-overs/{hand_over}/write-off",
            get(units::ask_hand_over).post(units::write_off_hand_over),
        )
        .route("/office/{organizer}/devices/{device}/invite", post(devices::invite))
        .route("/office/{organizer}/devices/{device}/rights", get(devices::show_rights).post(devices::set_rights))
        .route("/office/{organizer}/devices/{device}/revoke", get(devices::ask_revoke).post(devices::revoke))
        .route("/office/{organizer}/organizer", get(organizer::show).post(organizer::update))
        .route("/office/{organizer}/cases", get(cases::show))
        .route("/office/{organizer}/cases/signature-only", get(signature_only::show))
        .route("/office/{organizer}/cases/{case}/close", post(cases::close))
        .merge(door::routes())
        .layer(middleware::from_fn_with_state(app.clone(), csrf::csrf_guard))
        .layer(middleware::from_fn(trouble::show))
        .layer(middleware::map_response(guarded))
}

/// Nothing of the office is kept by caches, framed by others, or runs anything: there is no script to allow.
async fn guarded(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
