//! What a case says, in words: the kinds that `sync::apply` and its slices open.

use super::words::{Words, fill};

/// A heading and a plain sentence for a kind of case; a kind this version has no words for is named.
#[must_use]
pub fn of(kind: &str, words: &'static Words) -> (&'static str, String) {
    let (title, sentence) = match kind {
        "excess" => (&words.case_excess, &words.case_excess_says),
        "double_admission" => (&words.case_double_admission, &words.case_double_admission_says),
        "price_differs" => (&words.case_price_differs, &words.case_price_differs_says),
        "sum_differs" => (&words.case_sum_differs, &words.case_sum_differs_says),
        "overpaid" => (&words.case_overpaid, &words.case_overpaid_says),
        "sale_by_a_door" => (&words.case_sale_by_a_door, &words.case_sale_by_a_door_says),
        "ticket_sold_twice" => (&words.case_ticket_sold_twice, &words.case_ticket_sold_twice_says),
        "order_exists" => (&words.case_order_exists, &words.case_order_exists_says),
        "unknown_event" | "unknown_product" | "unknown_order" | "unknown_list" | "unknown_lease" => {
            (&words.case_unknown, &words.case_unknown_says)
        }
        "unknown_kind" => (&words.case_unknown_kind, &words.case_unknown_kind_says),
        "refers_to_parked" => (&words.case_refers_to_parked, &words.case_refers_to_parked_says),
        "fork" => (&words.case_fork, &words.case_fork_says),
        other => return (&words.case_other, fill(&words.case_other_says, &[&other])),
    };
    (title, sentence.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::words;
    use willcall_domain::paper::Language;

    #[test]
    fn a_kind_nobody_has_words_for_is_still_shown() {
        let words = words::of(Language::En);
        assert_eq!(of("excess", words).0, "Sold beyond the quota");
        assert!(of("brand_new", words).1.contains("brand_new"));
    }
}
