//! What a station promises, on real SQLite behind a server in memory.

use crate::support::*;
use proptest::prelude::*;
use uuid::Uuid;
use willcall_domain::{
    catalog::EventRow,
    checkin::{
        Class, Direction, Mark, Reason,
        wire::{Delivery, ScanRequest},
    },
    clock::{Clock, UtcMillis},
    devices::wire::{KeyStore, Right, Role},
    id::{HistoryId, LeaseId, PositionId, ScanId},
    orders::PositionRow,
    paper::Language,
    problem::Code,
    sync::{
        Fact, Row,
        change::{Gone, VoidBlanks, VoidWhy},
        fact::Printed,
    },
    ticketing::{CodeFormat, Flags, blank},
};

#[tokio::test]
async fn a_new_station_asks_to_be_enrolled_and_says_where_its_keys_are() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!((status.enrolment, status.key_store, status.data_age_s), (None, KeyStore::File, None));
    assert_eq!(station.scan(ask("X")).await.unwrap_err().code, Code::NotEnrolled);
    assert_eq!(station.sell(cart(1, &[(ADULT, 1)], 0)).await.unwrap_err().code, Code::NotEnrolled);
    assert_eq!(station.sync_once().await.unwrap_err().code, Code::NotEnrolled);
    assert_eq!(station.enrol("https://t.example", "bad").await.unwrap_err().code, Code::Unauthenticated);
    let status = station.enrol("https://t.example", "good").await.unwrap();
    assert_eq!(status.enrolment.unwrap().gate, "North");
    assert_eq!((status.journal_length, status.waiting, status.incarnation), (1, 1, 1), "opened is the first fact");
    assert_eq!(station.enrol("https://t.example", "good").await.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn a_second_program_on_the_same_folder_is_told_so_and_the_folder_is_free_again_afterwards() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = open(folder.path(), &server);
    assert_eq!(try_open(folder.path(), &server).unwrap_err().code, Code::Busy);
    let clone = station.clone();
    drop(station);
    assert_eq!(try_open(folder.path(), &server).unwrap_err().code, Code::Busy);
    drop(clone);
    open(folder.path(), &server);
}

#[tokio::test]
async fn the_second_scan_is_used_and_names_the_first_and_this_survives_a_restart() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.push(Row::Position(position(5, 1)));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let first = scan(&station, &code).await;
    assert_eq!((first.class, first.reason, first.product.as_deref()), (Class::Admitted, None, Some("Adult")));
    assert_eq!(
        (first.name.as_deref(), first.delivery, first.data_age_s),
        (Some("Zoë Müller"), Delivery::Here, Some(0))
    );
    drop(station);
    server.state().online = false;
    let station = open(folder.path(), &server);
    let second = scan(&station, &code).await;
    assert_eq!((second.class, second.reason), (Class::Used, Some(Reason::AlreadyRedeemed)));
    let first_use = second.first_use.unwrap();
    assert_eq!((first_use.gate.as_str(), first_use.at), ("North", first.at));
    let status = station.status().await.unwrap();
    assert_eq!((status.journal_length, status.waiting, status.data_age_at_least), (3, 2, true));
    assert!(station.verify_journal().await.unwrap().ok);
    server.state().online = true;
    let report = station.sync_once().await.unwrap();
    assert_eq!((report.pushed, report.waiting), (2, 0));
    let door = station.door().await.unwrap();
    assert_eq!(door.recent.iter().map(|v| v.delivery).collect::<Vec<_>>(), [Delivery::Sent; 2]);
    let list = &door.events[0].lists[0];
    assert_eq!((list.admitted, list.inside, list.expected), (1, 1, 1));
}

#[tokio::test]
async fn another_stations_use_counts_and_leaving_lets_somebody_in_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let id = PositionId(Uuid::from_u128(5));
    let code = server.code(id, 0);
    server.state().head.push(Row::Scan(willcall_domain::checkin::ScanRow {
        scan_id: ScanId(Uuid::from_u128(1)),
        event_id: EVENT,
        list_id: LIST,
        position_id: Some(id),
        payload_hash: None,
        station: willcall_domain::id::DeviceId(2),
        incarnation: 1,
        seq: 9,
        gate: "South".into(),
        direction: Direction::Entry,
        class: Class::Admitted,
        reason: None,
        at: DOORS,
        uncertainty_ms: 0,
        undone: false,
        saw: vec![],
    }));
    station.sync_once().await.unwrap();
    let used = scan(&station, &code).await;
    assert_eq!((used.class, used.first_use.unwrap().gate.as_str()), (Class::Used, "South"));
    server.clock.advance(std::time::Duration::from_secs(60));
    let out = station.scan(ScanRequest { direction: Direction::Exit, ..ask(&code) }).await.unwrap();
    assert_eq!(out.class, Class::Admitted);
    assert_eq!(station.door().await.unwrap().events[0].lists[0].inside, 0);
    server.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(scan(&station, &code).await.class, Class::Admitted, "signature only, let in again");
    assert_eq!(station.door().await.unwrap().events[0].lists[0].inside, 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_kept_does_not_hold_up_what_comes_after_it() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let strange = willcall_domain::checkin::ScanRow {
        scan_id: ScanId(Uuid::from_u128(1)),
        event_id: EVENT,
        list_id: LIST,
        position_id: None,
        payload_hash: Some("no hash".into()),
        station: willcall_domain::id::DeviceId(2),
        incarnation: 1,
        seq: 9,
        gate: "South".into(),
        direction: Direction::Entry,
        class: Class::Admitted,
        reason: None,
        at: DOORS,
        uncertainty_ms: 0,
        undone: false,
        saw: vec![],
    };
    server.state().head.extend([Row::Scan(strange), Row::Position(position(5, 1))]);
    let report = station.sync_once().await.unwrap();
    assert!(report.caught_up && report.problems.is_empty(), "{report:?}");
    assert_eq!(station.status().await.unwrap().tickets, 1);
}

#[tokio::test]
async fn codes_that_say_nothing_are_refused_and_their_text_is_kept_beside_the_chain_only() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let refused = scan(&station, "  hello ").await;
    assert_eq!((refused.class, refused.reason), (Class::Refused, Some(Reason::Invalid)));
    let good = server.code(PositionId(Uuid::from_u128(5)), 0);
    let trimmed = format!("{good} ");
    assert_eq!(scan(&station, &trimmed).await.reason, Some(Reason::Invalid), "never trimmed");
    assert_eq!(
        station.scan(ScanRequest { list_id: willcall_domain::id::ListId(99), ..ask(&good) }).await.unwrap_err().code,
        Code::NotFound
    );
    station.sync_once().await.unwrap();
    let state = server.state();
    let entries: Vec<_> = state.journal.values().flatten().filter(|e| e.kind == "scan").collect();
    assert_eq!(entries.len(), 2, "refusals are facts; a question about no list is not");
    assert!(entries[0].private.as_ref().unwrap().data.contains("  hello "));
    assert!(!entries[0].body.contains("hello"));
}

#[tokio::test]
async fn a_code_typed_under_a_wrong_layout_is_read_all_the_same() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0).to_lowercase();
    assert_eq!(scan(&station, &code).await.class, Class::Admitted, "caps lock was on");
}

#[tokio::test]
async fn an_older_row_never_replaces_a_newer_and_a_deleted_one_does_not_come_back() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    server.state().head.push(Row::Position(PositionRow { canceled: true, ..position(5, 4) }));
    server.state().head.push(Row::Position(position(5, 3)));
    station.sync_once().await.unwrap();
    assert_eq!(scan(&station, &code).await.reason, Some(Reason::Canceled));
    let gone = Gone { kind: "list".into(), id: LIST.to_string(), version: 5 };
    server.state().head.extend([Row::Gone(gone), Row::List(list(LIST, 4))]);
    station.sync_once().await.unwrap();
    assert_eq!(station.scan(ask(&code)).await.unwrap_err().code, Code::NotFound);
    server.state().head.push(Row::List(list(LIST, 6)));
    station.sync_once().await.unwrap();
    assert_eq!(scan(&station, &code).await.reason, Some(Reason::Canceled), "made again, newer");
}

#[tokio::test]
async fn a_lower_issue_is_revoked_once_the_higher_is_known() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.push(Row::Position(PositionRow { issue: 2, ..position(5, 1) }));
    let station = ready(folder.path(), &server).await;
    let id = PositionId(Uuid::from_u128(5));
    assert_eq!(scan(&station, &server.code(id, 1)).await.reason, Some(Reason::Revoked));
    assert_eq!(scan(&station, &server.code(id, 2)).await.class, Class::Admitted);
}

#[tokio::test]
async fn a_snapshot_that_was_cut_off_is_not_taken() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().cut_snapshot = true;
    let station = open(folder.path(), &server);
    station.enrol("t.example", "good").await.unwrap();
    let report = station.sync_once().await.unwrap();
    assert_eq!((report.caught_up, report.problems.len(), report.pushed), (false, 1, 1), "the upload went all the same");
    assert!(station.door().await.unwrap().events.is_empty(), "nothing of it is there");
    server.state().cut_snapshot = false;
    assert!(station.sync_once().await.unwrap().caught_up);
    assert_eq!(station.door().await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_new_history_of_the_server_brings_a_snapshot_and_everything_is_sent_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    scan(&station, "x").await;
    station.sync_once().await.unwrap();
    {
        let mut state = server.state();
        state.history = HistoryId(Uuid::from_u128(2));
        state.journal.clear();
        state.head[0] = Row::Event(EventRow { name: "Concert, restored".into(), version: 1, ..event(CodeFormat::Wc1) });
    }
    let report = station.sync_once().await.unwrap();
    assert_eq!((report.snapshot, report.pushed, report.waiting), (true, 2, 0));
    let name = station.door().await.unwrap().events[0].name.clone();
    assert_eq!(name, "Concert, restored", "a row of a newer history is newer");
    assert_eq!(server.state().journal.values().next().unwrap().len(), 2);
}

#[tokio::test]
async fn a_till_sells_from_its_lease_until_it_is_spent_and_says_how_many_are_here() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    let product = |view: &willcall_domain::till::wire::TillView, id| {
        view.events[0].products.iter().find(|p| p.item_id == id).unwrap().here
    };
    assert_eq!(product(&station.till().await.unwrap(), ADULT), Some(10));
    let sale = station.sell(cart(1, &[(ADULT, 2), (MUG, 1)], 6000)).await.unwrap();
    assert_eq!((sale.total.minor, sale.given.minor, sale.change.minor), (5650, 6000, 350));
    assert_eq!(sale.receipt_number, "42-1-1");
    assert!(willcall_domain::orders::code::is_valid(&sale.order_code));
    assert_eq!(sale.positions.iter().filter(|p| p.code.is_some()).count(), 2, "a mug is no ticket");
    for position in sale.positions.iter().filter(|p| p.code.is_some()) {
        let code = position.code.as_ref().unwrap();
        let verdict = scan(&station, code).await;
        assert_eq!(
            (verdict.class, verdict.marks, verdict.position_id),
            (Class::Admitted, vec![], Some(position.position_id))
        );
        assert_eq!(verdict.order_code.as_ref(), Some(&sale.order_code), "the own door knows its sale");
        assert_eq!(scan(&station, code).await.class, Class::Used);
    }
    let spent = station.sell(cart(2, &[(ADULT, 9)], 100_000)).await.unwrap_err();
    assert_eq!(spent.code, Code::LeaseSpent);
    assert!(spent.detail.contains("9 × Adult wanted, 8 can be sold"), "{}", spent.detail);
    station.sell(cart(3, &[(ADULT, 8)], 8 * 2400)).await.unwrap();
    assert_eq!(station.sell(cart(4, &[(ADULT, 1)], 2400)).await.unwrap_err().code, Code::LeaseSpent);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
    server.state().online = true;
    station.sync_once().await.unwrap();
    let view = station.till().await.unwrap();
    assert_eq!(product(&view, ADULT), Some(10), "the next lease came");
    assert_eq!(view.sales.iter().map(|s| s.delivery).collect::<Vec<_>>(), [Delivery::Sent; 2]);
    assert_eq!(view.sales[0].receipt_number, "42-1-2", "no gap");
}

#[tokio::test]
async fn the_same_request_again_is_the_same_sale() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    let first = station.sell(cart(1, &[(ADULT, 1)], 5000)).await.unwrap();
    drop(station);
    let station = open(folder.path(), &server);
    let again = station.sell(cart(1, &[(ADULT, 1)], 5000)).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(station.till().await.unwrap().events[0].products[0].here, Some(9), "one unit was taken");
}

#[tokio::test]
async fn what_cannot_be_sold_is_refused_and_takes_nothing() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    let under = station.sell(cart(1, &[(ADULT, 2)], 4799)).await.unwrap_err();
    assert_eq!(under.code, Code::Underpaid);
    assert!(under.detail.contains("48"), "{}", under.detail);
    assert_eq!(station.sell(cart(2, &[], 0)).await.unwrap_err().code, Code::Invalid);
    assert_eq!(station.sell(cart(3, &[(ADULT, 0)], 0)).await.unwrap_err().code, Code::Invalid);
    assert_eq!(station.sell(cart(4, &[(ADULT, u32::MAX), (ADULT, 9)], 0)).await.unwrap_err().code, Code::Invalid);
    assert_eq!(
        station.sell(cart(5, &[(willcall_domain::id::ItemId(99), 1)], 0)).await.unwrap_err().code,
        Code::Invalid
    );
    let elsewhere = willcall_domain::till::wire::SellRequest {
        event_id: willcall_domain::id::EventId(1),
        ..cart(6, &[(ADULT, 1)], 9999)
    };
    assert_eq!(station.sell(elsewhere).await.unwrap_err().code, Code::Invalid);
    let status = station.status().await.unwrap();
    assert_eq!(status.journal_length, 3, "opened and two leases, nothing else");
    let (folder, door) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let door = ready(folder.path(), &door).await;
    assert_eq!(door.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap_err().code, Code::Forbidden);
    assert!(door.till().await.unwrap().events.is_empty());
}

#[tokio::test]
async fn a_grant_whose_answer_was_lost_is_taken_in_once() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    server.state().lose_next_grant = true;
    let station = open(folder.path(), &server);
    station.enrol("t.example", "good").await.unwrap();
    station.sync_once().await.unwrap();
    station.sync_once().await.unwrap();
    station.sync_once().await.unwrap();
    let units: u32 = server
        .state()
        .journal
        .values()
        .flatten()
        .filter_map(|e| match e.fact() {
            Some(Fact::LeaseAccepted { units, .. }) => Some(units),
            _ => None,
        })
        .sum();
    assert_eq!((units, server.state().units_left), (20, 980), "ten of each quota, and none leaked");
}

#[tokio::test]
async fn a_ticket_sold_elsewhere_and_not_seen_here_is_admitted_and_a_void_or_unsold_blank_is_not() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let base = blank::base(PositionId(Uuid::from_u128(0x5555 << 40)));
    let code = |n| server.sign(blank::position(base, n), 0, Flags { blank: true, ..Flags::default() });
    let verdict = scan(&station, &code(0)).await;
    assert_eq!((verdict.class, verdict.marks), (Class::Admitted, vec![Mark::SaleNotSeen]));
    assert_eq!(scan(&station, &code(0)).await.class, Class::Used);
    let range = VoidBlanks {
        lease_id: LeaseId(Uuid::from_u128(1)),
        event_id: EVENT,
        item_id: ADULT,
        base,
        from: 4,
        until: 6,
        why: VoidWhy::Void,
    };
    server.state().head.push(Row::VoidBlanks(range));
    station.sync_once().await.unwrap();
    for (n, void) in [(3, false), (4, true), (5, true), (6, false)] {
        assert_eq!(scan(&station, &code(n)).await.reason == Some(Reason::Void), void, "blank {n}");
    }
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let till = ready(folder.path(), &server).await;
    let grant = server.state().grants.values().find(|g| !g.codes.is_empty()).unwrap().clone();
    let unsold = grant.codes[0].codes[3].clone();
    assert_eq!(scan(&till, &unsold).await.reason, Some(Reason::Void), "the till knows that it has not sold it");
}

#[tokio::test]
async fn blanks_of_a_lost_till_ask_for_the_receipt_unless_any_row_in_any_order_is_stricter() {
    use VoidWhy::{Lost, Stolen, Void};
    type Told<'a> = &'a [(u32, u32, VoidWhy)];
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    // Each: the rows of one grant as they come, and how its blanks 0 to 3 are answered.
    let table: [(Told<'_>, [Option<VoidWhy>; 4]); 6] = [
        (&[(0, 3, Lost)], [Some(Lost), Some(Lost), Some(Lost), None]),
        (&[(0, 3, Stolen)], [Some(Stolen), Some(Stolen), Some(Stolen), None]),
        (&[(0, 3, Lost), (1, 4, Void)], [Some(Lost), Some(Void), Some(Void), Some(Void)]),
        (&[(1, 4, Stolen), (0, 3, Lost)], [Some(Lost), Some(Stolen), Some(Stolen), Some(Stolen)]),
        (&[(0, 2, Lost), (0, 2, Void)], [Some(Void), Some(Void), None, None]),
        (&[(0, 2, Void), (0, 2, Lost)], [Some(Void), Some(Void), None, None]),
    ];
    for (nth, (rows, blanks)) in (0x7777_u128..).zip(table) {
        let base = blank::base(PositionId(Uuid::from_u128(nth << 40)));
        for (from, until, why) in rows.iter().copied() {
            let lease_id = LeaseId(Uuid::from_u128(1));
            let row = VoidBlanks { lease_id, event_id: EVENT, item_id: ADULT, base, from, until, why };
            server.state().head.push(Row::VoidBlanks(row));
        }
        station.sync_once().await.unwrap();
        for (n, why) in (0..).zip(blanks) {
            let id = blank::position(base, n);
            let wc1 = server.sign(id, blank::ISSUE, Flags { blank: true, ..Flags::default() });
            for (code, unseen) in [(wc1, Mark::SaleNotSeen), (server.sig1_code(id), Mark::SignatureOnly)] {
                let verdict = scan(&station, &code).await;
                let expected = match why {
                    None => (Class::Admitted, None, vec![unseen]),
                    Some(Lost) => (Class::Look, None, vec![Mark::AskForReceipt]),
                    Some(Stolen | Void) => (Class::Refused, Some(Reason::Void), vec![]),
                };
                assert_eq!((verdict.class, verdict.reason, verdict.marks), expected, "{rows:?}, blank {n}");
            }
        }
    }
}

#[tokio::test]
async fn sig1_codes_are_found_by_their_seed_and_sold_like_others() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    server.state().format = CodeFormat::Sig1;
    server.state().head[0] = Row::Event(event(CodeFormat::Sig1));
    let station = ready(folder.path(), &server).await;
    let unsold = server.state().grants.values().find(|g| !g.codes.is_empty()).unwrap().codes[0].codes[5].clone();
    assert_eq!(scan(&station, &unsold).await.reason, Some(Reason::Void));
    let sale = station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    let code = sale.positions[0].code.clone().unwrap();
    let verdict = scan(&station, &code).await;
    assert_eq!((verdict.class, verdict.position_id), (Class::Admitted, Some(sale.positions[0].position_id)));
    assert_eq!(scan(&station, &code).await.class, Class::Used);
}

#[tokio::test]
async fn papers_are_pdfs_and_copies_are_counted() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    let sale = station.sell(cart(1, &[(ADULT, 2)], 5000)).await.unwrap();
    for what in [Printed::Tickets, Printed::Receipt] {
        let pdf = station.paper(sale.order_id, what, None, Language::De).await.unwrap();
        assert!(pdf.starts_with(b"%PDF-"), "{what:?}");
        assert_eq!(station.record_print(sale.order_id, what, None).await.unwrap(), 1);
        assert_eq!(station.record_print(sale.order_id, what, None).await.unwrap(), 2);
    }
    let nobody = willcall_domain::id::OrderId(Uuid::from_u128(1));
    assert_eq!(station.paper(nobody, Printed::Receipt, None, Language::En).await.unwrap_err().code, Code::NotFound);
    assert_eq!(station.record_print(nobody, Printed::Receipt, None).await.unwrap_err().code, Code::NotFound);
    let mug = station.sell(cart(2, &[(MUG, 1)], 850)).await.unwrap();
    assert_eq!(
        station.paper(mug.order_id, Printed::Tickets, None, Language::En).await.unwrap_err().code,
        Code::NotFound
    );
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn a_ticket_is_found_by_folded_name_or_order_code_and_scanned_in_place_of_its_paper() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server
        .state()
        .head
        .extend([Row::Position(position(5, 1)), Row::Position(PositionRow { name: None, ..position(6, 1) })]);
    let station = ready(folder.path(), &server).await;
    assert_eq!(station.search(LIST, "m").await.unwrap_err().code, Code::Invalid);
    for typed in ["muller", "MÜLL", "zoe mu", "ab5"] {
        let found = station.search(LIST, typed).await.unwrap();
        assert_eq!(found.len(), 1, "{typed}");
        assert_eq!(found[0].position_id, PositionId(Uuid::from_u128(5)));
    }
    assert!(station.search(LIST, "zoe schmidt").await.unwrap().is_empty());
    let found = station.search(LIST, "ab5").await.unwrap().remove(0);
    assert!(!found.inside);
    assert_eq!(scan(&station, &found.code).await.class, Class::Admitted);
    assert!(station.search(LIST, "ab5").await.unwrap()[0].inside);
    drop(station);
    let station = open(folder.path(), &server);
    assert_eq!(scan(&station, &found.code).await.reason, Some(Reason::Invalid), "not of this run");
}

#[tokio::test]
async fn a_time_given_by_hand_is_stored_as_such() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::TimeByHand];
    let late = UtcMillis(DOORS.0 + 7_200_000);
    server
        .state()
        .head
        .push(Row::Position(PositionRow { valid_until: Some(UtcMillis(DOORS.0 + 3_600_000)), ..position(5, 1) }));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let refused = station.scan(ScanRequest { at: Some(late), ..ask(&code) }).await.unwrap();
    assert_eq!((refused.reason, refused.at), (Some(Reason::InvalidTime), late));
    assert_eq!(scan(&station, &code).await.class, Class::Admitted);
    station.sync_once().await.unwrap();
    let state = server.state();
    let by_hand: Vec<_> = state
        .journal
        .values()
        .flatten()
        .filter_map(|e| match e.fact() {
            Some(Fact::Scan { time_by_hand, .. }) => Some(time_by_hand),
            _ => None,
        })
        .collect();
    assert_eq!(by_hand, [Some(late), None]);
}

#[tokio::test]
async fn validity_goes_by_the_servers_clock_and_data_age_by_the_monotonic_one() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().server_ahead_ms = 3_600_000;
    server
        .state()
        .head
        .push(Row::Position(PositionRow { valid_from: Some(UtcMillis(DOORS.0 + 1_800_000)), ..position(5, 1) }));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    server.clock.set(UtcMillis(DOORS.0 - 86_400_000));
    server.clock.advance(std::time::Duration::from_secs(90));
    let verdict = scan(&station, &code).await;
    assert_eq!(
        (verdict.class, verdict.data_age_s),
        (Class::Admitted, Some(90)),
        "a wall clock set back a day changes nothing"
    );
    let status = station.status().await.unwrap();
    assert!(status.clock_offset_ms.unwrap() > 86_400_000, "{status:?}");
    drop(station);
    server.clock.set(UtcMillis(server.clock.now().0 - 86_400_000));
    let station = open(folder.path(), &server);
    let again = scan(&station, &code).await;
    assert_eq!(again.reason, Some(Reason::AlreadyRedeemed), "never earlier than the newest instant known");
}

#[tokio::test]
async fn a_flipped_byte_in_the_journal_is_found_and_so_is_a_row_that_does_not_follow_from_it() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    station.sell(cart(1, &[(ADULT, 1)], 5000)).await.unwrap();
    scan(&station, "x").await;
    assert!(station.verify_journal().await.unwrap().ok);
    tamper(folder.path(), "UPDATE payment SET given_minor = given_minor + 1");
    let report = station.verify_journal().await.unwrap();
    assert!(!report.ok && report.problems.is_empty(), "{report:?}");
    assert!(report.differences.iter().any(|d| d.starts_with("payment:")), "{report:?}");
    tamper(folder.path(), "UPDATE payment SET given_minor = given_minor - 1");
    tamper(folder.path(), "DELETE FROM scan");
    assert!(station.verify_journal().await.unwrap().differences[0].starts_with("scan:"));
    tamper(folder.path(), "UPDATE journal SET body = replace(body, '5000', '6000') WHERE kind = 'payment'");
    let report = station.verify_journal().await.unwrap();
    assert!(report.problems.iter().any(|p| p.contains("its hash is not that of its content")), "{report:?}");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_its_journal_recovered_and_sent_and_sales_go_on_under_new_numbers() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    let sale = station.sell(cart(1, &[(ADULT, 1)], 5000)).await.unwrap();
    for n in 0..900 {
        scan(&station, &format!("noise {n} {}", "y".repeat(300))).await;
    }
    let length = station.status().await.unwrap().journal_length;
    drop(station);
    // The copies that stand beside it are another test's.
    std::fs::remove_dir_all(folder.path().join("mirror")).unwrap();
    let file = folder.path().join("willcall.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    // Some pages in a row: one alone may hold what is only shown.
    for page in 0..8 {
        bytes[middle + page * 4096..][..40].fill(0x55);
    }
    std::fs::write(&file, &bytes).unwrap();
    std::fs::write(folder.path().join("willcall.db.suspect"), "").unwrap();

    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    let report = status.recovered.clone().expect("says what happened");
    let aside: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains(".corrupt-") && !n.ends_with("-wal") && !n.ends_with("-shm"))
        .collect();
    assert_eq!(aside.len(), 1, "{report}");
    assert_eq!(std::fs::read(folder.path().join(&aside[0])).unwrap(), bytes, "set aside as it was");
    assert_eq!((status.incarnation, status.journal_length), (2, 1));
    assert!(status.waiting > length / 2, "most of {length} entries came back: {report}");
    assert_eq!(
        station.sell(cart(1, &[(ADULT, 1)], 5000)).await.unwrap().order_id,
        sale.order_id,
        "the sale is known still"
    );
    assert_eq!(
        station.sell(cart(2, &[(ADULT, 1)], 5000)).await.unwrap_err().code,
        Code::InDoubt,
        "what was sold after the last readable entry cannot be known"
    );
    server.state().online = true;
    let synced = station.sync_once().await.unwrap();
    assert_eq!(synced.problems.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::Conflict], "behind the gap");
    assert!(synced.waiting > 0, "what is behind the gap stays and is counted");
    {
        let state = server.state();
        let first = state.journal.iter().next().unwrap().1;
        assert!(first.iter().any(|e| e.kind == "sale"), "the sale is at the server");
        assert_eq!(state.journal.values().nth(1).unwrap().len(), 3, "the new incarnation too: opened and two leases");
    }
    let next = station.sell(cart(3, &[(ADULT, 1)], 5000)).await.unwrap();
    assert_eq!(next.receipt_number, "42-2-1");
    assert_ne!(next.order_code, sale.order_code);
    let code = sale.positions[0].code.clone().unwrap();
    assert_eq!(scan(&station, &code).await.class, Class::Admitted, "the ticket sold before still enters");
}

#[tokio::test]
async fn a_file_that_was_cut_off_gives_back_what_is_left_of_the_journal() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    for n in 0..900 {
        scan(&station, &format!("noise {n} {}", "y".repeat(300))).await;
    }
    let length = station.status().await.unwrap().journal_length;
    drop(station);
    // The copies that stand beside it are another test's.
    std::fs::remove_dir_all(folder.path().join("mirror")).unwrap();
    let file = folder.path().join("willcall.db");
    let whole = std::fs::metadata(&file).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(whole / 2).unwrap();

    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert!(status.recovered.is_some() && status.incarnation == 2, "{status:?}");
    // The first pages of a file are the roots of all its tables, so most of the journal lies behind the cut.
    assert!(status.waiting > length / 20, "{} of {length} entries came back", status.waiting);
    assert!(status.waiting < length, "what was cut off is gone");
}

#[tokio::test]
async fn a_file_that_is_no_database_at_all_keeps_the_enrolment_and_goes_on() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    drop(station);
    // The copies that stand beside it are another test's.
    std::fs::remove_dir_all(folder.path().join("mirror")).unwrap();
    std::fs::write(folder.path().join("willcall.db"), vec![7; 20_000]).unwrap();
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert!(status.recovered.unwrap().contains("0 journal entries"));
    assert_eq!((status.enrolment.unwrap().name.as_str(), status.incarnation), ("Till 1", 2));
    assert!(station.sync_once().await.unwrap().caught_up);
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn a_device_that_was_switched_off_neither_scans_nor_sells_and_can_be_enrolled_anew() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().revoked = true;
    assert_eq!(station.sync_once().await.unwrap_err().code, Code::Revoked);
    assert_eq!(station.scan(ask("x")).await.unwrap_err().code, Code::Revoked);
    assert_eq!(station.sell(cart(1, &[(ADULT, 1)], 5000)).await.unwrap_err().code, Code::Revoked);
    drop(station);
    let station = open(folder.path(), &server);
    assert_eq!(station.scan(ask("x")).await.unwrap_err().code, Code::Revoked, "also after a restart");
    let status = station.enrol("t.example", "good").await.unwrap();
    assert_eq!((status.enrolment.unwrap().device_id.0, status.journal_length), (43, 1), "a new station");
    station.sync_once().await.unwrap();
    station.sell(cart(2, &[(ADULT, 1)], 5000)).await.unwrap();
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn the_loop_sends_a_fact_by_itself_and_brings_what_is_new_though_the_link_comes_and_goes() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = open(folder.path(), &server);
    let cancel = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn({
        let (station, cancel) = (station.clone(), cancel.clone());
        async move { station.run(cancel).await }
    });
    station.enrol("t.example", "good").await.unwrap();
    until(&station, async |s| s.till().await.unwrap().events.first().is_some_and(|e| e.products[0].here == Some(10)))
        .await;
    scan(&station, "x").await;
    until(&station, async |s| s.status().await.unwrap().waiting == 0).await;
    server.state().online = false;
    let sale = station.sell(cart(1, &[(ADULT, 7)], 20_000)).await.unwrap();
    assert_eq!(sale.delivery, Delivery::Here);
    server.state().head.push(Row::Position(position(5, 1)));
    until(&station, async |s| !s.status().await.unwrap().link.connected).await;
    server.state().online = true;
    until(&station, async |s| {
        let status = s.status().await.unwrap();
        status.waiting == 0 && status.link.connected && status.tickets == 8
    })
    .await;
    until(&station, async |s| s.till().await.unwrap().events[0].products[0].here.unwrap() >= 10).await;
    cancel.cancel();
    running.await.unwrap();
}

/// Waits for a state by listening to the change feed.
async fn until(station: &willcall_station::Station, mut is: impl AsyncFnMut(&willcall_station::Station) -> bool) {
    let mut changed = station.watch();
    let waiting = async {
        while !is(station).await {
            let _any_news = changed.recv().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it comes about");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn no_code_that_was_not_issued_admits_or_panics(codes in prop::collection::vec(".{0,200}|[0-9A-Z$%*.-]{153}", 1..10), flips in prop::collection::vec((0usize..153, 0usize..41), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
            let station = ready(folder.path(), &server).await;
            for code in &codes {
                let verdict = scan(&station, code).await;
                assert_eq!(verdict.class, Class::Refused, "{code:?}");
            }
            let good = server.code(PositionId(Uuid::from_u128(5)), 0);
            for (at, with) in flips {
                let mut bad: Vec<u8> = good.bytes().collect();
                bad[at] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-."[with];
                let bad = String::from_utf8(bad).unwrap();
                if bad != good {
                    assert_eq!(scan(&station, &bad).await.class, Class::Refused, "{bad}");
                }
            }
            assert!(station.verify_journal().await.unwrap().ok);
        });
    }
}

#[tokio::test]
async fn a_clock_set_back_while_the_program_was_off_makes_limits_doubtful_and_refuses_nobody() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let until = UtcMillis(DOORS.0 + 7_200_000);
    server.state().head.push(Row::Position(PositionRow { valid_until: Some(until), ..position(5, 1) }));
    let station = ready(folder.path(), &server).await;
    drop(station);
    server.state().online = false;
    server.clock.set(UtcMillis(DOORS.0 - 86_400_000));
    let station = open(folder.path(), &server);
    let verdict = scan(&station, &server.code(PositionId(Uuid::from_u128(5)), 0)).await;
    assert_eq!((verdict.class, verdict.marks.as_slice()), (Class::Look, &[Mark::TimeUncertain][..]), "{verdict:?}");
    assert!(verdict.uncertainty_ms.unwrap() >= 86_400_000, "it says how far");
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_said_and_verdicts_go_by_the_servers() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    assert!(!station.status().await.unwrap().clock_far_off);
    server.state().server_ahead_ms = -86_400_000;
    station.sync_once().await.unwrap();
    let status = station.status().await.unwrap();
    assert!(status.clock_far_off && status.clock_offset_ms.unwrap() < -86_000_000, "{status:?}");
}
