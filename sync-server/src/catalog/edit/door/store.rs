//! SQL of what products ask of the door.

use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    checkin::{medium::MediumUse, wire::ItemDoor},
    id::ItemId,
};

pub(super) async fn door(tx: &mut Tx, item: ItemId) -> sqlx::Result<ItemDoor> {
    let r = sqlx::query(
        "SELECT attention, needs_approval, medium, max_data_age_min, look_if_unseen FROM item
         WHERE organizer_id = $1 AND item_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(item.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(ItemDoor {
        attention: r.try_get("attention")?,
        needs_approval: r.try_get("needs_approval")?,
        medium: MediumUse::of_word(r.try_get("medium")?).unwrap_or_default(),
        max_data_age_min: r.try_get::<Option<i32>, _>("max_data_age_min")?.map(i32::unsigned_abs),
        look_if_unseen: r.try_get("look_if_unseen")?,
    })
}

pub(super) async fn update(tx: &mut Tx, item: ItemId, door: &ItemDoor) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE item SET attention = $3, needs_approval = $4, medium = $5, max_data_age_min = $6, look_if_unseen = $7,
             version = version + 1
         WHERE organizer_id = $1 AND item_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(item.0)
    .bind(door.attention)
    .bind(door.needs_approval)
    .bind(door.medium.as_str())
    .bind(door.max_data_age_min.map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX)))
    .bind(door.look_if_unseen)
    .execute(tx.conn())
    .await
    .map(drop)
}
