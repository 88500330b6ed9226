//! What a full disk does to a station: scans are decided and shown as not recorded, sales are refused, nothing is half,
//! and when there is room everything that was decided is recorded. A test, beside the code because it must reach the
//! writer's connection to make its disk small.

use crate::{Station, devices::disk, support::*};
use uuid::Uuid;
use willcall_domain::{
    checkin::{Class, VerdictView, wire::Delivery},
    devices::{disk::Room, wire::Role},
    id::PositionId,
    problem::Code,
    sync::{Fact, Row},
};

/// Room for so many more pages, and no more; `None` for as many as wanted.
async fn limit_size(station: &Station, more: Option<i64>) {
    let limit = move |tx: &rusqlite::Transaction<'_>| {
        let pages: i64 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let most = more.map_or(i64::from(i32::MAX), |more| pages + more);
        Ok(tx.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))?)
    };
    station.db().write(limit).await.unwrap();
}

/// Scans unknown codes until the disk takes not even an entry any more, which needs least; answers how many it took and
/// what it did not.
async fn fill(station: &Station, server: &FakeServer) -> (u64, Vec<VerdictView>) {
    let (mut recorded, mut lost) = (0, Vec::new());
    for n in 0..2000 {
        // Long ones first; then what is left in the last pages is used up.
        let code = match lost.len() {
            0 => format!("code {n} {}", "x".repeat(900)),
            _ => server.code(PositionId(Uuid::from_u128(100_000 + n)), 0),
        };
        let verdict = scan(station, &code).await;
        match verdict.delivery {
            Delivery::NotRecorded => lost.push(verdict),
            Delivery::Here | Delivery::Sent | Delivery::Refused | Delivery::Asked => recorded += 1,
        }
        if lost.len() == 8 {
            return (recorded, lost);
        }
    }
    panic!("the disk is full at some time");
}

#[tokio::test]
async fn a_full_disk_records_nothing_half_and_says_so_and_what_was_decided_is_recorded_later() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    server.state().head.push(Row::Position(position(5, 1)));
    let station = ready(folder.path(), &server).await;
    let before = station.status().await.unwrap().journal_length;
    limit_size(&station, Some(20)).await;
    let (recorded, lost) = fill(&station, &server).await;
    assert_eq!(lost[0].class, Class::Refused, "the verdict is what it would be");
    assert!(lost[1..].iter().all(|v| v.class == Class::Admitted));
    let status = station.status().await.unwrap();
    assert_eq!(status.journal_length, before + recorded, "what was answered as recorded is there, no more");
    assert_eq!((status.disk.room, status.disk.not_recorded), (Room::Nothing, 8));
    assert_eq!(station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap_err().code, Code::DiskFull);
    assert_eq!(station.till().await.unwrap().room, Room::Nothing, "the till knows before money is taken");

    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let first = scan(&station, &code).await;
    assert_eq!((first.class, first.delivery), (Class::Admitted, Delivery::NotRecorded));
    let second = scan(&station, &code).await;
    assert_eq!((second.class, second.delivery), (Class::Used, Delivery::NotRecorded), "it counts all the same");
    assert_eq!(second.first_use.unwrap().at, first.at);
    let recent = station.door().await.unwrap().recent;
    assert_eq!(recent[..2].iter().map(|v| v.scan_id).collect::<Vec<_>>(), [second.scan_id, first.scan_id]);
    assert_eq!(recent.iter().filter(|v| v.delivery == Delivery::NotRecorded).count(), 10);

    limit_size(&station, None).await;
    disk::look_after(&station).await;
    let status = station.status().await.unwrap();
    assert_eq!((status.disk.room, status.disk.not_recorded), (Room::Enough, 0));
    assert_eq!(status.journal_length, before + recorded + 10, "each once");
    let recent = station.door().await.unwrap().recent;
    assert_eq!(recent[..2].iter().map(|v| v.scan_id).collect::<Vec<_>>(), [second.scan_id, first.scan_id]);
    assert!(recent.iter().all(|v| v.delivery == Delivery::Here));
    assert_eq!(scan(&station, &code).await.first_use.unwrap().at, first.at);
    assert!(station.verify_journal().await.unwrap().ok);
    station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    assert!(station.sync_once().await.unwrap().caught_up);
    let state = server.state();
    let at: Vec<_> = state.journal.values().flatten().filter(|e| matches!(e.fact(), Some(Fact::Scan { .. }))).collect();
    assert_eq!(at.len() as u64, recorded + 11);
}

#[tokio::test]
async fn the_next_scan_records_what_the_disk_refused_before_it_and_a_crash_loses_what_was_shown_as_not_recorded() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    limit_size(&station, Some(20)).await;
    let (_, lost) = fill(&station, &server).await;
    let length = station.status().await.unwrap().journal_length;
    limit_size(&station, None).await;
    let next = scan(&station, "another").await;
    assert_eq!(next.delivery, Delivery::Here);
    assert_eq!(station.status().await.unwrap().journal_length, length + 9);
    let recent = station.door().await.unwrap().recent;
    let order: Vec<_> = lost.iter().chain([&next]).rev().map(|v| v.scan_id).collect();
    assert_eq!(recent[..9].iter().map(|v| v.scan_id).collect::<Vec<_>>(), order, "in the order in which they happened");

    limit_size(&station, Some(0)).await;
    let (_, lost) = fill(&station, &server).await;
    let length = station.status().await.unwrap().journal_length;
    drop(station);
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!((status.journal_length, status.disk.not_recorded), (length, 0));
    let recent = station.door().await.unwrap().recent;
    assert!(recent.iter().all(|v| lost.iter().all(|l| l.scan_id != v.scan_id)));
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn a_sale_the_disk_refuses_is_not_made_and_the_next_is_refused_before_it_begins() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    disk::look_after(&station).await;
    let first = station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    limit_size(&station, Some(0)).await;
    let mut refused = None;
    for n in 2..60 {
        if let Err(problem) = station.sell(cart(n, &[(ADULT, 1)], 2400)).await {
            refused = Some((n, problem));
            break;
        }
    }
    let (n, problem) = refused.expect("the disk is full at some time");
    assert_eq!(problem.code, Code::DiskFull);
    assert!(problem.detail.contains("give back"), "money may have been taken: {}", problem.detail);
    let till = station.till().await.unwrap();
    assert_eq!((till.room, till.sales.len() as u128), (Room::ScansOnly, n - 1), "nothing of it is there");
    let problem = station.sell(cart(n, &[(ADULT, 1)], 2400)).await.unwrap_err();
    assert!(problem.code == Code::DiskFull && problem.detail.contains("take no money"), "{}", problem.detail);
    let again = station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    assert_eq!(again.order_id, first.order_id, "a sale that was made is answered again, whatever the disk says");
    limit_size(&station, None).await;
    disk::look_after(&station).await;
    assert_eq!(station.till().await.unwrap().room, Room::Enough);
    station.sell(cart(n, &[(ADULT, 1)], 2400)).await.unwrap();
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn the_log_of_writes_stays_short_while_others_read() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let (reading, stop) = (station.clone(), tokio_util::sync::CancellationToken::new());
    let stopped = stop.clone();
    let readers = tokio::spawn(async move {
        while !stopped.is_cancelled() {
            reading.door().await.unwrap();
        }
    });
    let mut longest = 0;
    let blob = "x".repeat(900);
    for n in 0..1500 {
        scan(&station, &format!("code {n} {blob}")).await;
        longest = longest.max(station.db().disk().log_bytes());
    }
    stop.cancel();
    readers.await.unwrap();
    assert!(longest > 0 && longest < 24 << 20, "{longest} bytes");
}

#[tokio::test]
async fn a_log_that_one_large_transaction_made_long_is_short_again_after_it() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let large = |tx: &rusqlite::Transaction<'_>| {
        tx.execute_batch("CREATE TABLE large (data BLOB); INSERT INTO large VALUES (randomblob(30000000))")?;
        Ok(())
    };
    station.db().write(large).await.unwrap();
    // The writer folds the log before it takes the next job.
    station.db().write(|_| Ok(())).await.unwrap();
    let disk = station.db().disk();
    assert!(disk.log_bytes() <= 16 << 20, "{} bytes", disk.log_bytes());
    assert!(disk.database_bytes() > 30_000_000);
}
