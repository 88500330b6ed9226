//! Addresses of the pages that set up doors.

use super::{
    arrivals, badges, device_setup, door_list, gates, item_door, log, media, operators, order_door, questions, rule,
};
use crate::app::App;
use axum::{
    Router,
    routing::{get, post},
};

/// Every page that sets up doors.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/office/{organizer}/gates", get(gates::show).post(gates::create))
        .route("/office/{organizer}/gates/{gate}", post(gates::rename))
        .route("/office/{organizer}/gates/{gate}/remove", post(gates::remove))
        .route("/office/{organizer}/operators", get(operators::show))
        .route("/office/{organizer}/operators/new", get(operators::new).post(operators::create))
        .route("/office/{organizer}/operators/{operator}", get(operators::edit).post(operators::update))
        .route("/office/{organizer}/devices/{device}/setup", get(device_setup::edit).post(device_setup::update))
        .route("/office/{organizer}/log", get(log::show))
        .route("/office/{organizer}/events/{event}/lists/{list}/rule", get(rule::edit).post(rule::update))
        .route("/office/{organizer}/events/{event}/lists/{list}/door-list/{form}", get(door_list::download))
        .route("/office/{organizer}/events/{event}/arrivals", get(arrivals::show))
        .route("/office/{organizer}/events/{event}/refused", get(arrivals::refused))
        .route("/office/{organizer}/events/{event}/media", get(media::show).post(media::assign))
        .route("/office/{organizer}/events/{event}/media/{medium}/{what}", post(media::switch))
        .route("/office/{organizer}/events/{event}/badges", get(badges::show))
        .route("/office/{organizer}/events/{event}/badges/new", get(badges::new).post(badges::create))
        .route("/office/{organizer}/events/{event}/badges/{badge}", get(badges::edit).post(badges::update))
        .route("/office/{organizer}/orders/{code}/approve", post(order_door::approve))
        .route("/office/{organizer}/orders/{code}/note", post(order_door::note))
        .route("/office/{organizer}/orders/{code}/tickets/{position}/{what}", post(order_door::block))
        .route("/office/{organizer}/events/{event}/questions", get(questions::show))
        .route("/office/{organizer}/events/{event}/questions/new", get(questions::new).post(questions::create))
        .route("/office/{organizer}/events/{event}/questions/{question}", get(questions::edit).post(questions::update))
        .route("/office/{organizer}/events/{event}/products/{item}/door", get(item_door::edit).post(item_door::update))
}
