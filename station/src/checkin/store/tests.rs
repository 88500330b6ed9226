use super::*;
use crate::{db, support::*};
use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;
use willcall_domain::{checkin::Direction, id::ScanId};

fn scan(n: u128, ticket: u128, direction: Direction, at: i64) -> ScanRow {
    ScanRow {
        scan_id: ScanId(Uuid::from_u128(n)),
        event_id: EVENT,
        list_id: LIST,
        position_id: Some(PositionId(Uuid::from_u128(ticket))),
        payload_hash: None,
        station: DeviceId(1),
        incarnation: 1,
        seq: u64::try_from(at).unwrap(),
        gate: String::new(),
        direction,
        class: Class::Admitted,
        reason: None,
        at: UtcMillis(at),
        uncertainty_ms: 0,
        undone: false,
        saw: vec![],
    }
}

#[test]
fn heads_follow_from_the_scans_in_any_order_and_as_if_an_undone_one_never_was() {
    let mut connection = Connection::open_in_memory().unwrap();
    db::migrate::migrate(&mut connection, UtcMillis(0)).unwrap();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let hashed = ScanRow { position_id: None, payload_hash: Some("ab".repeat(32)), ..scan(9, 0, Direction::Entry, 5) };
    let refused = ScanRow { class: Class::Used, ..scan(8, 4, Direction::Entry, 5) };
    for row in [
        scan(2, 1, Direction::Exit, 20),
        scan(1, 1, Direction::Entry, 10),
        scan(3, 2, Direction::Entry, 10),
        scan(4, 3, Direction::Exit, 10),
        hashed,
        refused,
    ] {
        put_scan(&tx, &row).unwrap();
    }
    assert_eq!(heads(&tx, LIST).unwrap(), (3, 2), "one went out again, one only went out, one was refused");
    let backfill = include_str!("../../../../migrations/station/20261121101000_create_attendance.sql");
    tx.execute("DELETE FROM attendance", []).unwrap();
    tx.execute_batch(&backfill[backfill.find("INSERT").unwrap()..]).unwrap();
    assert_eq!(heads(&tx, LIST).unwrap(), (3, 2), "an older database is counted the same");
    put_scan(&tx, &ScanRow { undone: true, ..scan(3, 2, Direction::Entry, 10) }).unwrap();
    put_scan(&tx, &ScanRow { undone: true, ..scan(2, 1, Direction::Exit, 20) }).unwrap();
    assert_eq!(heads(&tx, LIST).unwrap(), (2, 2));
}
