//! Units that go from till to till with no server between: the stations' files and the server's books, in every order in
//! which their journals may arrive.

use std::path::{Path, PathBuf};
use willcall_domain::{
    devices::Role,
    id::{DeviceId, HandOverId, StaffId},
    leases::{
        ledger::{GivenUp, HandOverState},
        view::{GiveRequest, LeasesView, OfferStanding},
    },
    problem::Code,
};
use willcall_server::{doctor, leases};
use willcall_station::Station;
use willcall_tests::house::{House, Plan};

async fn house() -> House {
    House::build(Plan { places: 60, ..Plan::default() }).await.unwrap()
}

struct Till {
    station: Station,
    folder: tempfile::TempDir,
}

impl Till {
    async fn enrol(house: &House, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let station = house.station(name, Role::Till, folder.path()).await.unwrap();
        Self { station, folder }
    }

    async fn number(&self) -> DeviceId {
        self.station.leases().await.unwrap().station
    }

    async fn free(&self) -> u32 {
        self.station.leases().await.unwrap().quotas.iter().map(|q| q.free).sum()
    }

    async fn give(&self, house: &House, to: &Till, units: u32, file: &Path) -> Vec<HandOverId> {
        let request = GiveRequest { quota_id: house.quota, units, to: to.number().await };
        let given = self.station.give_units(request, file.to_owned()).await.unwrap();
        given.hand_overs.iter().map(|h| h.hand_over_id).collect()
    }

    /// Sells until nothing is left; answers how many.
    async fn sell_out(&self, house: &House) -> i64 {
        let mut sold = 0;
        while self.station.sell(house.adults(1)).await.is_ok() {
            sold += 1;
        }
        sold
    }

    async fn sync(&self) {
        self.station.sync_once().await.unwrap();
    }

    async fn state_of(&self, id: HandOverId) -> HandOverState {
        let view = self.station.leases().await.unwrap();
        view.hand_overs.iter().find(|h| h.hand_over_id == id).unwrap().state
    }
}

fn file(till: &Till) -> PathBuf {
    till.folder.path().join("to the other till.json")
}

/// `(sold, leased, in flight, excess)`.
async fn counts(house: &House) -> (i64, i64, i64, i64) {
    sqlx::query_as("SELECT sold, leased, in_flight, excess FROM quota WHERE quota_id = $1")
        .bind(house.quota.0)
        .fetch_one(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

async fn open_cases(house: &House) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM station_case WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

/// The server's books add up, and every journal says what its tables say.
async fn sound(house: &House, tills: &[&Till]) {
    let report = doctor::examine(house.database.config()).await;
    let wrong: Vec<_> = report.findings.iter().filter(|f| !f.ok && f.check != "disk").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for till in tills {
        let report = till.station.verify_journal().await.unwrap();
        assert!(report.ok, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_one_till_are_sold_at_another_in_whatever_order_their_journals_arrive() {
    for order in [["a", "b"], ["b", "a"]] {
        let mut house = house().await;
        let (a, b) = (Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await);
        let (had_a, had_b) = (a.free().await, b.free().await);
        house.stop().await;
        let path = file(&a);
        let ids = a.give(&house, &b, 4, &path).await;
        assert_eq!((a.free().await, ids.len()), (had_a - 4, 1));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let offer = b.station.look_into(path.clone()).await.unwrap();
        assert_eq!((offer.standing, offer.from_name.as_str()), (OfferStanding::Takeable, "Till 1"));
        let view: LeasesView = b.station.take_units(path.clone()).await.unwrap();
        assert_eq!(view.quotas.iter().map(|q| q.unconfirmed).sum::<u32>(), 4, "sold at once, handed on later");
        assert_eq!(b.free().await, had_b + 4);
        let at_b = b.sell_out(&house).await;
        let at_a = a.sell_out(&house).await;
        assert_eq!((at_a, at_b), (i64::from(had_a) - 4, i64::from(had_b) + 4));
        house.start().await.unwrap();
        for who in order {
            if who == "a" {
                a.sync().await
            } else {
                b.sync().await
            }
            let (sold, leased, _, excess) = counts(&house).await;
            assert!(sold + leased <= 60 && excess == 0, "{sold} sold and {leased} lent of 60, {excess} too many");
            sound(&house, &[&a, &b]).await;
        }
        a.sync().await;
        let (sold, _, in_flight, excess) = counts(&house).await;
        assert_eq!((sold, in_flight, excess), (at_a + at_b, 0, 0));
        assert!(open_cases(&house).await.is_empty(), "{:?}", open_cases(&house).await);
        assert_eq!(a.state_of(ids[0]).await, HandOverState::Taken);
        sound(&house, &[&a, &b]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receivers_journal_alone_is_enough_though_the_giver_never_comes_back() {
    let mut house = house().await;
    let (a, b) = (Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await);
    let had_a = a.free().await;
    house.stop().await;
    let path = file(&a);
    a.give(&house, &b, 5, &path).await;
    b.station.take_units(path).await.unwrap();
    let at_b = b.sell_out(&house).await;
    house.start().await.unwrap();
    drop(a);
    b.sync().await;
    let (sold, leased, in_flight, excess) = counts(&house).await;
    assert_eq!((sold, in_flight, excess), (at_b, 0, 0));
    assert!(leased >= i64::from(had_a) - 5, "what the other till kept stays counted");
    sound(&house, &[&b]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_giver_told_is_in_flight_until_it_is_declined_and_then_the_givers_again() {
    let house = house().await;
    let (a, b) = (Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await);
    let had = a.free().await;
    let path = file(&a);
    let id = a.give(&house, &b, 4, &path).await[0];
    a.sync().await;
    let (_, _, in_flight, _) = counts(&house).await;
    assert_eq!(in_flight, 4, "counted, and sold by nobody");
    sound(&house, &[&a, &b]).await;
    b.station.decline_units(path.clone()).await.unwrap();
    let late = b.station.take_units(path.clone()).await.unwrap_err();
    assert!(late.code == Code::Conflict && late.detail.contains("declined here before"), "{late}");
    assert_eq!(a.state_of(id).await, HandOverState::InFlight, "nobody has told it yet");
    b.sync().await;
    house.number().await.unwrap();
    a.sync().await;
    assert_eq!((a.state_of(id).await, a.free().await >= had), (HandOverState::Declined, true));
    let free = a.free().await;
    assert_eq!(a.sell_out(&house).await, i64::from(free), "with their tickets");
    a.sync().await;
    let (sold, _, in_flight, excess) = counts(&house).await;
    assert_eq!((sold, in_flight, excess), (i64::from(free), 0, 0));
    sound(&house, &[&a, &b]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_moves_its_units_once_and_only_where_it_is_for() {
    let house = house().await;
    let tills =
        [Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await, Till::enrol(&house, "Till 3").await];
    let [a, b, c] = &tills;
    let path = file(a);
    let ids = a.give(&house, b, 3, &path).await;
    let standing = |till: &Till, path: &Path| {
        let (station, path) = (till.station.clone(), path.to_owned());
        async move { station.look_into(path).await.unwrap().standing }
    };
    assert_eq!(standing(c, &path).await, OfferStanding::OtherTill);
    assert_eq!(standing(a, &path).await, OfferStanding::Own);
    for (till, word) in [(c, "for another till"), (a, "left from this till")] {
        for refused in [till.station.take_units(path.clone()).await, till.station.decline_units(path.clone()).await] {
            let problem = refused.unwrap_err();
            assert!(problem.detail.contains(word), "{problem}");
        }
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let other = a.folder.path().join("other.json");
    std::fs::write(&other, &text[..text.len() / 2]).unwrap();
    assert_eq!(b.station.take_units(other.clone()).await.unwrap_err().code, Code::Corrupt);
    for forged in [text.replace(r#"units\\\":3"#, r#"units\\\":9"#), text.replace("Till 1", "Till 9")] {
        assert_ne!(forged, text, "the file is as this test thinks");
        std::fs::write(&other, forged).unwrap();
        let standing = standing(b, &other).await;
        assert!(matches!(standing, OfferStanding::Forged | OfferStanding::UnknownTill), "{standing:?}");
        assert!(b.station.take_units(other.clone()).await.is_err());
    }
    let had = b.free().await;
    b.station.take_units(path.clone()).await.unwrap();
    let twice = b.station.take_units(path.clone()).await.unwrap_err();
    assert!(twice.code == Code::Conflict && twice.detail.contains("taken in here before"), "{twice}");
    assert!(b.station.decline_units(path.clone()).await.is_err());
    assert_eq!(b.free().await, had + 3);
    // A stick that was lost: the file is written once more, and moves nothing twice.
    let again = a.folder.path().join("again.json");
    a.station.write_hand_over(ids, again.clone()).await.unwrap();
    assert_eq!(standing(b, &again).await, OfferStanding::Taken);
    for till in &tills {
        till.sync().await;
    }
    assert_eq!(counts(&house).await.2, 0);
    assert!(open_cases(&house).await.is_empty());
    sound(&house, &[a, b, c]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_taken_over_are_handed_on_once_the_server_knows_of_them() {
    let house = house().await;
    let tills =
        [Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await, Till::enrol(&house, "Till 3").await];
    let [a, b, c] = &tills;
    let (first, second) = (file(a), file(b));
    a.give(&house, b, 4, &first).await;
    b.station.take_units(first).await.unwrap();
    let own = b.free().await - 4;
    let request = GiveRequest { quota_id: house.quota, units: own + 2, to: c.number().await };
    let early = b.station.give_units(request, second.clone()).await.unwrap_err();
    assert!(early.code == Code::Conflict && early.detail.contains("had a link"), "{early}");
    assert!(!second.exists(), "nothing was written");
    b.sync().await;
    assert!(b.free().await >= own + 4);
    let all = b.free().await;
    b.station.give_units(GiveRequest { units: all, ..request }, second.clone()).await.unwrap();
    c.station.take_units(second).await.unwrap();
    let sold = c.sell_out(&house).await;
    // The last link of the chain first.
    for till in [c, b, a] {
        till.sync().await;
        let wrong: Vec<String> = sqlx::query_scalar("SELECT kind || detail::text FROM station_case")
            .fetch_all(&mut house.admin().await.unwrap())
            .await
            .unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        sound(&house, &[a, b, c]).await;
    }
    let (counted, leased, in_flight, excess) = counts(&house).await;
    assert_eq!((counted, in_flight, excess), (sold, 0, 0));
    assert!(counted + leased <= 60);
    assert!(open_cases(&house).await.is_empty(), "{:?}", open_cases(&house).await);
}

/// So long ago that a person should know of it.
async fn long_ago(house: &House) {
    let mut admin = house.admin().await.unwrap();
    sqlx::query("UPDATE hand_over SET at = at - 16 * 60000").execute(&mut admin).await.unwrap();
}

async fn give_up(house: &House, id: HandOverId) -> u32 {
    let mut admin = house.admin().await.unwrap();
    let staff: i64 = sqlx::query_scalar(
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at)
         VALUES ($1, 'ines@house.example', 'Ines', '', 'owner', 0) RETURNING staff_id",
    )
    .bind(house.organizer.0)
    .fetch_one(&mut admin)
    .await
    .unwrap();
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    let by = leases::Person { id: StaffId(staff), name: "Ines" };
    let units = leases::write_off_hand_over(&mut tx, id, GivenUp::Lost, by).await.unwrap();
    tx.commit().await.unwrap();
    units
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_do_not_arrive_are_a_case_that_closes_when_they_do() {
    let house = house().await;
    let (a, b) = (Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await);
    let path = file(&a);
    a.give(&house, &b, 4, &path).await;
    a.sync().await;
    let app = house.app().unwrap();
    leases::find_stuck(app).await.unwrap();
    assert!(open_cases(&house).await.is_empty(), "it has only just left");
    long_ago(&house).await;
    leases::find_stuck(app).await.unwrap();
    leases::find_stuck(app).await.unwrap();
    assert_eq!(open_cases(&house).await, ["hand_over_stuck"], "one case, however often it is looked");
    b.station.take_units(path).await.unwrap();
    b.sync().await;
    assert!(open_cases(&house).await.is_empty());
    let why = "SELECT count(*) FROM station_case WHERE kind = 'hand_over_stuck' AND note = 'arrived'";
    assert_eq!(house.number_of(why).await.unwrap(), 1, "with a line that says why");
    leases::find_stuck(app).await.unwrap();
    assert!(open_cases(&house).await.is_empty());
    sound(&house, &[&a, &b]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_given_up_on_their_way_are_free_and_a_receiver_that_has_them_after_all_is_honoured() {
    let house = house().await;
    let (a, b) = (Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await);
    let path = file(&a);
    let id = a.give(&house, &b, 4, &path).await[0];
    a.sync().await;
    long_ago(&house).await;
    leases::find_stuck(house.app().unwrap()).await.unwrap();
    let before = counts(&house).await;
    assert_eq!(give_up(&house, id).await, 4);
    assert_eq!(counts(&house).await, (0, before.1 - 4, 0, 0));
    assert!(open_cases(&house).await.is_empty(), "a person decided");
    house.number().await.unwrap();
    let free = a.free().await;
    a.sync().await;
    assert_eq!((a.state_of(id).await, a.free().await >= free), (HandOverState::Lost, true));
    sound(&house, &[&a, &b]).await;
    // It was only late: what the other till sells of them is honoured, as some of the free ones.
    b.station.take_units(path).await.unwrap();
    let sold = b.station.sell(house.adults(b.free().await)).await.unwrap().positions.len();
    b.sync().await;
    let (counted, _, in_flight, excess) = counts(&house).await;
    assert_eq!((counted, in_flight, excess), (i64::try_from(sold).unwrap(), 0, 0));
    assert!(open_cases(&house).await.contains(&"write_off_wrong".to_owned()), "{:?}", open_cases(&house).await);
    sound(&house, &[&a, &b]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_for_a_till_there_is_none_of_come_back_by_themselves() {
    let house = house().await;
    let a = Till::enrol(&house, "Till 1").await;
    let had = a.free().await;
    let request = GiveRequest { quota_id: house.quota, units: 3, to: DeviceId(999_999) };
    let given = a.station.give_units(request, file(&a)).await.unwrap();
    a.sync().await;
    house.number().await.unwrap();
    a.sync().await;
    assert_eq!(a.state_of(given.hand_overs[0].hand_over_id).await, HandOverState::Declined);
    assert!(a.free().await >= had);
    let sold = a.sell_out(&house).await;
    a.sync().await;
    let (counted, _, in_flight, excess) = counts(&house).await;
    assert_eq!((counted, in_flight, excess), (sold, 0, 0));
    sound(&house, &[&a]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_is_wiped_gives_everything_back_but_what_is_on_its_way() {
    let house = house().await;
    let (a, b) = (Till::enrol(&house, "Till 1").await, Till::enrol(&house, "Till 2").await);
    let held_b = i64::from(b.free().await);
    let path = file(&a);
    a.give(&house, &b, 4, &path).await;
    assert!(willcall_station::copies::wipe::wipe(a.station, None).await.unwrap().wiped);
    assert_eq!(counts(&house).await, (0, held_b + 4, 4, 0));
    let returned = "SELECT count(*) FROM journal_entry WHERE kind = 'lease_returned'";
    assert!(house.number_of(returned).await.unwrap() > 0, "entry by entry, before the last");
    b.station.take_units(path).await.unwrap();
    b.sync().await;
    let (_, _, in_flight, excess) = counts(&house).await;
    assert_eq!((in_flight, excess), (0, 0));
    assert!(open_cases(&house).await.is_empty(), "{:?}", open_cases(&house).await);
    sound(&house, &[&b]).await;
}
