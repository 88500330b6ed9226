//! The words of the office, from `assets/office/words/*.toml`. Owns which errors have which sentence; not how dates and
//! amounts are written (see `format`).

use std::{collections::BTreeMap, fmt::Display, sync::OnceLock};
use willcall_domain::{catalog::draft::FieldError, money::Money, paper::Language};

macro_rules! words {
    ($($key:ident),+ $(,)?) => {
        /// Every word and sentence of the office in one language.
        #[derive(Debug)]
        pub struct Words {
            $(pub $key: String),+
        }

        impl Words {
            /// Reads a language: these keys and no other. By hand, as a derived reader of so many fields becomes one
            /// function that takes the optimiser half an hour.
            fn read(text: &str) -> Result<Self, String> {
                let mut table: BTreeMap<String, String> = toml::from_str(text).map_err(|error| error.to_string())?;
                let mut missing = Vec::new();
                let mut take = |key: &'static str| {
                    table.remove(key).unwrap_or_else(|| {
                        missing.push(key);
                        String::new()
                    })
                };
                let words = Self { $($key: take(stringify!($key))),+ };
                if missing.is_empty() && table.is_empty() {
                    return Ok(words);
                }
                Err(format!("missing: {missing:?}, unknown: {:?}", table.keys()))
            }
        }

        #[cfg(test)]
        impl Words {
            fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($key), self.$key.as_str())),+]
            }
        }
    };
}

// The keys of the files.
words! {
    log, skip, nav, overview, orders, events, devices, cases, sign_in, sign_in_lead, sign_out, email, password,
    organizer, organizer_lead, legal_name, legal_name_hint, address, address_hint, tax_number, tax_number_hint,
    bank_details, bank_details_hint, accent, accent_hint, sign_in_wrong, sign_in_limited, sign_in_choose, save,
    back, edit, show, leave_it, actions,
    not_saved, optional, name, status, search, total, pages, newer, older, when, event, new_event, first_event,
    first_event_lead, starts, ends, admission_from, location, is_live, is_draft, is_over, slug, slug_hint,
    description, description_hint, zone, zone_hint, currency, currency_hint, code_format, code_wc1, code_sig1,
    bank_transfer, bank_transfer_hint, live, live_hint, not_live_notice, see_in_shop, edit_event, all_tickets,
    product, products, new_product, no_products, category, category_hint, price, price_in, price_hint, tax_rate,
    tax_rate_hint, rank, rank_hint, item_description_hint, at_the_door, admission, admission_hint, look_at_id,
    look_at_id_hint, checkin_text, checkin_text_hint, active, active_hint, is_off, on_sale, in_no_quota,
    in_no_quota_hint, edit_product, sold, quota, quotas, new_quota, edit_quota, no_quotas, quota_name_hint,
    size, size_hint, unlimited, counts_in_it, quota_facts, excess_facts, lent, lent_hint, free, list, lists,
    new_list, edit_list, no_lists, list_name_hint, admits, admitted, all_products, some_products, rules,
    entry_after_exit, entry_after_exit_hint, multiple_entries, multiple_entries_hint, include_pending,
    include_pending_hint, rule_reentry, rule_no_reentry, rule_multiple, rule_pending, device, devices_lead,
    new_device, no_devices, no_devices_lead, device_name_hint, gate, gate_hint, what_it_does, door, door_hint,
    till, till_hint, what_it_sees, all_events, all_events_hint, some_events, what_it_may, right_time_by_hand,
    right_time_by_hand_hint, right_names, right_names_hint, right_undo, right_undo_hint, right_search,
    right_search_hint, right_admit_unpaid, right_admit_unpaid_hint, right_exchange, right_exchange_hint,
    right_supervise, right_supervise_hint, clock_ahead, clock_behind,
    case_certain, case_possible, signature_only, signature_only_lead, signature_only_none, ticket_keys,
    ticket_keys_lead, no_keys, key, key_made, key_active, key_next, key_retired, key_compromised, key_in_backup,
    key_in_no_backup, key_everywhere, key_missing_at, key_change_over, key_change_over_hint, key_emergency,
    key_emergency_hint, key_set_compromised, key_set_compromised_hint, rights, rights_of, make_code, role, only_there,
    only_there_hint, new_code, revoke, revoke_title, revoke_lines, revoke_waiting, revoke_leased, revoke_act,
    state_revoked, state_waiting, state_code_over, state_contact, state_silent, until, enrol, enrol_lead,
    enrol_how, server_address, token, as_text, shown_once, to_devices, qr_alt, order, buyer, placed, tickets,
    channel, web, office, search_hint, export_csv, any_status, any_event, no_orders, no_orders_lead, found_one,
    found_many, shown, pending, paid, expired, canceled, positions, code_revoked, not_in, inside_since,
    out_since, no_ticket, scans, no_scans, verdict, class_admitted, class_exit, class_look, class_used,
    class_refused, undone, payments, no_payments, provider_free, provider_bank_transfer, provider_cash,
    payment_created, payment_confirmed, payment_canceled, pay_until, canceled_at, order_page, order_page_open,
    placed_lead, resend, mark_paid, cancel_order, cancel_title, cancel_lines, cancel_free, cancel_money,
    cancel_used, cancel_act, no_cases, no_cases_lead, more_cases, case_time_by_hand, sold_14, by_quarter, admitted_today, coming_events, no_coming_events,
    gates_today, no_scans_today, no_sales_14, in_, out, turned_away, last_scan, tile_money, tile_sold,
    tile_admitted, tile_pending, tile_web, tile_till, tile_orders, tile_turned_away, tile_nothing, plot_sold,
    plot_sold_all, plot_admitted, plot_admitted_all, event_sold, just_now, minutes_ago, hours_ago, days_ago,
    weekdays, months, done_saved, done_event, done_paid, done_canceled, done_resent, done_revoked, done_closed,
    order_is, trouble_not_found, trouble_not_found_says, trouble_forbidden, trouble_forbidden_says,
    trouble_conflict, trouble_conflict_says, trouble_unread, trouble_unread_says, trouble_busy,
    trouble_busy_says, trouble_internal, trouble_internal_says, trouble_home, error_empty, error_too_long,
    error_slug, error_taken, error_reserved, error_colour, error_zone, error_currency, error_amount, error_rate,
    error_moment, error_skipped,
    error_before_start, error_after_start, error_number, error_choice, error_none_chosen, error_below_sold,
    error_currency_in_use, error_addon_chain, error_lent_out,
    with_tills, with_tills_lead, units, nothing_with_tills, units_facts, target_says, still_with, heard, never_heard, asked_back, on_its_way, on_its_way_since, write_off, write_off_title, write_off_worst, write_off_heard, write_off_then, write_off_flying, write_off_nothing, write_off_how, write_off_lost, write_off_lost_hint, write_off_stolen, write_off_stolen_hint, write_off_act, lending, planned_outage, planned_outage_hint, no_backup, till_sales, till_sales_hint, till_sales_off, station_cap, station_cap_hint, stations_cap, stations_cap_hint,
    vouchers, vouchers_lead, new_vouchers, no_vouchers, voucher_code, voucher_gives, home_till, home_till_hint, no_home_till, any_product, voucher_count, voucher_count_hint, voucher_codes, voucher_codes_hint, voucher_value, voucher_value_hint, percent_off, amount_off, set_price, voucher_sets, voucher_takes, voucher_spent, voucher_spent_twice, voucher_with, voucher_free, voucher_active, voucher_active_hint, voucher_log, voucher_made, voucher_home_named, voucher_home_none, voucher_on, voucher_off, write_off_rights, order_held,
}

/// The words of a language.
#[must_use]
pub fn of(language: Language) -> &'static Words {
    static ENGLISH: OnceLock<Words> = OnceLock::new();
    static GERMAN: OnceLock<Words> = OnceLock::new();
    let (words, text) = match language {
        Language::En => (&ENGLISH, include_str!("../../../assets/office/words/en.toml")),
        Language::De => (&GERMAN, include_str!("../../../assets/office/words/de.toml")),
    };
    words.get_or_init(|| Words::read(text).expect("embedded words are whole: a test reads every language"))
}

/// A sentence with its `{}` replaced in order.
#[must_use]
pub fn fill(sentence: &str, parts: &[&dyn Display]) -> String {
    let mut pieces = sentence.split("{}");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for (nth, piece) in pieces.enumerate() {
        if let Some(part) = parts.get(nth) {
            out.push_str(&part.to_string());
        }
        out.push_str(piece);
    }
    out
}

impl Words {
    /// The sentence beside a field.
    #[must_use]
    pub fn error(&self, error: &FieldError, language: Language) -> String {
        match error {
            FieldError::Empty => self.error_empty.clone(),
            FieldError::TooLong { max } => fill(&self.error_too_long, &[max]),
            FieldError::Slug => self.error_slug.clone(),
            FieldError::Taken => self.error_taken.clone(),
            FieldError::Reserved => self.error_reserved.clone(),
            FieldError::Colour => self.error_colour.clone(),
            FieldError::Zone => self.error_zone.clone(),
            FieldError::Currency => self.error_currency.clone(),
            FieldError::Amount(currency) => {
                let example = Money::new(24 * 10_i64.pow(currency.decimals()), *currency);
                fill(&self.error_amount, &[currency, &language.amount(example)])
            }
            FieldError::Rate => self.error_rate.clone(),
            FieldError::Moment => self.error_moment.clone(),
            FieldError::Skipped => self.error_skipped.clone(),
            FieldError::BeforeStart => self.error_before_start.clone(),
            FieldError::AfterStart => self.error_after_start.clone(),
            FieldError::Number { min, max } => fill(&self.error_number, &[min, max]),
            FieldError::Choice => self.error_choice.clone(),
            FieldError::NoneChosen => self.error_none_chosen.clone(),
            FieldError::BelowSold { sold, least } => fill(&self.error_below_sold, &[sold, least]),
            FieldError::AddonChain => self.error_addon_chain.clone(),
            FieldError::LentOut => self.error_lent_out.clone(),
            FieldError::CurrencyInUse(currency) => fill(&self.error_currency_in_use, &[currency]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::money::Currency;

    #[test]
    fn every_language_has_the_same_places_in_every_sentence_and_none_is_empty() {
        for ((key, english), (_, german)) in of(Language::En).all().into_iter().zip(of(Language::De).all()) {
            assert_eq!(english.matches("{}").count(), german.matches("{}").count(), "{key}");
            assert!(!english.is_empty() && !german.is_empty(), "{key}");
        }
        for language in [Language::En, Language::De] {
            assert_eq!(of(language).weekdays.split(' ').count(), 7);
            assert_eq!(of(language).months.split(' ').count(), 12);
        }
    }

    #[test]
    fn a_missing_word_and_one_nobody_asks_for_are_both_told() {
        let text = include_str!("../../../assets/office/words/en.toml");
        let told = |text: String| Words::read(&text).unwrap_err();
        assert_eq!(told(format!("{text}\nnonesuch = \"x\"")), "missing: [], unknown: [\"nonesuch\"]");
        let without: String = text.lines().filter(|l| !l.starts_with("save =")).map(|l| format!("{l}\n")).collect();
        assert_eq!(told(without), "missing: [\"save\"], unknown: []");
    }

    #[test]
    fn a_sentence_is_filled_in_order_and_never_loses_its_end() {
        assert_eq!(fill("{} of {}.", &[&1, &"two"]), "1 of two.");
        assert_eq!(fill("{} of {}.", &[&1]), "1 of .");
        assert_eq!(fill("plain", &[&1]), "plain");
    }

    #[test]
    fn an_amount_is_asked_for_as_the_language_and_currency_write_it() {
        let says = |language, code: &str| {
            let error = FieldError::Amount(code.parse::<Currency>().unwrap());
            of(language).error(&error, language)
        };
        assert!(says(Language::De, "EUR").contains("24,00"));
        assert!(says(Language::En, "JPY").contains("24."), "no decimals where there are none");
    }
}
