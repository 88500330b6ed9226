//! What a till prints: who sells, as the organizer has it now, and which copy it is.

use willcall_domain::{
    access::draft::OrganizerDraft, devices::Role, id::OrderId, paper::Language, sync::fact::Printed,
};
use willcall_server::access::organizer;
use willcall_station::Station;
use willcall_tests::{
    house::{House, Plan},
    picture,
};

/// The lines of a paper without the blanks within, which its reader guesses.
async fn lines(till: &Station, order: OrderId, what: Printed, language: Language) -> Vec<String> {
    let pdf = till.paper(order, what, None, language).await.unwrap();
    let bare = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    picture::words(&pdf).unwrap().lines().map(bare).filter(|line| !line.is_empty()).collect()
}

async fn rename(house: &House, draft: &OrganizerDraft) {
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    organizer::change(&mut tx, draft).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

fn seller() -> OrganizerDraft {
    OrganizerDraft {
        name: "The House".to_owned(),
        legal_name: "Speicher Nord Kultur gGmbH".to_owned(),
        address: "Hafenstraße 4\n20457 Hamburg".to_owned(),
        tax_number: "DE123456789".to_owned(),
        bank_details: String::new(),
        accent: "#1f6f78".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_names_who_sells_from_the_first_sale_on_and_follows_what_the_organizer_changes() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    rename(&house, &seller()).await;
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    let order = till.sell(house.adults(2)).await.unwrap().order_id;
    let receipt = lines(&till, order, Printed::Receipt, Language::De).await;
    let head = ["Speicher Nord Kultur gGmbH", "Hafenstraße 4", "20457 Hamburg", "USt-IdNr. DE123456789"];
    assert_eq!(receipt[..4], head, "{receipt:#?}");
    let ticket = lines(&till, order, Printed::Tickets, Language::De).await.join(" ");
    assert!(ticket.contains("Verkauft von Speicher Nord Kultur gGmbH, Hafenstraße 4, 20457 Hamburg"), "{ticket}");

    let moved = OrganizerDraft {
        name: "Speicher Süd".to_owned(),
        legal_name: String::new(),
        address: "Kai 9".to_owned(),
        tax_number: "22/815/08151".to_owned(),
        ..seller()
    };
    rename(&house, &moved).await;
    till.sync_once().await.unwrap();
    let receipt = lines(&till, order, Printed::Receipt, Language::En).await;
    assert_eq!(receipt[..3], ["Speicher Süd", "Kai 9", "Tax no. 22/815/08151"], "{receipt:#?}");
    assert_eq!(till.status().await.unwrap().enrolment.unwrap().organizer_name, "Speicher Süd");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_again_says_which_copy_it_is_and_a_print_that_failed_is_none() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    let order = till.sell(house.adults(2)).await.unwrap().order_id;
    for what in [Printed::Receipt, Printed::Tickets] {
        let copies = async |language: Language| -> Vec<String> {
            let all = lines(&till, order, what, language).await.join(" ");
            let words: Vec<&str> = all.split(' ').collect();
            let named = words.windows(2).filter(|pair| ["Copy", "Kopie"].contains(&pair[0]));
            named.map(|pair| pair.join(" ")).collect()
        };
        // Each page of the tickets carries it.
        let pages = if what == Printed::Tickets { 2 } else { 1 };
        assert_eq!(copies(Language::De).await, Vec::<String>::new(), "{what:?}");
        assert_eq!(copies(Language::De).await, Vec::<String>::new(), "{what:?}: nothing has left the printer yet");
        for copy in 1..=2 {
            assert_eq!(till.record_print(order, what, None).await.unwrap(), copy);
            assert_eq!(copies(Language::De).await, vec![format!("Kopie {}", copy + 1); pages], "{what:?}");
            assert_eq!(copies(Language::En).await, vec![format!("Copy {}", copy + 1); pages], "{what:?}");
        }
    }
}
