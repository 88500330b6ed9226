//! Finding people by what somebody hears and types at a door with everybody's names: beginnings of words, without accents
//! and capitals, and order codes.

use anyhow::{Context, ensure};
use std::time::Duration;
use tokio::time::Instant;
use willcall_domain::{
    entropy::{self, SeededEntropy},
    id::PositionId,
    problem::Problem,
};
use willcall_station::{Station, orders::fold};
use willcall_tests::house::House;

const FIRST: [&str; 40] = [
    "Zoë",
    "Jürgen",
    "Łukasz",
    "Søren",
    "Anaïs",
    "Björn",
    "Chloé",
    "Đorđe",
    "Émile",
    "François",
    "Gülşen",
    "Håkon",
    "İbrahim",
    "José",
    "Kateřina",
    "Lærke",
    "Małgorzata",
    "Niño",
    "Ólafur",
    "Þórður",
    "Renée",
    "Šárka",
    "Thérèse",
    "Ünal",
    "Věra",
    "Władysław",
    "Ángel",
    "Anne-Marie",
    "Max",
    "Ada",
    "Mia",
    "Noah",
    "Emma",
    "Ben",
    "Lea",
    "Paul",
    "Ida",
    "Jonas",
    "Nele",
    "Karl",
];
/// Surnames are put together of these, so that there are thousands.
const BEGIN: [&str; 24] = [
    "Mül", "Grö", "Schä", "Weiß", "Kö", "Bäcker", "Fröh", "Öz", "Žel", "Núñ", "Łę", "Ås", "Sørl", "O'", "Mc", "van ",
    "de la ", "Hoff", "Stein", "Wald", "Klein", "Berg", "Gross", "Lang",
];
const MIDDLE: [&str; 20] = [
    "ler", "ße", "fer", "mann", "nig", "meister", "lich", "türk", "ezný", "ez", "gowski", "berg", "and", "Neill",
    "Cloud", "burg", "stern", "heim", "feld", "dorf",
];
const END: [&str; 12] = ["", "er", "s", "-Lund", " Müller", "ová", "sen", "sson", "mayr", "ić", "eau", "ak"];

/// What it took.
pub struct Searches {
    /// Ascending.
    pub times: Vec<Duration>,
    /// Searches whose answer lacks whom it was for, or holds somebody who does not fit.
    pub wrong: Vec<String>,
    pub answers: usize,
}

/// Gives everybody a name of their own, in the order of positions; stations learn of it by a snapshot.
///
/// # Errors
/// When the database does not take them.
pub async fn name_everybody(house: &House, positions: &[PositionId]) -> anyhow::Result<Vec<String>> {
    let name = |n: usize| {
        let (first, begin) = (FIRST[n % FIRST.len()], BEGIN[n / 7 % BEGIN.len()]);
        format!("{first} {begin}{}{}", MIDDLE[n / 11 % MIDDLE.len()], END[n / 13 % END.len()])
    };
    let names: Vec<String> = (0..positions.len()).map(name).collect();
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    sqlx::query(
        "UPDATE order_position p SET attendee_name = t.name FROM unnest($1::uuid[], $2::text[]) AS t (id, name)
         WHERE p.position_id = t.id",
    )
    .bind(&ids)
    .bind(&names)
    .execute(&mut house.admin().await?)
    .await?;
    Ok(names)
}

/// Searches `n` times, each as somebody at a door would: mostly the beginning of a name, sometimes all of it, sometimes an
/// order code.
///
/// # Errors
/// When a search is refused.
pub async fn search(house: &House, station: &Station, names: &[String], n: usize) -> anyhow::Result<Searches> {
    let chance = SeededEntropy::new(9);
    let draw = |of: usize| usize::try_from(u64::from_le_bytes(entropy::bytes(&chance)) % of.max(1) as u64).unwrap_or(0);
    let mut found = Searches { times: Vec::new(), wrong: Vec::new(), answers: 0 };
    for nth in 0..n {
        let of = draw(names.len());
        let name = names.get(of).context("a name")?;
        let last = name.split_once(' ').map_or(name.as_str(), |(_, last)| last);
        let folded = fold(last);
        let letters = |count: usize| folded.chars().take(count).collect::<String>();
        let typed = match nth % 6 {
            0 => letters(2),
            1 => letters(3),
            2 => letters(5),
            3 => fold(name),
            4 => name.to_uppercase(),
            _ => format!("b{of:07}"),
        };
        // Whoever types two letters that are one and a blank is asked for more.
        if typed.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            continue;
        }
        let began = Instant::now();
        let answer = station.search(house.list, &typed).await.map_err(said)?;
        found.times.push(began.elapsed());
        found.answers += answer.len();
        let by_code = typed.starts_with("b0");
        let fits = |name: &Option<String>, code: &str| match name {
            Some(name) => by_code && fold(code) == typed || all_words_begin(name, &typed),
            None => false,
        };
        let nobody = answer.is_empty();
        let stranger = answer.iter().find(|ticket| !fits(&ticket.name, &ticket.order_code));
        if (nobody || stranger.is_some()) && found.wrong.len() < 20 {
            found.wrong.push(format!("{typed:?} for {name:?}: {} found, {stranger:?}", answer.len()));
        }
    }
    ensure!(!found.times.is_empty(), "nobody was searched for");
    found.times.sort_unstable();
    Ok(found)
}

/// Whether each word typed is the beginning of a word of the name.
fn all_words_begin(name: &str, typed: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        fold(text).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let name = words(name);
    words(typed).iter().all(|typed| name.iter().any(|word| word.starts_with(typed)))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
