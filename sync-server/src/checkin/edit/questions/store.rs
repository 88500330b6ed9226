//! SQL of questions' write side.

use crate::app::Tx;
use willcall_domain::{
    checkin::question::{QuestionDraft, QuestionKind},
    id::{EventId, ItemId, QuestionId},
};

/// A question with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionFull {
    pub question_id: QuestionId,
    pub draft: QuestionDraft,
}

#[derive(sqlx::FromRow)]
struct Row {
    question_id: i64,
    text: String,
    help: String,
    kind: String,
    required: bool,
    ask_at_checkin: bool,
    rank: i32,
    active: bool,
    items: Vec<i64>,
    options: Vec<String>,
}

impl Row {
    fn read(self) -> sqlx::Result<QuestionFull> {
        let unknown = || sqlx::Error::Decode(format!("there is no kind of question {:?}", self.kind).into());
        let kind = QuestionKind::of_word(&self.kind).ok_or_else(unknown)?;
        Ok(QuestionFull {
            question_id: QuestionId(self.question_id),
            draft: QuestionDraft {
                text: self.text,
                help: self.help,
                kind,
                required: self.required,
                ask_at_checkin: self.ask_at_checkin,
                items: self.items.into_iter().map(ItemId).collect(),
                options: self.options,
                rank: self.rank,
                active: self.active,
            },
        })
    }
}

pub(super) async fn questions(
    tx: &mut Tx,
    event: EventId,
    only: Option<QuestionId>,
) -> sqlx::Result<Vec<QuestionFull>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT q.question_id, q.text, q.help, q.kind, q.required, q.ask_at_checkin, q.rank, q.active,
                ARRAY(SELECT i.item_id FROM question_item i WHERE i.organizer_id = $1
                      AND i.question_id = q.question_id ORDER BY 1) AS items,
                ARRAY(SELECT o.text FROM question_option o WHERE o.organizer_id = $1
                      AND o.question_id = q.question_id AND o.active ORDER BY o.rank, o.option_id) AS options
         FROM question q
         WHERE q.organizer_id = $1 AND q.event_id = $2 AND ($3::bigint IS NULL OR q.question_id = $3)
         ORDER BY q.rank, q.question_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(only.map(|question| question.0))
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Row::read).collect()
}

pub(super) async fn insert(tx: &mut Tx, event: EventId, draft: &QuestionDraft) -> sqlx::Result<QuestionId> {
    sqlx::query_scalar(
        "INSERT INTO question (organizer_id, event_id, text, help, kind, required, ask_at_checkin, rank, active)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING question_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&draft.text)
    .bind(&draft.help)
    .bind(draft.kind.as_str())
    .bind(draft.required)
    .bind(draft.ask_at_checkin)
    .bind(draft.rank)
    .bind(draft.active)
    .fetch_one(tx.conn())
    .await
    .map(QuestionId)
}

pub(super) async fn update(tx: &mut Tx, question: QuestionId, draft: &QuestionDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE question SET text = $3, help = $4, kind = $5, required = $6, ask_at_checkin = $7, rank = $8, active = $9,
             version = version + 1
         WHERE organizer_id = $1 AND question_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(question.0)
    .bind(&draft.text)
    .bind(&draft.help)
    .bind(draft.kind.as_str())
    .bind(draft.required)
    .bind(draft.ask_at_checkin)
    .bind(draft.rank)
    .bind(draft.active)
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn set_items(tx: &mut Tx, question: QuestionId, items: &[ItemId]) -> sqlx::Result<()> {
    let items: Vec<i64> = items.iter().map(|item| item.0).collect();
    sqlx::query("DELETE FROM question_item WHERE organizer_id = $1 AND question_id = $2 AND item_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(question.0)
        .bind(&items)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO question_item (organizer_id, question_id, item_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(question.0)
    .bind(&items)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Offers these answers in this order and no others; one that was offered before keeps its number.
pub(super) async fn set_options(tx: &mut Tx, question: QuestionId, options: &[String]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE question_option SET active = false
         WHERE organizer_id = $1 AND question_id = $2 AND active AND text <> ALL ($3)",
    )
    .bind(tx.organizer.0)
    .bind(question.0)
    .bind(options)
    .execute(tx.conn())
    .await?;
    for (rank, text) in (0_i32..).zip(options) {
        let kept = sqlx::query(
            "UPDATE question_option SET active = true, rank = $4
             WHERE organizer_id = $1 AND option_id = (SELECT min(option_id) FROM question_option
                 WHERE organizer_id = $1 AND question_id = $2 AND text = $3)",
        )
        .bind(tx.organizer.0)
        .bind(question.0)
        .bind(text)
        .bind(rank)
        .execute(tx.conn())
        .await?;
        if kept.rows_affected() == 0 {
            sqlx::query("INSERT INTO question_option (organizer_id, question_id, text, rank) VALUES ($1, $2, $3, $4)")
                .bind(tx.organizer.0)
                .bind(question.0)
                .bind(text)
                .bind(rank)
                .execute(tx.conn())
                .await?;
        }
    }
    Ok(())
}
