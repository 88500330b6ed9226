//! A till that sold without a link and was then given up: what the door says about its tickets, before and after its
//! journal came after all.

use super::enter;
use willcall_domain::{
    checkin::wire::{Class, Mark, Reason, VerdictView},
    devices::Role,
    id::StaffId,
    leases::ledger::GivenUp,
    ticketing::CodeFormat,
};
use willcall_server::leases;
use willcall_station::Station;
use willcall_tests::house::{House, Plan};

async fn give_up(house: &House, till: &Station, how: GivenUp) {
    let staff: i64 = sqlx::query_scalar(
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at)
         VALUES ($1, 'ines@house.example', 'Ines', '', 'owner', 0) RETURNING staff_id",
    )
    .bind(house.organizer.0)
    .fetch_one(&mut house.admin().await.unwrap())
    .await
    .unwrap();
    let device = till.status().await.unwrap().enrolment.unwrap().device_id;
    let by = leases::Person { id: StaffId(staff), name: "Ines" };
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    assert!(leases::write_off_device(&mut tx, device, how, by).await.unwrap() > 0);
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

fn said(verdict: VerdictView) -> (Class, Option<Reason>, Vec<Mark>) {
    (verdict.class, verdict.reason, verdict.marks)
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_a_lost_till_ask_for_the_receipt_those_of_a_stolen_one_are_refused_and_a_known_sale_is_any_ticket() {
    let ask = (Class::Look, None, vec![Mark::AskForReceipt]);
    let refused = (Class::Refused, Some(Reason::Void), vec![]);
    for format in [CodeFormat::Wc1, CodeFormat::Sig1] {
        for (how, unknown, again) in [
            (GivenUp::Lost, &ask, (Class::Used, Some(Reason::AlreadyRedeemed))),
            (GivenUp::Stolen, &refused, (Class::Admitted, None)),
        ] {
            let mut house = House::build(Plan { format, ..Plan::default() }).await.unwrap();
            let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
            let door = house.station("Gate A", Role::Door, folders.1.path()).await.unwrap();
            house.stop().await;
            let sale = till.sell(house.adults(2)).await.unwrap();
            let codes: Vec<String> = sale.positions.into_iter().filter_map(|p| p.code).collect();
            house.start().await.unwrap();
            give_up(&house, &till, how).await;
            door.sync_once().await.unwrap();
            assert_eq!(&said(enter(&door, house.list, &codes[0]).await), unknown, "{format:?} {how:?}");

            till.sync_once().await.unwrap();
            house.number().await.unwrap();
            door.sync_once().await.unwrap();
            let known = said(enter(&door, house.list, &codes[1]).await);
            assert_eq!(known, (Class::Admitted, None, vec![]), "{format:?} {how:?}: its sale came after all");
            let first = enter(&door, house.list, &codes[0]).await;
            assert_eq!((first.class, first.reason), again, "{format:?} {how:?}: like any ticket, with its use or none");
        }
    }
}
