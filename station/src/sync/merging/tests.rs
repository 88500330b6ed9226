use super::*;
use crate::{db, support, sync::spool::Spool};
use rusqlite::{Connection, TransactionBehavior};
use std::collections::BTreeMap;
use uuid::Uuid;
use willcall_domain::{clock::UtcMillis, entropy::SeededEntropy, id::HistoryId, ticketing::CodeFormat};

const HERE: HistoryId = HistoryId(Uuid::from_u128(1));
const FROM: From = From { me: DeviceId(1), spoken: 1, refused: None };

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    db::migrate::migrate(&mut connection, UtcMillis(0)).unwrap();
    connection
}

/// Runs one part as the writer does: committed when it says so.
fn part<T>(connection: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> T) -> T {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let done = work(&tx);
    tx.commit().unwrap();
    done
}

fn start(position: i64) -> SnapshotStart {
    let events = Some(vec![support::EVENT]);
    SnapshotStart { history: HERE, position, events, partial: false, names: None, protocol: 2 }
}

fn positions(numbers: std::ops::Range<u128>, version: i64) -> Vec<Row> {
    numbers.map(|n| Row::Position(support::position(n, version))).collect()
}

fn catalogue() -> Vec<Row> {
    vec![Row::Event(support::event(CodeFormat::Wc1)), Row::List(support::list(support::LIST, 1))]
}

/// A station that has read up to 5: three tickets.
fn filled() -> Connection {
    let mut connection = database();
    part(&mut connection, |tx| merge_slice(tx, &start(5), FROM, &positions(1..4, 1))).unwrap().unwrap();
    part(&mut connection, |tx| end(tx, &start(5), FROM, &catalogue(), None)).unwrap().unwrap();
    connection
}

fn versions(connection: &mut Connection) -> BTreeMap<u128, i64> {
    part(connection, |tx| {
        let known = |n: u128| orders::by_id(tx, support::position(n, 0).position_id).unwrap();
        (1..10).filter_map(|n| Some((n, known(n)?.version))).collect()
    })
}

fn stands_at(connection: &mut Connection) -> Option<i64> {
    part(connection, |tx| store::standing(tx, 1)).unwrap().map(|here| here.after.position)
}

#[test]
fn killed_between_two_slices_it_has_newer_rows_under_an_old_cursor_and_loses_nothing() {
    let mut connection = filled();
    part(&mut connection, |tx| merge_slice(tx, &start(9), FROM, &positions(1..3, 4))).unwrap().unwrap();
    // Here it was killed. The feed goes on from the old cursor, with what is older by now.
    assert_eq!(stands_at(&mut connection), Some(5));
    let told = part(&mut connection, |tx| merge_slice(tx, &start(5), FROM, &positions(1..4, 2))).unwrap().unwrap();
    assert_eq!(told.news, 1, "the one that had not come");
    assert_eq!(versions(&mut connection), [(1, 4), (2, 4), (3, 2)].into());

    // The next download brings all of it, and only its end moves the cursor.
    part(&mut connection, |tx| merge_slice(tx, &start(12), FROM, &positions(2..5, 6))).unwrap().unwrap();
    let gone = [support::position(1, 0).position_id];
    let dropped = part(&mut connection, |tx| drop_slice(tx, &start(12), FROM, &gone)).unwrap().unwrap();
    assert_eq!((dropped.news, stands_at(&mut connection)), (1, Some(5)));
    part(&mut connection, |tx| end(tx, &start(12), FROM, &catalogue(), Some(&Seen::default()))).unwrap().unwrap();
    assert_eq!(versions(&mut connection), [(2, 6), (3, 6), (4, 6)].into());
    assert_eq!(stands_at(&mut connection), Some(12));
}

#[test]
fn what_the_feed_has_brought_since_is_not_taken_away_and_own_tickets_never_are() {
    let mut connection = filled();
    part(&mut connection, |tx| {
        orders::put_own(tx, &support::position(7, 0)).and_then(|_| store::read_on(tx, 1, 20, 20))
    })
    .unwrap();
    let missing = [1, 7].map(|n| support::position(n, 0).position_id);
    let dropped = part(&mut connection, |tx| drop_slice(tx, &start(12), FROM, &missing)).unwrap().unwrap();
    assert_eq!(dropped.news, 0, "it has read on beyond the snapshot");
    let dropped = part(&mut connection, |tx| drop_slice(tx, &start(20), FROM, &missing)).unwrap().unwrap();
    assert_eq!(dropped.news, 1, "its own stays");
    part(&mut connection, |tx| end(tx, &start(12), FROM, &[], None)).unwrap().unwrap();
    assert_eq!(stands_at(&mut connection), Some(20), "the cursor goes not back");
}

#[test]
fn a_server_that_was_replaced_between_two_slices_is_not_followed_to_the_end() {
    let mut connection = filled();
    part(&mut connection, |tx| merge_slice(tx, &start(9), FROM, &positions(1..2, 4))).unwrap().unwrap();
    part(&mut connection, |tx| store::meet_history(tx, HistoryId(Uuid::from_u128(2)))).unwrap();
    part(&mut connection, |tx| merge_slice(tx, &start(9), FROM, &positions(2..3, 4))).unwrap().unwrap_err();
    part(&mut connection, |tx| end(tx, &start(9), FROM, &catalogue(), None)).unwrap().unwrap_err();
    assert_eq!(stands_at(&mut connection), Some(5));
    // It knows less than what was refused: put back by hand.
    let refused = part(&mut connection, |tx| store::standing(tx, 1)).unwrap();
    let mut connection = filled();
    let from = From { refused, ..FROM };
    part(&mut connection, |tx| merge_slice(tx, &start(4), from, &positions(1..2, 4))).unwrap().unwrap_err();
    assert_eq!(versions(&mut connection), [(1, 1), (2, 1), (3, 1)].into());
}

#[test]
fn events_and_lists_come_with_the_last_slice_and_what_is_known_comes_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::create(folder.path(), &SeededEntropy::new(1)).unwrap();
    let rows: Vec<Row> = catalogue().into_iter().chain(positions(1..451, 1)).collect();
    for row in &rows {
        spool.line(&serde_json::to_vec(row).unwrap()).unwrap();
    }
    let mut news = vec![true; rows.len()];
    news[10] = false;
    let (sender, mut slices) = mpsc::channel(16);
    read_slices(spool.finish().unwrap(), &news, &sender);
    drop(sender);
    let mut sizes = Vec::new();
    while let Some(slice) = slices.blocking_recv() {
        let slice = slice.unwrap();
        sizes.push((slice.rows.len(), slice.last));
        let catalogue = slice.rows.iter().filter(|row| matches!(row, Row::Event(_) | Row::List(_))).count();
        assert_eq!(catalogue, if slice.last { 2 } else { 0 });
    }
    let whole = 449 / pull::SLICE;
    let mut expected = vec![(pull::SLICE, false); whole];
    expected.extend([(449 - whole * pull::SLICE, false), (2, true)]);
    assert_eq!(sizes, expected);
}

#[test]
fn an_empty_station_takes_all_or_nothing() {
    let mut connection = database();
    let take = |connection: &mut Connection, slices: Vec<Result<Slice, Fault>>| {
        let (sender, receiver) = mpsc::channel(16);
        for slice in slices {
            sender.try_send(slice).ok().unwrap();
        }
        drop(sender);
        let tx = connection.transaction().unwrap();
        let done = all_at_once(&tx, &start(5), FROM, receiver);
        if matches!(done, Ok(Ok(_))) {
            tx.commit().unwrap();
        }
        done
    };
    let rows = |numbers| Ok(Slice { rows: positions(numbers, 1), last: false });
    let last = || Ok(Slice { rows: catalogue(), last: true });
    assert!(matches!(take(&mut connection, vec![rows(1..3)]), Err(Fault::Closing)), "who reads has died");
    assert!(take(&mut connection, vec![rows(1..3), Err(Fault::Data("torn".into()))]).is_err());
    assert_eq!((versions(&mut connection).len(), stands_at(&mut connection)), (0, None));
    let applied = take(&mut connection, vec![rows(1..3), rows(3..4), last()]).unwrap().unwrap();
    assert_eq!((applied.news, applied.door), (5, true));
    assert_eq!((versions(&mut connection).len(), stands_at(&mut connection)), (3, Some(5)));
}
