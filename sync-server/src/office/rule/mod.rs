//! The rule of a check-in list: edited in blocks (or as text, where blocks cannot show it), said in words, and tried out on
//! a ticket before it is kept. Without script: each press of a button answers the page with all that was typed.

mod said;
mod typed;

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::Typed,
    format,
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self as catalog, EventFull},
    checkin::{
        edit::{self as lists, ListFull, gates},
        simulate::{Simulated, Wish, simulate},
    },
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use said::Tongue;
use serde_json::Value;
use typed::{ConditionTyped, Names, RuleTyped};
use willcall_domain::{
    catalog::draft::{moment, moment_typed},
    checkin::{
        Class, Direction,
        rule::{
            Rule,
            blocks::{Blocks, Counted, MOST, Order, Thing},
        },
    },
    clock::UtcMillis,
    id::{EventId, GateId, ListId},
};

/// The longest rule that is taken as text, in bytes.
const LONGEST: usize = 100_000;
/// Kinds of conditions, as buttons add them.
const KINDS: [&str; 6] = ["product", "variation", "gate", "time", "number", "status"];

#[derive(Template)]
#[template(path = "office/rule.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    event_href: String,
    list: String,
    back: String,
    /// `None` where it is edited as text.
    blocks: Option<RuleTyped>,
    text: String,
    said: Vec<String>,
    trouble: String,
    products: Vec<(i64, String)>,
    variations: Vec<(i64, String)>,
    gates: Vec<(i64, String)>,
    kinds: [&'static str; 6],
    counted: [&'static str; 6],
    orders: [&'static str; 6],
    whens: [&'static str; 5],
    typed: Typed,
    verdicts: Vec<VerdictLine>,
}

/// What would be said of one ticket.
struct VerdictLine {
    tone: &'static str,
    verdict: &'static str,
    ticket: String,
    why: Vec<String>,
}

/// What can be named in a rule of this event.
struct Known {
    products: Vec<(i64, String)>,
    variations: Vec<(i64, String)>,
    gates: Vec<(i64, String)>,
}

impl Known {
    async fn read(tx: &mut Tx, event: EventId) -> Result<Self, Failure> {
        let items = catalog::list_items(tx, event).await?;
        let variations = items.iter().flat_map(|item| {
            let name = item.draft.name.clone();
            item.variations.iter().map(move |one| (one.variation_id.0, format!("{name}, {}", one.name)))
        });
        Ok(Self {
            variations: variations.collect(),
            gates: gates::all(tx).await?.into_iter().map(|gate| (gate.gate_id.0, gate.name)).collect(),
            products: items
                .into_iter()
                .filter(|item| item.draft.admission)
                .map(|item| (item.item_id.0, item.draft.name))
                .collect(),
        })
    }

    fn of(&self, what: Thing) -> Vec<(i64, String)> {
        match what {
            Thing::Product => self.products.clone(),
            Thing::Variation => self.variations.clone(),
            Thing::Gate => self.gates.clone(),
        }
    }
}

/// What is being edited.
enum Edited {
    Blocks(RuleTyped),
    Text(String),
}

/// What it means, and what is wrong with it.
struct Meant {
    rule: Option<Value>,
    said: Vec<String>,
    trouble: Option<String>,
}

impl Edited {
    /// A rule that is there.
    fn stored(rule: Option<&Value>, zone: &str) -> Self {
        match rule {
            None => Self::Blocks(RuleTyped::of(&Blocks::default(), zone)),
            Some(rule) => match Blocks::of_json(rule) {
                Some(blocks) => Self::Blocks(RuleTyped::of(&blocks, zone)),
                None => Self::Text(serde_json::to_string_pretty(rule).unwrap_or_else(|_| rule.to_string())),
            },
        }
    }

    fn typed(typed: &Typed) -> Self {
        if typed.text("mode") == "text" {
            Self::Text(typed.text("text").to_owned())
        } else {
            Self::Blocks(RuleTyped::read(typed))
        }
    }

    fn meant(&self, known: &Known, tongue: Tongue<'_>) -> Meant {
        let words = tongue.words;
        let wrong = |trouble: String| Meant { rule: None, said: Vec::new(), trouble: Some(trouble) };
        let blocks = match self {
            Self::Blocks(typed) => match typed.meant(Names { zone: tongue.zone, things: &|what| known.of(what) }) {
                Ok(blocks) => blocks,
                Err((block, condition)) => {
                    return wrong(fill(words.t("rule_unread"), &[&condition, &block]));
                }
            },
            Self::Text(text) if text.trim().is_empty() => Blocks::default(),
            Self::Text(text) => {
                let read = serde_json::from_str::<Value>(text).ok().filter(|_| text.len() <= LONGEST);
                let Some(json) = read else { return wrong(words.t("rule_no_json").to_owned()) };
                if let Err(error) = Rule::parse(&json) {
                    return wrong(fill(words.t("rule_refused"), &[&error]));
                }
                let said = Blocks::of_json(&json).map(|blocks| tongue.rule(&blocks)).unwrap_or_default();
                return Meant { rule: Some(json), said, trouble: None };
            }
        };
        Meant { rule: blocks.to_json(), said: tongue.rule(&blocks), trouble: None }
    }
}

struct Scene {
    event: EventFull,
    list: ListFull,
    known: Known,
}

async fn scene(tx: &mut Tx, event: i64, list: i64) -> Result<Scene, Failure> {
    let event = catalog::find_event(tx, EventId(event)).await?;
    let list = lists::find(tx, event.event_id, ListId(list)).await?;
    let known = Known::read(tx, event.event_id).await?;
    Ok(Scene { event, list, known })
}

fn show_page(desk: &Desk, scene: Scene, edited: Edited, typed: Typed, verdicts: Vec<VerdictLine>) -> Page {
    let words = door_words::of(desk.language);
    let tongue = Tongue { words, language: desk.language, zone: &scene.event.draft.zone };
    let meant = edited.meant(&scene.known, tongue);
    let event_href = desk.url(format_args!("/events/{}", scene.event.event_id));
    let as_text = |rule: &Option<Value>| {
        rule.as_ref().map(|rule| serde_json::to_string_pretty(rule).unwrap_or_default()).unwrap_or_default()
    };
    let (blocks, text) = match edited {
        Edited::Blocks(blocks) => (Some(blocks), as_text(&meant.rule)),
        Edited::Text(text) => (None, text),
    };
    Page {
        f: desk.frame("events"),
        d: words,
        event: scene.event.draft.name.clone(),
        back: format!("{event_href}/lists/{}", scene.list.list_id),
        event_href,
        list: scene.list.draft.name,
        blocks,
        text,
        said: meant.said,
        trouble: meant.trouble.unwrap_or_default(),
        products: scene.known.products,
        variations: scene.known.variations,
        gates: scene.known.gates,
        kinds: KINDS,
        counted: Counted::ALL.map(Counted::word),
        orders: Order::ALL.map(Order::word),
        whens: ["date_admission", "date_from", "date_to", "customtime", "custom"],
        typed,
        verdicts,
    }
}

/// `GET …/lists/{list}/rule`.
///
/// # Errors
/// When there is no such list, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, list)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let scene = scene(&mut tx, event, list).await?;
    let zone = scene.event.draft.zone.clone();
    let edited = Edited::stored(scene.list.rules.as_ref(), &zone);
    let typed = Typed::of([("sim_at", moment_typed(tx.now(), &zone)), ("sim_direction", "entry".to_owned())]);
    page::show(&show_page(&desk, scene, edited, typed, Vec::new()))
}

/// `POST …/lists/{list}/rule`: keeps it, or shows it again with what was pressed.
///
/// # Errors
/// When there is no such list, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, list)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let scene = scene(&mut tx, event, list).await?;
    let zone = scene.event.draft.zone.clone();
    let tongue = Tongue { words: door_words::of(desk.language), language: desk.language, zone: &zone };
    let mut edited = Edited::typed(&typed);
    let meant = edited.meant(&scene.known, tongue);
    let mut verdicts = Vec::new();
    match typed.text("act").to_owned().as_str() {
        "save" if meant.trouble.is_none() => {
            lists::set_rule(&mut tx, scene.event.event_id, scene.list.list_id, meant.rule.as_ref()).await?;
            tx.commit().await?;
            let (event, list) = (scene.event.event_id, scene.list.list_id);
            return Ok(page::go(&desk.url(format_args!("/events/{event}/lists/{list}?done=saved"))));
        }
        "save" => return page::show_refused(&show_page(&desk, scene, edited, typed, verdicts)),
        "simulate" if meant.trouble.is_none() => {
            // No rule is also one that can be tried out.
            let rule = meant.rule.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            verdicts = try_out(&mut tx, &scene, tongue, &typed, rule).await?;
        }
        "text" => {
            let text = meant.rule.map(|rule| serde_json::to_string_pretty(&rule).unwrap_or_default());
            edited = Edited::Text(text.unwrap_or_default());
        }
        act => press(&mut edited, act, &typed),
    }
    page::show(&show_page(&desk, scene, edited, typed, verdicts))
}

/// A button that adds a block or a condition.
fn press(edited: &mut Edited, act: &str, typed: &Typed) {
    let Edited::Blocks(rule) = edited else { return };
    if act == "add-block" && rule.blocks.len() < MOST {
        rule.blocks.push(typed::BlockTyped { any: false, conditions: vec![ConditionTyped::new("time")] });
    }
    let Some(nth) = act.strip_prefix("add-").and_then(|nth| nth.parse::<usize>().ok()) else { return };
    let kind = typed.text(&format!("b{nth}-new"));
    if let Some(block) = rule.blocks.get_mut(nth).filter(|block| block.conditions.len() < MOST)
        && KINDS.contains(&kind)
    {
        block.conditions.push(ConditionTyped::new(kind));
    }
}

async fn try_out(
    tx: &mut Tx,
    scene: &Scene,
    tongue: Tongue<'_>,
    typed: &Typed,
    rule: Value,
) -> Result<Vec<VerdictLine>, Failure> {
    let zone = jiff::tz::TimeZone::get(tongue.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = moment(typed.text("sim_at"), &zone).unwrap_or_else(|_| tx.now());
    let text = typed.text("sim_text").trim().to_owned();
    let wish = Wish {
        event: scene.event.event_id,
        list: scene.list.list_id,
        text: &text,
        at,
        direction: if typed.text("sim_direction") == "exit" { Direction::Exit } else { Direction::Entry },
        gate: typed.numbers("sim_gate").first().map(|gate| GateId(*gate)),
        admit_unpaid: typed.is("sim_unpaid"),
        answers: Vec::new(),
        rules: Some(rule),
    };
    let all = simulate(tx, &wish).await?;
    Ok(all.iter().map(|one| verdict(one, tongue)).collect())
}

fn verdict(one: &Simulated, tongue: Tongue<'_>) -> VerdictLine {
    let words = tongue.words;
    let (tone, verdict) = match one.answer.class {
        Class::Admitted => ("good", words.t("would_admit")),
        Class::Look => ("look", words.t("would_look")),
        Class::Used => ("warn", words.t("would_used")),
        Class::Refused => ("bad", words.t("would_refuse")),
    };
    let mut why: Vec<String> = one.answer.reason.map(|reason| tongue.reason(reason)).into_iter().collect();
    why.extend(one.answer.explanation.iter().map(|term| tongue.term(term)));
    why.extend(one.answer.rule_trouble.iter().map(|trouble| fill(words.t("rule_trouble"), &[&trouble.part])));
    let moment = |at: UtcMillis| format::moment(at, tongue.zone, tongue.language);
    why.extend(one.answer.first_use_at.map(|at| fill(words.t("first_used"), &[&moment(at)])));
    let mut ticket: Vec<String> = one.about.iter().chain(&one.position).map(|p| p.order_code.clone()).take(1).collect();
    ticket.extend(one.item.as_ref().map(|item| item.name.clone()));
    ticket.extend(one.date.as_ref().map(|date| moment(date.starts_at)));
    VerdictLine {
        tone,
        verdict,
        ticket: if ticket.is_empty() { words.t("no_known_ticket").to_owned() } else { ticket.join(" · ") },
        why,
    }
}
