//! K06: the server in trouble (500, 429, silence) for ten minutes, and engines that are left to themselves: none asks
//! more than twenty times, when they ask is spread evenly over the span each try may take, and what the server asks for
//! is kept.

use crate::town::ms;
use anyhow::ensure;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use willcall_domain::devices::Role;
use willcall_station::Station;
use willcall_tests::{
    awaited,
    house::{House, Plan},
    proxy::{Proxy, Upstream},
    record::Outcome,
    trouble::{Asked, Trouble, Troubled},
};

const LASTS: Duration = Duration::from_secs(600);
const LEAST: Duration = Duration::from_secs(20);
/// The longest pause of an engine, and what an answer may take.
const LONGEST_PAUSE: Duration = Duration::from_secs(320);
/// Requests of one device in that time.
const BAR: usize = 20;
const RETRY_AFTER_S: u64 = 30;
/// Each trouble by its name, with how many engines meet it. Of those that are answered at once, there are enough to see
/// how their tries are spread.
const TROUBLES: [(&str, Trouble, usize); 3] = [
    ("500", Trouble::Internal, 24),
    ("429", Trouble::TooMany { retry_after_s: RETRY_AFTER_S }, 8),
    ("hangs", Trouble::Hangs, 8),
];

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let lasts = LASTS.mul_f64(scale).max(LEAST);
    let house = House::build(Plan::default()).await?;
    let mut met = Vec::new();
    // Each trouble has engines of its own, so all are met in the same ten minutes.
    let (a, b, c) = tokio::join!(
        meet(&house, TROUBLES[0], lasts),
        meet(&house, TROUBLES[1], lasts),
        meet(&house, TROUBLES[2], lasts)
    );
    for one in [a, b, c] {
        met.push(one?);
    }
    judge(&met, lasts)
}

struct Met {
    name: &'static str,
    engines: usize,
    asked: BTreeMap<String, Vec<Asked>>,
    /// From the end of the trouble until each was in contact again.
    back: Vec<Duration>,
}

async fn meet(
    house: &House,
    (name, trouble, n): (&'static str, Trouble, usize),
    lasts: Duration,
) -> anyhow::Result<Met> {
    let server: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(server)).await?;
    let troubled = Troubled::start(trouble).await?;
    let stop = CancellationToken::new();
    let mut folders = Vec::new();
    let mut engines: Vec<(Station, tokio::task::JoinHandle<()>)> = Vec::new();
    for i in 0..n {
        let folder = tempfile::tempdir()?;
        let station = house.station_at(&format!("{name} {i}"), Role::Door, folder.path(), &proxy.url()).await?;
        let (running, stop) = (station.clone(), stop.clone());
        engines.push((station, tokio::spawn(async move { running.run(stop).await })));
        folders.push(folder);
    }
    for (station, _) in &engines {
        awaited::connected(station, true, Duration::from_secs(60)).await?;
    }
    // From one moment to the next somebody else answers; what runs is cut.
    proxy.redirect(Upstream::Tcp(troubled.address));
    proxy.cut().await;
    // The trouble lasts so long: what is counted is what is asked meanwhile.
    tokio::time::sleep(lasts).await;
    let asked = troubled.asked();
    proxy.redirect(Upstream::Tcp(server));
    proxy.cut().await;
    // Pauses are five minutes at most; who is not back by then is missing from the list.
    let patience = lasts.min(LONGEST_PAUSE);
    let coming = engines.iter().map(|(station, _)| awaited::connected(station, true, patience));
    let back = futures_util::future::join_all(coming).await.into_iter().filter_map(Result::ok).collect();
    stop.cancel();
    for (_, engine) in engines {
        engine.await?;
    }
    Ok(Met { name, engines: n, asked, back })
}

/// Where in its span each pause ended, from 0 to 1: of the contact's tries, whose n-th span is 2^n seconds and never more
/// than five minutes. The first few are left out: there the answer's own time counts.
fn places(asked: &BTreeMap<String, Vec<Asked>>) -> Vec<f64> {
    let mut places = Vec::new();
    for times in asked.values() {
        let probes: Vec<Instant> = times.iter().filter(|a| a.path.ends_with("/contact")).map(|a| a.at).collect();
        for (n, pair) in probes.windows(2).enumerate().skip(2) {
            let span = f64::from(1_u32 << n.min(9)).min(300.0);
            places.push((pair[1] - pair[0]).as_secs_f64() / span);
        }
    }
    places.sort_by(f64::total_cmp);
    places
}

/// The distance of Kolmogorov and Smirnov from an even spread, and what one sample in a hundred even ones exceeds.
fn spread(places: &[f64]) -> (f64, f64) {
    let n = places.len().max(1) as f64;
    let distance = places.iter().enumerate().map(|(i, p)| {
        let (below, above) = (i as f64 / n, (i + 1) as f64 / n);
        (p - below).abs().max((above - p).abs())
    });
    (distance.fold(0.0, f64::max), 1.63 / n.sqrt())
}

fn judge(met: &[Met], lasts: Duration) -> anyhow::Result<Outcome> {
    let mut measured = serde_json::Map::new();
    let (mut pass, mut n) = (true, 0);
    for one in met {
        let mut counts: Vec<usize> = one.asked.values().map(Vec::len).collect();
        counts.sort_unstable();
        ensure!(!counts.is_empty(), "nobody asked the server in trouble");
        let most = counts.last().copied().unwrap_or_default();
        n += counts.iter().sum::<usize>();
        pass &= most <= BAR;
        measured.insert(
            one.name.to_owned(),
            json!({
                "engines": one.engines, "asked_most": most, "asked_median": counts[counts.len() / 2],
                "in_contact_again": one.back.len(),
                "in_contact_again_max_ms": ms(one.back.iter().copied().max().unwrap_or_default()),
            }),
        );
    }
    let places = places(&met[0].asked);
    let (distance, limit) = spread(&places);
    pass &= distance <= limit;
    let early = too_early(&met[1].asked);
    pass &= early == 0;
    measured.insert("lasted_s".to_owned(), json!(lasts.as_secs()));
    measured.insert("spread".to_owned(), json!({ "tries": places.len(), "distance": distance, "limit": limit }));
    measured.insert("earlier_than_asked".to_owned(), json!(early));
    Ok(Outcome {
        measured: Value::Object(measured),
        bar: json!({ "asked_most": BAR, "spread": "distance <= limit", "earlier_than_asked": 0 }),
        n: n as u64,
        pass,
    })
}

/// How many tries came before the server wanted them; those that were under way when it first said so do not count.
fn too_early(asked: &BTreeMap<String, Vec<Asked>>) -> usize {
    let probes = |times: &Vec<Asked>| -> Vec<Instant> {
        times.iter().filter(|a| a.path.ends_with("/contact")).map(|a| a.at).collect()
    };
    let least = Duration::from_secs(RETRY_AFTER_S);
    asked.values().map(probes).map(|p| p.windows(2).filter(|pair| pair[1] - pair[0] < least).count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_spread_is_told_from_one_that_is_not() {
        let even: Vec<f64> = (0..100).map(|i| (f64::from(i) + 0.5) / 100.0).collect();
        let (distance, limit) = spread(&even);
        assert!(distance < limit);
        let together: Vec<f64> = even.iter().map(|p| 0.4 + p / 5.0).collect();
        let (distance, limit) = spread(&together);
        assert!(distance > limit);
    }
}
