//! Made-up orders: who buys what and when. Pure; the same seed and date give the same orders.

use std::{collections::HashMap, time::Duration};
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    entropy::{self, Entropy},
    id::{OrderId, PaymentId, PositionId, QuotaId},
    money::Money,
    orders::{OrderStatus, code},
    payments::Provider,
};

/// A product as far as selling it goes.
#[derive(Debug, Clone)]
pub struct Offered {
    pub article: Article,
    pub price: Money,
    pub tax_rate_bp: u32,
    /// Whether it admits somebody and so bears a name.
    pub admission: bool,
    pub quotas: Vec<QuotaId>,
}

/// What may be sold and how many of each quota; a quota that is not named is unlimited.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    pub items: Vec<Offered>,
    pub free: HashMap<QuotaId, i64>,
}

/// An order as it will be written.
#[derive(Debug, Clone)]
pub struct MadeUp {
    pub order: OrderId,
    pub code: String,
    pub status: OrderStatus,
    pub name: String,
    pub email: String,
    pub language: &'static str,
    pub total: Money,
    pub placed_at: UtcMillis,
    pub expires_at: Option<UtcMillis>,
    pub positions: Vec<MadeUpPosition>,
    pub payment: PaymentId,
    pub provider: Provider,
    pub paid_at: Option<UtcMillis>,
}

#[derive(Debug, Clone)]
pub struct MadeUpPosition {
    pub position: PositionId,
    pub article: Article,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub tax: Money,
    pub attendee: String,
}

const GIVEN: [&str; 40] = [
    "Anna",
    "Lukas",
    "Mia",
    "Jonas",
    "Lea",
    "Felix",
    "Emma",
    "Paul",
    "Hannah",
    "Ben",
    "Sofia",
    "Elias",
    "Clara",
    "Noah",
    "Marie",
    "Finn",
    "Ayşe",
    "Mehmet",
    "Chiara",
    "Luca",
    "Élodie",
    "Théo",
    "Zoë",
    "Matteo",
    "Aoife",
    "Liam",
    "Priya",
    "Arjun",
    "Ines",
    "Tiago",
    "Małgorzata",
    "Piotr",
    "Ursula",
    "Werner",
    "Brigitte",
    "Jürgen",
    "Fatima",
    "Omar",
    "Yuki",
    "Ren",
];
const FAMILY: [&str; 40] = [
    "Müller",
    "Schmidt",
    "Weber",
    "Fischer",
    "Meier",
    "Wagner",
    "Becker",
    "Hoffmann",
    "Schäfer",
    "Koch",
    "Richter",
    "Klein",
    "Wolf",
    "Neumann",
    "Zimmermann",
    "Krüger",
    "Yılmaz",
    "Kaya",
    "Rossi",
    "Bianchi",
    "Dubois",
    "Favre",
    "Huber",
    "Keller",
    "Baumann",
    "Frei",
    "O’Brien",
    "Walsh",
    "Patel",
    "Sharma",
    "Silva",
    "Costa",
    "Kowalska",
    "Nowak",
    "Brandt",
    "Lorenz",
    "Haddad",
    "Nasser",
    "Tanaka",
    "Sato",
];
const HOSTS: [&str; 4] = ["mail.example", "post.example", "example.org", "example.net"];
/// How long the presale has lasted.
const PRESALE_DAYS: u64 = 45;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// `count` orders, as far as places last; placed over the last weeks, more of them lately, some in the last hours.
#[must_use]
pub fn make_up(offer: &Offer, count: usize, now: UtcMillis, entropy: &dyn Entropy) -> Vec<MadeUp> {
    let mut free = offer.free.clone();
    let mut codes = std::collections::HashSet::new();
    let mut orders = Vec::with_capacity(count);
    let admissions: Vec<&Offered> = offer.items.iter().filter(|i| i.admission).collect();
    let extras: Vec<&Offered> = offer.items.iter().filter(|i| !i.admission).collect();
    for _ in 0..count {
        let Some(wanted) = basket(&admissions, &extras, &mut free, entropy) else { break };
        let placed_at = now - ago(entropy);
        let person = person(entropy);
        let code = loop {
            let code = code::random(entropy);
            if codes.insert(code.clone()) {
                break code;
            }
        };
        orders.push(order(&wanted, person, code, placed_at, now, entropy));
    }
    orders
}

/// One to four tickets, mostly of one kind, now and then something besides; `None` when nothing is left.
fn basket<'a>(
    admissions: &[&'a Offered],
    extras: &[&'a Offered],
    free: &mut HashMap<QuotaId, i64>,
    entropy: &dyn Entropy,
) -> Option<Vec<&'a Offered>> {
    let mut taken = Vec::new();
    let first = skewed(admissions.len(), entropy);
    for n in 0..[1, 1, 2, 2, 2, 2, 3, 4][below(8, entropy)] {
        let kind = if n > 0 && below(4, entropy) == 0 { skewed(admissions.len(), entropy) } else { first };
        let kinds = (0..admissions.len()).map(|next| admissions[(kind + next) % admissions.len()]);
        taken.extend(kinds.into_iter().find(|item| take(item, free)));
    }
    if !extras.is_empty() && below(5, entropy) == 0 {
        taken.extend(Some(extras[below(extras.len(), entropy)]).filter(|item| take(item, free)));
    }
    (!taken.is_empty()).then_some(taken)
}

fn take(item: &Offered, free: &mut HashMap<QuotaId, i64>) -> bool {
    if item.quotas.iter().any(|quota| free.get(quota).is_some_and(|left| *left <= 0)) {
        return false;
    }
    for quota in &item.quotas {
        if let Some(left) = free.get_mut(quota) {
            *left -= 1;
        }
    }
    true
}

fn order(
    wanted: &[&Offered],
    (given, family): (&str, &str),
    code: String,
    placed_at: UtcMillis,
    now: UtcMillis,
    entropy: &dyn Entropy,
) -> MadeUp {
    let name = format!("{given} {family}");
    let position = |(n, item): (usize, &&Offered)| MadeUpPosition {
        position: PositionId::born(placed_at, entropy),
        article: item.article,
        price: item.price,
        tax_rate_bp: item.tax_rate_bp,
        tax: item.price.tax_included(item.tax_rate_bp),
        attendee: match (item.admission, n) {
            (false, _) => String::new(),
            (true, 0) => name.clone(),
            (true, _) => format!("{} {family}", GIVEN[below(GIVEN.len(), entropy)]),
        },
    };
    let positions: Vec<MadeUpPosition> = wanted.iter().enumerate().map(position).collect();
    let currency = wanted.first().map_or(willcall_domain::money::Currency::EUR, |item| item.price.currency);
    let total = Money::new(positions.iter().map(|p| p.price.minor).sum(), currency);
    let expires_at = placed_at + DAY * 7;
    let settled = placed_at + DAY + Duration::from_secs(below(40_000, entropy) as u64);
    let status = match below(100, entropy) {
        _ if total.minor == 0 => OrderStatus::Paid,
        0..3 => OrderStatus::Canceled,
        3..8 if expires_at <= now => OrderStatus::Expired,
        3..12 if expires_at > now => OrderStatus::Pending,
        _ if settled > now => OrderStatus::Pending,
        _ => OrderStatus::Paid,
    };
    let provider = if total.minor == 0 { Provider::Free } else { Provider::BankTransfer };
    let paid_at = if total.minor == 0 { placed_at } else { settled };
    let ascii = |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    MadeUp {
        order: OrderId::born(placed_at, entropy),
        code,
        status,
        email: format!("{}.{}{}@{}", ascii(given), ascii(family), below(90, entropy) + 10, HOSTS[below(4, entropy)]),
        language: if below(3, entropy) == 0 { "en" } else { "de" },
        name,
        total,
        placed_at,
        expires_at: (status != OrderStatus::Paid).then_some(expires_at),
        positions,
        payment: PaymentId::born(placed_at, entropy),
        provider,
        paid_at: (status == OrderStatus::Paid).then_some(paid_at),
    }
}

fn person(entropy: &dyn Entropy) -> (&'static str, &'static str) {
    (GIVEN[below(GIVEN.len(), entropy)], FAMILY[below(FAMILY.len(), entropy)])
}

/// Longer ago is rarer; the youngest is minutes old.
fn ago(entropy: &dyn Entropy) -> Duration {
    let whole = usize::try_from(PRESALE_DAYS * DAY.as_secs()).unwrap_or(usize::MAX);
    let nearer = below(whole, entropy).min(below(whole, entropy));
    Duration::from_secs(120 + nearer as u64)
}

/// The first is chosen most often.
fn skewed(len: usize, entropy: &dyn Entropy) -> usize {
    below(len, entropy).min(below(len, entropy))
}

/// A number below `bound`, or 0 where there is none.
fn below(bound: usize, entropy: &dyn Entropy) -> usize {
    usize::try_from(u64::from_le_bytes(entropy::bytes(entropy)) % bound.max(1) as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::id::ItemId;
    use willcall_domain::{entropy::SeededEntropy, money::Currency};

    fn offer(size: i64) -> Offer {
        let item = |id, minor, admission| Offered {
            article: ItemId(id).into(),
            price: Money::new(minor, Currency::EUR),
            tax_rate_bp: 700,
            admission,
            quotas: vec![QuotaId(if admission { 1 } else { 2 })],
        };
        Offer {
            items: vec![item(1, 3_000, true), item(2, 1_500, true), item(3, 400, false)],
            free: HashMap::from([(QuotaId(1), size)]),
        }
    }

    #[test]
    fn made_up_orders_never_sell_more_than_there_is_and_add_up() {
        let now = UtcMillis(1_800_000_000_000);
        for size in [0, 1, 7, 100, 5_000] {
            let orders = make_up(&offer(size), 400, now, &SeededEntropy::new(1));
            let tickets = orders.iter().flat_map(|o| &o.positions).filter(|p| p.article.item_id != ItemId(3)).count();
            assert!(i64::try_from(tickets).unwrap() <= size, "{tickets} of {size}");
            assert!(size < 5_000 || orders.len() == 400);
            for order in &orders {
                assert_eq!(order.total.minor, order.positions.iter().map(|p| p.price.minor).sum::<i64>());
                assert!(order.placed_at < now && order.paid_at.is_none_or(|at| at <= now), "{order:?}");
                assert!(order.name.contains(' ') && order.email.contains('@'));
            }
        }
    }

    #[test]
    fn the_same_seed_and_time_give_the_same_orders() {
        let now = UtcMillis(1_800_000_000_000);
        let codes = |seed| {
            make_up(&offer(500), 50, now, &SeededEntropy::new(seed)).into_iter().map(|o| o.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(1), codes(1));
        assert_ne!(codes(1), codes(2));
    }
}
