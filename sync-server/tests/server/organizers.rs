//! Founding organizers, and what enrolled stations hear of one that is there already.

use crate::support::World;
use sqlx::{Connection as _, Executor as _, PgConnection};
use willcall_server::{router::RESERVED, seed};

async fn refusal(world: &World, seed: &str) -> String {
    format!("{:#}", seed::apply(&world.app, &seed::read(seed).unwrap()).await.unwrap_err())
}

#[tokio::test]
async fn nobody_is_founded_where_the_server_itself_answers() {
    let world = World::new().await;
    for slug in RESERVED {
        let said = refusal(&world, &format!("[[organizer]]\nslug = \"{slug}\"\nname = \"A\"")).await;
        let wanted = format!("organizer {slug}: slug: this address is used by the server itself; choose another");
        assert_eq!(said, wanted);
    }
    assert!(world.app.organizers().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_right_with_an_organizer_is_said_by_field() {
    let world = World::new().await;
    let said = refusal(&world, "[[organizer]]\nslug = \"Über uns\"\nname = \"A\"").await;
    assert!(said.contains("slug: small letters, digits and dashes"), "{said}");
    let said = refusal(&world, "[[organizer]]\nslug = \"a\"\nname = \"\"\naccent = \"teal\"").await;
    assert!(said.contains("name: must not be empty; accent: no colour like #2f5d8a"), "{said}");
    assert!(world.app.organizers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_seed_founds_with_all_it_says_and_changes_nothing_the_second_time() {
    let world = World::new().await;
    let seed = "[[organizer]]\nslug = \"a\"\nname = \"A\"\ntax_number = \"DE1\"\naddress = \"Kai 1\"";
    world.seed(seed).await;
    let made = world.seed(&seed.replace("DE1", "DE2")).await;
    let mut tx = world.app.begin(made.organizers[0].organizer_id).await.unwrap();
    let row = willcall_server::access::organizer::row(&mut tx).await.unwrap();
    assert_eq!((row.tax_number.as_str(), row.address.as_str(), row.version), ("DE1", "Kai 1", 1));
}

/// The part of the migration that looks at what is there; on a new database it finds nothing.
fn tell_stations() -> &'static str {
    let sql = include_str!("../../../migrations/server/20261122090100_organizer_tax_number.sql");
    &sql[sql.find("DO $$").expect("the migration tells the stations of each tenant")..]
}

#[tokio::test]
async fn stations_enrolled_before_are_told_once_who_sells() {
    let world = World::new().await;
    let made = world.twins().await;
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    let mut tx = admin.begin().await.unwrap();
    tx.execute("SET LOCAL ROLE willcall_owner").await.unwrap();
    tx.execute(tell_stations()).await.unwrap();
    tx.commit().await.unwrap();
    let told: Vec<(i64, String, bool)> = sqlx::query_as(
        "SELECT organizer_id, subject, gone FROM change WHERE kind = 'organizer' AND event_id IS NULL ORDER BY 1",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let wanted: Vec<_> =
        made.organizers.iter().map(|o| (o.organizer_id.0, o.organizer_id.to_string(), false)).collect();
    assert_eq!(told, wanted);
}
