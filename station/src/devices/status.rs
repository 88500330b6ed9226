//! `status`: what this station is and how it stands.

use crate::{
    copies,
    devices::{self, disk},
    journal, orders,
    station::Station,
    sync::cases,
};
use willcall_domain::{
    devices::wire::{EnrolmentView, StatusView},
    problem::Problem,
    sync::PROTOCOL,
};

/// The station's account of itself; answers without a network.
///
/// # Errors
/// When the database cannot be read.
pub async fn status(station: &Station) -> Result<StatusView, Problem> {
    let identity = station.identity();
    let who = identity.as_ref().map(|i| (i.device_id, i.incarnation));
    let me = identity.clone();
    let counts = station.db().read(move |tx| {
        let length = who.map_or(Ok(0), |(device, incarnation)| journal::length(tx, device, incarnation))?;
        let standing = me.map(|me| copies::view(tx, &me)).transpose()?.unwrap_or_default();
        let (waiting, open_cases) = (journal::waiting(tx)?, cases::open_count(tx)?);
        Ok((length, waiting, orders::count(tx)?, devices::recovery(tx)?, standing, open_cases))
    });
    let (journal_length, waiting, tickets, recovered, standing, open_cases) = counts.await?;
    let (age, link) = (station.data_age(), station.link().view());
    let measured = station.link().measured(station.host());
    Ok(StatusView {
        software: station.software().to_owned(),
        protocol: PROTOCOL,
        incarnation: identity.as_ref().map_or(0, |i| i.incarnation),
        enrolment: identity.map(|i| EnrolmentView {
            organizer_name: i.organizer_name,
            device_id: i.device_id,
            name: i.name,
            gate: i.gate,
            role: i.role,
            server: i.url,
        }),
        link,
        data_age_s: age.map(|a| a.seconds),
        data_age_at_least: age.is_some_and(|a| a.at_least),
        waiting,
        journal_length,
        tickets,
        key_store: station.key_store(),
        clock_offset_ms: measured.map(|m| m.0),
        clock_uncertainty_ms: measured.map(|m| m.1),
        clock_far_off: station.link().is_far_off(station.host()),
        recovered,
        disk: disk::view(station),
        standing,
        open_cases,
    })
}
