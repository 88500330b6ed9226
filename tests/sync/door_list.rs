//! The list of last resort: who is on it, what is said of whom, and that it is the same on paper and as a table.

use super::enter;
use willcall_domain::{checkin::wire::Class, devices::Role, paper::Language, problem::Code};
use willcall_station::checkin::door_list::DoorListForm;
use willcall_tests::{
    crowd,
    house::{House, Plan},
    picture,
};

/// The lines of a table by order code.
fn line<'a>(csv: &'a str, order: &str) -> Option<&'a str> {
    csv.lines().find(|line| line.contains(&format!(",{order},")))
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_may_come_in_is_on_the_door_list_with_what_is_known_of_them_and_no_server_is_asked() {
    let mut house = House::build(Plan { places: 1_000, ..Plan::default() }).await.unwrap();
    let positions = crowd::fill(&house, 120).await.unwrap();
    crowd::cancel(&house, &positions[..5]).await.unwrap();
    sqlx::query(
        "UPDATE orders SET status = 'pending'
         WHERE order_id = (SELECT order_id FROM order_position WHERE position_id = $1)",
    )
    .bind(positions[7].0)
    .execute(&mut house.admin().await.unwrap())
    .await
    .unwrap();
    let codes = crowd::codes(&house, positions).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    house.stop().await;
    assert_eq!(enter(&till, house.list, &codes[20].1).await.class, Class::Admitted);
    let sale = till.sell(house.adults(2)).await.unwrap();

    let made = till.door_list(house.list, DoorListForm::Csv, Language::En).await.unwrap();
    let csv = String::from_utf8(made.bytes).unwrap();
    assert_eq!((made.tickets, made.entered, csv.lines().count()), (117, 1, 118));
    assert_eq!(line(&csv, "B0000003"), None, "cancelled");
    assert_eq!(line(&csv, "B0000007").unwrap(), "Guest B0000007,Adult,B0000007,NOT PAID");
    assert_eq!(line(&csv, "B0000008").unwrap(), "Guest B0000008,Adult,B0000008,");
    assert!(line(&csv, "B0000020").unwrap().contains(",in at "), "{:?}", line(&csv, "B0000020"));
    assert_eq!(csv.matches(&format!(",{},", sale.order_code)).count(), 2, "what was sold here a moment ago");

    let pdf = till.door_list(house.list, DoorListForm::Pdf, Language::De).await.unwrap();
    let text = picture::words(&pdf.bytes).unwrap();
    assert!(text.contains("Einlassliste") && text.contains("117 Tickets, 1 schon drin"), "{text}");
    for n in 5..120 {
        assert!(text.contains(&format!("B{n:07}, Guest")), "{n} is on paper");
    }
    assert!(text.contains("NICHT BEZAHLT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_written_by_the_ending_of_the_file_and_never_over_another() {
    let house = House::build(Plan::default()).await.unwrap();
    house.buy().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    let write = async |name: &str| till.write_door_list(house.list, Language::En, folder.path().join(name)).await;
    assert_eq!(write("list.PDF").await.unwrap().tickets, 1);
    assert!(std::fs::read(folder.path().join("list.PDF")).unwrap().starts_with(b"%PDF-"));
    assert_eq!(write("list.csv").await.unwrap().entered, 0);
    for name in ["list.csv", "list.txt", "list", "no-such-folder/list.csv"] {
        let problem = write(name).await.unwrap_err();
        assert_eq!((problem.code, problem.fields[0].field.as_str()), (Code::Invalid, "file"), "{name}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_names_gets_a_list_without_them() {
    let house = House::build(Plan::default()).await.unwrap();
    house.buy().await.unwrap();
    let (till, door) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (role, folder, named) in [(Role::Till, &till, true), (Role::Door, &door, false)] {
        let station = house.station(role.as_str(), role, folder.path()).await.unwrap();
        let made = station.door_list(house.list, DoorListForm::Csv, Language::En).await.unwrap();
        assert_eq!(String::from_utf8(made.bytes).unwrap().contains("Ada Lovelace"), named, "{role:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_nobody_and_a_list_that_is_not_there_are_said_so() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    for form in [DoorListForm::Csv, DoorListForm::Pdf] {
        let nobody = till.door_list(house.list, form, Language::En).await.unwrap_err();
        assert_eq!(nobody.code, Code::NotFound, "{nobody}");
        let none = till.door_list(willcall_domain::id::ListId(987), form, Language::En).await.unwrap_err();
        assert!(none.code == Code::NotFound && none.detail.contains("987"), "{none}");
    }
}
