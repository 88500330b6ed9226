//! What is asked of the holder before entry, and which answers that came along are taken.

use super::{ScanInput, Ticket, Verdict};
use crate::checkin::{
    question::{AnswerGiven, AnswerWrong},
    wire::Reason,
};

/// Whether everything that must be asked was answered. An optional question must have been put once; where nobody is there
/// to ask, only what is required holds anybody up.
pub(super) fn check(input: &ScanInput<'_>, ticket: &Ticket<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    let known = ticket.position.map_or(&[][..], |position| &position.door.answered);
    let answered = |question| known.contains(&question) || ticket.around.answered.contains(&question);
    for question in input.questions.iter().filter(|q| q.is_asked_of(ticket.item_id)) {
        let id = question.question_id;
        // The last word counts where somebody was asked twice in one scan.
        let given = input.answers.iter().rev().find(|answer| answer.question_id == id);
        match given.map(|answer| question.read(&answer.value)) {
            Some(Ok(value)) => verdict.answers.push(AnswerGiven { question_id: id, value }),
            Some(Err(why)) => {
                verdict.wrong_answers.push(AnswerWrong { question_id: id, why });
                verdict.questions.push(id);
            }
            None if answered(id) => {}
            None if question.required || input.ask => verdict.questions.push(id),
            None => {}
        }
    }
    if verdict.questions.is_empty() { Ok(()) } else { Err(Reason::AnswersRequired) }
}
