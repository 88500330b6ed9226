//! What a full disk does to a station: nothing half, and it says so. A test, beside the code because it must reach the
//! writer's connection to make its disk small.

use crate::{Station, support::*};
use willcall_domain::{devices::wire::Role, problem::Code};

/// No page more than there are now and a few.
async fn limit_size(station: &Station) {
    let limit = |tx: &rusqlite::Transaction<'_>| {
        let pages: i64 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
        Ok(tx.pragma_update_and_check(None, "max_page_count", pages + 20, |_| Ok(()))?)
    };
    station.db().write(limit).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_records_nothing_and_says_so() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    limit_size(&station).await;
    let mut refused = None;
    for n in 0..2000 {
        if let Err(problem) = station.scan(ask(&format!("code {n} {}", "x".repeat(900)))).await {
            refused = Some((n, problem));
            break;
        }
    }
    let (recorded, problem) = refused.expect("the disk is full at some time");
    assert_eq!(problem.code, Code::NotRecorded);
    let before = station.status().await.unwrap().journal_length;
    assert_eq!(before, 3 + recorded, "what was refused is not there, what was answered is");
    assert_eq!(station.sell(cart(1, &[(ADULT, 10)], 24_000)).await.unwrap_err().code, Code::NotRecorded);
    drop(station);
    let station = open(folder.path(), &server);
    assert_eq!(station.status().await.unwrap().journal_length, before);
    assert!(station.verify_journal().await.unwrap().ok);
    station.sell(cart(1, &[(ADULT, 10)], 24_000)).await.unwrap();
}
