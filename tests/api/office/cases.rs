//! Open cases of stations.

use super::{Browser, server};

const OPEN: &str = "
INSERT INTO device (organizer_id, name, role) SELECT organizer_id, 'Till 7', 'till' FROM organizer WHERE slug = 'harbour';
INSERT INTO station_case (organizer_id, case_id, device_id, kind, detail, opened_at)
SELECT organizer_id, gen_random_uuid(), device_id, kind, detail::jsonb, 1793610000000 FROM device,
    (VALUES ('excess', '{}'), ('double_admission', '{\"scans\": [{\"gate\": \"Foyer\", \"at\": 1793610000000}]}'),
            ('brand_new', '{\"scans\": 7}')) AS c (kind, detail);";

#[tokio::test]
async fn cases_are_told_in_plain_words_and_closed_by_a_person() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    assert!(ines.page("/office/harbour/cases").await.contains("No open cases"));
    sqlx::raw_sql(OPEN).execute(&mut server.admin().await.unwrap()).await.unwrap();
    let page = ines.page("/office/harbour/cases").await;
    for said in ["Sold beyond the quota", "Admitted twice", "Foyer · ", "Till 7", "brand_new"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(ines.page("/office/harbour").await.contains("<b class=\"badge\">3</b>"));
    let (_, rest) = page.split_once("/office/harbour/cases/").unwrap();
    let path = format!("/office/harbour/cases/{}", rest.split('"').next().unwrap());
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.post(&path, &[]).await.status(), 403);
    assert_eq!(ines.send(&path, &[]).await, "/office/harbour/cases?done=closed");
    let closed = "SELECT count(*) FROM station_case c JOIN staff s ON s.staff_id = c.closed_by
                  WHERE c.closed_at IS NOT NULL AND s.email = 'ines@harbour.example'";
    assert_eq!(server.count(closed).await.unwrap(), 1);
    assert_eq!(ines.post(&path, &[]).await.status(), 404, "closed once");
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    assert!(zoe.page("/office/zebra/cases").await.contains("No open cases"), "another house's cases are not seen");
}
