//! What nobody should send, and somebody does: pages of a journal that were replayed, mixed up, cut or are another house's,
//! grants that nobody signed, a clock a day off, a network that answers everything with its sign-in page. Each is refused
//! with its reason, counted, and seen; nothing is lost by it. Damaged, forged and foreign entries, holes and forks are in
//! `intake`, snapshots cut in half in `snapshot`, hand-overs nobody signed in `units`.

use super::enter;
use ed25519_dalek::SigningKey;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::wire::Class,
    clock::{Clock, SystemClock, UtcMillis},
    devices::Role,
    entropy::{self, OsEntropy},
    id::PositionId,
    leases::{Grant, GrantBody, sign_grant},
    problem::Code,
    sync::{Entry, Outcome, PushAnswer},
};
use willcall_station::Station;
use willcall_tests::{
    awaited,
    hand::{self, Hand, opened},
    house::{House, Plan, open_station},
    light,
    meddler::Meddler,
    proxy::{Fault, Proxy, Upstream},
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn house() -> House {
    House::build(Plan::default()).await.unwrap()
}

/// A journal of `scans` entries at the door behind its first.
fn journal(house: &House, hand: &Hand, scans: usize) -> Vec<Entry> {
    let mut all = vec![hand.write(opened()).unwrap()];
    all.extend((0..scans).map(|_| {
        let position = PositionId::born(UtcMillis(1_793_610_000_000), &OsEntropy);
        hand.write(hand::entered(house, position)).unwrap()
    }));
    all
}

async fn scans(house: &House) -> i64 {
    house.number_of("SELECT count(*) FROM scan").await.unwrap()
}

async fn open_cases(house: &House) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM station_case WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

fn outcomes(answer: &PushAnswer) -> Vec<(u64, Outcome)> {
    let mut all = answer.outcomes.clone();
    all.sort_by_key(|(seq, _)| *seq);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_replayed_by_whomever_and_in_whatever_order_answers_what_it_answered_and_changes_nothing() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door 1", Role::Door).await.unwrap();
    let other = Hand::enrol(&house, "Door 2", Role::Door).await.unwrap();
    let all = journal(&house, &door, 60);
    let first = outcomes(&door.push(&all).await.unwrap());
    let entries = "SELECT count(*) FROM journal_entry";
    let before = (scans(&house).await, house.number_of(entries).await.unwrap());
    assert_eq!(before, (60, 61));
    let mut backwards = all.clone();
    backwards.reverse();
    // A page cut out of the middle, all of it backwards, the same entry three times in one page.
    for page in [all[20..40].to_vec(), backwards, vec![all[7].clone(); 3]] {
        for carrier in [&door, &other] {
            let again = carrier.push(&page).await.unwrap();
            assert_eq!(again.outcomes.len(), page.len(), "each is answered");
            for (seq, outcome) in again.outcomes {
                assert_eq!(outcome, first[usize::try_from(seq).unwrap() - 1].1);
            }
        }
    }
    assert_eq!((scans(&house).await, house.number_of(entries).await.unwrap()), before);
    assert!(open_cases(&house).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_any_order_is_applied_whole() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let all = journal(&house, &door, 40);
    let mut mixed = all.clone();
    // Every other first, the first entry of all in the very end.
    mixed.sort_by_key(|entry| (entry.seq == 1, entry.seq % 2, std::cmp::Reverse(entry.seq)));
    let answer = door.push(&mixed).await.unwrap();
    assert_eq!((answer.acked, answer.outcomes.len()), (41, 41));
    assert!(outcomes(&answer).iter().all(|(_, o)| *o == Outcome::Applied), "{answer:?}");
    assert_eq!((scans(&house).await, open_cases(&house).await.len()), (40, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_cut_anywhere_is_refused_whole_with_its_reason_and_taken_when_it_comes_whole() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let packed = light::pack(journal(&house, &door, 20)).unwrap();
    let send = async |page: &[u8]| {
        let request = reqwest::Client::new().post(format!("{}/api/station/v1/journal", door.url));
        let request = request.bearer_auth(&door.answer.device_token).header("content-encoding", "gzip");
        let answer = request.body(page.to_vec()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for part in [0, 1, 9, packed.len() / 3, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
        let (status, text) = send(&packed[..part]).await;
        assert!(matches!(status, 400 | 422), "cut at {part} of {}: {status} {text}", packed.len());
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["code"], Code::Invalid.as_str(), "{text}");
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{text}");
    }
    assert_eq!(house.number_of("SELECT count(*) FROM journal_entry").await.unwrap(), 0, "nothing of a part is stored");
    assert_eq!(send(&packed).await.0, 200);
    assert_eq!(scans(&house).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_another_house_is_set_aside_and_says_so_and_the_carriers_own_flows() {
    let (house, elsewhere) = (house().await, self::house().await);
    let mine = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let theirs = Hand::enrol(&elsewhere, "Door", Role::Door).await.unwrap();
    assert_eq!(mine.device, theirs.device, "two houses number their devices alike");
    let foreign = journal(&elsewhere, &theirs, 3);
    let answer = mine.push(&foreign).await.unwrap();
    assert_eq!(answer.outcomes.len(), 4);
    assert!(outcomes(&answer).iter().all(|(_, o)| matches!(o, Outcome::Parked { .. })), "{answer:?}");
    assert_eq!((scans(&house).await, house.number_of("SELECT count(*) FROM journal_entry").await.unwrap()), (0, 0));
    assert_eq!(house.number_of("SELECT count(*) FROM quarantine").await.unwrap(), 4, "kept for whoever looks");
    assert_eq!(open_cases(&house).await, ["bad_entry"]);
    let own = mine.push(&journal(&house, &mine, 3)).await.unwrap();
    assert!(outcomes(&own).iter().all(|(_, o)| *o == Outcome::Applied), "under the same numbers: {own:?}");
    assert_eq!(scans(&house).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_nobody_signed_or_that_is_anothers_lends_nothing_and_is_counted_and_seen() {
    let house = house().await;
    let folder = tempfile::tempdir().unwrap();
    let line = Meddler::new().unwrap();
    let till = willcall_tests::house::open_station_over(folder.path(), line.clone()).unwrap();
    till.enrol(&house.url(), &house.invite("Till 1", Role::Till).await.unwrap()).await.unwrap();
    let other = Hand::enrol(&house, "Till 2", Role::Till).await.unwrap();
    let (body, anothers) = other.lease(&house, 5).await.unwrap();
    let key = SigningKey::from_bytes(&entropy::bytes::<32>(&OsEntropy));
    let mine = GrantBody { station: till.status().await.unwrap().enrolment.unwrap().device_id, ..body };
    let forged = sign_grant(&mine, anothers.codes.clone(), &key).unwrap();
    let changed = Grant { body: forged.body.clone(), ..anothers.clone() };
    let nonsense = Grant { body: "{}".to_owned(), signature: "00".to_owned(), codes: Vec::new() };
    let bad = [anothers, changed, forged, nonsense];
    for (n, grant) in bad.into_iter().enumerate() {
        line.next_grant(grant);
        let report = till.sync_once().await.unwrap();
        assert_eq!((report.leases, report.problems.len()), (0, 1), "{report:?}");
        assert!(report.problems[0].detail.contains("grant"), "{report:?}");
        assert_eq!(till.status().await.unwrap().link.refused, n as u64 + 1);
        assert_eq!(till.sell(house.adults(1)).await.unwrap_err().code, Code::LeaseSpent);
    }
    assert_eq!(till.sync_once().await.unwrap().leases, 1, "the server's own is taken in");
    till.sell(house.adults(1)).await.unwrap();
    till.sync_once().await.unwrap();
    assert!(till.verify_journal().await.unwrap().ok);
    let (sold, leased, _) = house.counted().await.unwrap();
    assert!(sold == 1 && leased > 0, "{sold} {leased}");
}

/// A machine whose wall clock is wrong by this, in milliseconds.
#[derive(Debug)]
struct Wrong(SystemClock, i64);

impl Clock for Wrong {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.0.now().0 + self.1)
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.monotonic_ms()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_a_day_off_is_told_refuses_no_ticket_and_dates_nothing_wrong() {
    const DAY_MS: i64 = 86_400_000;
    let house = house().await;
    for (n, off) in [DAY_MS, -DAY_MS].into_iter().enumerate() {
        let bought = house.buy().await.unwrap();
        house.number().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let till = open_station(folder.path(), Arc::new(Wrong(SystemClock::new(), off))).unwrap();
        let name = format!("Till {n}");
        till.enrol(&house.url(), &house.invite(&name, Role::Till).await.unwrap()).await.unwrap();
        till.sync_once().await.unwrap();
        assert_eq!(enter(&till, house.list, &bought.code).await.class, Class::Admitted);
        till.sell(house.adults(1)).await.unwrap();
        till.sync_once().await.unwrap();
        let offset = till.status().await.unwrap().clock_offset_ms.unwrap();
        assert!((offset + off).abs() < 60_000, "the screen says how far it is off: {offset}");
    }
    assert_eq!(open_cases(&house).await, ["clock_skew", "clock_skew"], "and the office is told");
    let now = house.nature.clock.now().0;
    for (what, times) in [
        ("scans", "SELECT at FROM scan"),
        ("sales", "SELECT placed_at FROM orders WHERE channel = 'till'"),
        ("payments", "SELECT confirmed_at FROM payment WHERE provider = 'cash'"),
    ] {
        let times: Vec<i64> = sqlx::query_scalar(times).fetch_all(&mut house.admin().await.unwrap()).await.unwrap();
        assert!(times.len() == 2 && times.iter().all(|at| (at - now).abs() < 60_000), "{what}: {times:?} {now}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_answers_everything_with_its_sign_in_page_is_no_server_and_nothing_is_lost() {
    let house = house().await;
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let server: std::net::SocketAddr = house.url().trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::start(Upstream::Tcp(server)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station_at("Till 1", Role::Till, folder.path(), &proxy.url()).await.unwrap();
    let cancel = CancellationToken::new();
    let running = tokio::spawn({
        let (till, cancel) = (till.clone(), cancel.clone());
        async move { till.run(cancel).await }
    });
    awaited::connected(&till, true, PATIENCE).await.unwrap();
    awaited::sent(&till, PATIENCE).await.unwrap();
    proxy.set(Fault::WrongBody);
    proxy.cut().await;
    awaited::connected(&till, false, PATIENCE).await.unwrap();
    let counted = async |s: &Station| Ok(s.status().await.map_err(|e| anyhow::anyhow!("{e}"))?.link.refused > 0);
    awaited::until(&till, PATIENCE, "counted", counted).await.unwrap();
    // The till goes on; what it records waits.
    till.sell(house.adults(1)).await.unwrap();
    assert_eq!(enter(&till, house.list, &bought.code).await.class, Class::Admitted);
    let status = till.status().await.unwrap();
    assert!(!status.link.connected && status.waiting > 0, "{status:?}");
    assert!(status.link.detail.contains("not the server"), "{}", status.link.detail);
    assert_eq!((scans(&house).await, till.sync_once().await.unwrap_err().code), (0, Code::NoLink));
    proxy.set(Fault::Ok);
    awaited::connected(&till, true, PATIENCE).await.unwrap();
    awaited::sent(&till, PATIENCE).await.unwrap();
    assert_eq!(scans(&house).await, 1);
    assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await.unwrap(), 1);
    assert!(open_cases(&house).await.is_empty());
    cancel.cancel();
    running.await.unwrap();
}
