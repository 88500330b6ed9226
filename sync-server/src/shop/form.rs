//! What forms carry: a cart as fields `i<product>=<how many>`, the request's key, names for tickets. Nothing typed is
//! lost: a form that comes back shows it again.

use std::collections::BTreeMap;
use uuid::Uuid;
use willcall_domain::{
    catalog::{Article, choose::Choice},
    id::{DateId, ItemId, RequestId},
    orders::{Cart, place::MAX_POSITIONS},
};

/// Fields of a form or a query, the first of each name.
#[derive(Debug, Clone, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    /// As it was typed; empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What is chosen, ascending by product and variation, for the chosen date. More than can be ordered at once stays more,
    /// so that the rules refuse it. To what an add-on belongs is said later (see [`willcall_domain::catalog::choose`]).
    pub fn cart(&self) -> Cart {
        let date_id = self.date();
        let line = |(name, value): (&String, &String)| {
            let article = Article { date_id, ..article_of(name.strip_prefix('i')?)? };
            let quantity: u32 = value.trim().parse().ok()?;
            (quantity > 0).then(|| Choice::of(article, quantity.min(MAX_POSITIONS + 1)))
        };
        let mut lines: Vec<_> = self.0.iter().filter_map(line).take(MAX_POSITIONS as usize + 1).collect();
        lines.sort_unstable_by_key(|l: &Choice| l.article);
        Cart { lines }
    }

    /// The chosen date of the event.
    pub fn date(&self) -> Option<DateId> {
        self.text("date").parse().ok()
    }

    /// Names the request: made with the checkout page, the same for every time its form is sent.
    pub fn key(&self) -> Option<RequestId> {
        Uuid::parse_str(self.text("key")).ok().filter(|key| key.get_version_num() == 7).map(RequestId)
    }
}

/// A product, and its variation, as fields name it: `4`, `4v2`.
fn article_name(article: Article) -> String {
    match article.variation_id {
        Some(variation) => format!("{}v{variation}", article.item_id),
        None => article.item_id.to_string(),
    }
}

fn article_of(name: &str) -> Option<Article> {
    let (item, variation) = name.split_once('v').map_or((name, None), |(item, variation)| (item, Some(variation)));
    let variation_id = variation.map(str::parse).transpose().ok()?;
    Some(Article { variation_id, ..ItemId(item.parse().ok()?).into() })
}

/// The field in which how many of an article are wanted is chosen.
pub fn quantity_field(article: Article) -> String {
    format!("i{}", article_name(article))
}

/// The field with the name on the `nth` ticket of an article, from 1.
pub fn name_field(article: Article, nth: u32) -> String {
    format!("n{}_{nth}", article_name(article))
}

/// The fields of a cart: its date, and how many of each article.
pub fn cart_fields(cart: &Cart) -> Vec<(String, String)> {
    let date = cart.lines.iter().find_map(|l| l.article.date_id).map(|date| ("date".to_owned(), date.to_string()));
    let lines = cart.lines.iter().map(|l| (quantity_field(l.article), l.quantity.to_string()));
    date.into_iter().chain(lines).collect()
}

/// A cart as part of an address: `date=3&i4=2&i7v1=1`.
pub fn cart_query(cart: &Cart) -> String {
    cart_fields(cart).iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::id::VariationId;

    fn fields(text: &str) -> Fields {
        Fields::of(url::form_urlencoded::parse(text.as_bytes()).into_owned())
    }

    #[test]
    fn a_cart_is_what_was_chosen_and_nothing_else() {
        let cart = fields("i7=2&i3=1&i4=0&i5=&i6=-1&i8=x&ix=2&j9=3&i7=50").cart();
        let chosen: Vec<_> = cart.lines.iter().map(|l| (l.article.item_id.0, l.quantity)).collect();
        assert_eq!(chosen, [(3, 1), (7, 2)], "the first of a name counts");
        assert_eq!(cart_query(&cart), "i3=1&i7=2");
        assert_eq!(fields(&cart_query(&cart)).cart(), cart);
    }

    #[test]
    fn a_variation_and_a_date_are_chosen_with_the_product() {
        let cart = fields("i7v2=2&i7v1=1&i7vx=1&i7v=1&iv1=1&date=3").cart();
        let chosen: Vec<_> =
            cart.lines.iter().map(|l| (l.article.item_id.0, l.article.variation_id, l.quantity)).collect();
        assert_eq!(chosen, [(7, Some(VariationId(1)), 1), (7, Some(VariationId(2)), 2)]);
        assert!(cart.lines.iter().all(|l| l.article.date_id == Some(DateId(3))));
        assert_eq!(cart_query(&cart), "date=3&i7v1=1&i7v2=2");
        assert_eq!(fields(&cart_query(&cart)).cart(), cart);
        assert_eq!(name_field(cart.lines[0].article, 1), "n7v1_1");
    }

    #[test]
    fn more_than_can_be_ordered_is_not_cut_down_to_what_can() {
        assert_eq!(fields("i1=4000000000").cart().lines[0].quantity, MAX_POSITIONS + 1);
    }

    #[test]
    fn only_an_id_as_we_make_them_names_a_request() {
        assert!(fields("key=01937c5e-0000-7000-8000-000000000001").key().is_some());
        assert!(fields("key=00000000-0000-4000-8000-000000000001").key().is_none(), "not born here");
        assert!(fields("key=").key().is_none());
        assert!(fields("").key().is_none());
    }
}
