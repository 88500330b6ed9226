//! What an organizer says of itself, and who may change it.

use super::{Browser, server};
use willcall_tests::server::{field_value, unescape};

const FORM: [(&str, &str); 6] = [
    ("name", "Harbour Hall & Friends"),
    ("legal_name", "Harbour Hall Betriebs GmbH"),
    ("address", "Kai 2\r\n20457 Hamburg"),
    ("tax_number", "DE999999999"),
    ("bank_details", "IBAN DE02 1203 0000 0000 2020 51"),
    ("accent", "#7A2E3A"),
];

#[tokio::test]
async fn an_owner_changes_what_the_shop_and_the_stations_are_told() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let page = ines.page("/office/harbour/organizer").await;
    assert_eq!(field_value(&page, "legal_name").as_deref(), Some("Harbour Hall gGmbH"));
    assert!(page.contains("Kai 1\n20457 Hamburg"), "{page}");
    assert_eq!(field_value(&page, "tax_number").as_deref(), Some("DE811111111"), "from the seed");
    assert_eq!(ines.send("/office/harbour/organizer", &FORM).await, "/office/harbour/organizer?done=saved");
    let page = ines.page("/office/harbour/organizer").await;
    assert_eq!(field_value(&page, "tax_number").as_deref(), Some("DE999999999"));
    assert_eq!(field_value(&page, "accent").as_deref(), Some("#7a2e3a"));
    let shop = unescape(&server.get("/harbour/concert").send().await.unwrap().text().await.unwrap());
    assert!(shop.contains("Harbour Hall Betriebs GmbH") && shop.contains("Kai 2"), "{shop}");
    let told = "SELECT count(*) FROM change c JOIN organizer o USING (organizer_id)
                WHERE c.kind = 'organizer' AND c.subject = o.organizer_id::text AND o.slug = 'harbour' AND o.version = 2";
    assert_eq!(server.count(told).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_nothing_is_stored() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let long = "9".repeat(41);
    let form = [("name", " "), ("tax_number", long.as_str()), ("accent", "teal"), ("address", "Kai 2")];
    let page = ines.refused("/office/harbour/organizer", &form).await;
    for field in ["name", "tax_number", "accent"] {
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{field}: {page}");
    }
    assert!(page.contains("Kai 2"), "what was typed stays");
    assert_eq!(server.count("SELECT max(version) FROM organizer").await.unwrap(), 1);
}

#[tokio::test]
async fn only_an_owner_sees_and_changes_it() {
    let server = server().await;
    for role in ["viewer", "manager"] {
        if role == "manager" {
            let raise = "UPDATE staff SET role = 'manager' WHERE email = 'viewer@harbour.example'";
            assert_eq!(server.meddle(raise).await.unwrap(), 1);
        }
        let vera = Browser::of(&server, "viewer@harbour.example").await;
        assert!(
            !vera.page("/office/harbour").await.contains("/office/harbour/organizer"),
            "{role}: no way that is refused"
        );
        assert_eq!(vera.get("/office/harbour/organizer").await.status(), 403, "{role}");
        assert_eq!(vera.post("/office/harbour/organizer", &FORM).await.status(), 403, "{role}");
    }
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    assert_eq!(zoe.post("/office/harbour/organizer", &FORM).await.status(), 404, "another house's desk");
    assert_eq!(server.count("SELECT max(version) FROM organizer").await.unwrap(), 1);
}
