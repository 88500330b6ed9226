//! The race: transaction A writes a change, B writes one later and commits first. A cursor that has passed B must still
//! get A. Numbers are given to committed rows only, so A, committed late, is numbered late.

use willcall_domain::devices::Role;
use willcall_server::sync::{Subject, note};
use willcall_tests::house::{House, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_committed_late_is_numbered_late_and_reaches_a_cursor_that_is_ahead() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let door = house.station("Gate A", Role::Door, folder.path()).await.unwrap();
    let app = house.app().unwrap();
    let mut early = app.begin(house.organizer).await.unwrap();
    sqlx::query("UPDATE item SET name = 'Early', version = version + 1 WHERE organizer_id = $1 AND item_id = $2")
        .bind(house.organizer.0)
        .bind(house.adult.0)
        .execute(early.conn())
        .await
        .unwrap();
    note(&mut early, Subject::Item(house.adult, house.event)).await.unwrap();

    let mut late = app.begin(house.organizer).await.unwrap();
    sqlx::query("UPDATE item SET name = 'Late', version = version + 1 WHERE organizer_id = $1 AND item_id = $2")
        .bind(house.organizer.0)
        .bind(house.programme.0)
        .execute(late.conn())
        .await
        .unwrap();
    note(&mut late, Subject::Item(house.programme, house.event)).await.unwrap();
    late.commit().await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();

    early.commit().await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    let order: Vec<(String, i64)> = sqlx::query_as(
        "SELECT subject, position FROM change WHERE kind = 'item' AND position IS NOT NULL ORDER BY position DESC LIMIT 2",
    )
    .fetch_all(&mut house.admin().await.unwrap())
    .await
    .unwrap();
    assert_eq!(order[0].0, house.adult.to_string(), "the one committed last has the higher number");
    let gaps = "SELECT max(position) - count(*) FROM change WHERE position IS NOT NULL";
    assert_eq!(house.number_of(gaps).await.unwrap(), 0, "positions have no gaps");
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    let verdict = super::enter(&door, house.list, &bought.code).await;
    assert_eq!(verdict.product.as_deref(), Some("Early"), "the station has the late change");
}
