//! Badges of an event, and the editor: fields of measures beside the card as it will be printed. Without script, so the
//! preview comes with each press of a button, and nothing typed is lost.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self as catalog, EventFull},
    checkin::edit::questions,
    http::Failure,
    ticketing::badges::{self as edit, BadgeFull},
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::{FieldError, Wrong, name},
    id::{BadgeId, EventId, ItemId, QuestionId},
    paper::{self, Accent, BadgeData, Fonts},
    ticketing::badge::{Align, BadgeElement, BadgeError, BadgeLayout, BadgePart},
};

/// What an element can show, as the form says it; answers are `answer-7`.
const PARTS: [&str; 10] =
    ["name", "product", "variation", "event", "date", "organizer", "order_code", "code", "bar", "text"];

#[derive(Template)]
#[template(path = "office/badges.html")]
struct ListPage {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    back: String,
    here: String,
    badges: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "office/badge.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    new: bool,
    event: String,
    event_href: String,
    back: String,
    typed: Typed,
    errors: Errors,
    elements: Vec<Line>,
    /// Words of what can be shown, and what a person calls it.
    parts: Vec<(String, String)>,
    aligns: [&'static str; 3],
    items: Vec<(i64, String)>,
    preview: String,
    /// Why there is none, or why it cannot be kept.
    trouble: String,
}

/// One element as the form shows it.
#[derive(Default)]
struct Line {
    part: String,
    text: String,
    x: String,
    y: String,
    width: String,
    height: String,
    size: String,
    bold: bool,
    align: String,
}

fn here(desk: &Desk, event: EventId) -> String {
    desk.url(format_args!("/events/{event}/badges"))
}

/// `GET …/badges`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let items = catalog::list_items(&mut tx, event.event_id).await?;
    let words = door_words::of(desk.language);
    let here = here(&desk, event.event_id);
    let line = |badge: BadgeFull| {
        let of = items.iter().filter(|item| badge.items.contains(&item.item_id));
        let names = of.map(|item| item.draft.name.as_str()).collect::<Vec<_>>().join(", ");
        let of = if badge.items.is_empty() { words.t("badge_for_all").to_owned() } else { names };
        (badge.name, of, format!("{here}/{}", badge.badge_id))
    };
    let badges = edit::all(&mut tx, event.event_id).await?.into_iter().map(line).collect();
    page::show(&ListPage {
        f: desk.frame("events"),
        d: words,
        back: desk.url(format_args!("/events/{}", event.event_id)),
        event: event.draft.name,
        here: here.clone(),
        badges,
    })
}

/// The elements of a form, in their order; those ticked to be removed are left out.
fn lines(typed: &Typed) -> Vec<Line> {
    let count = typed.numbers("elements").first().copied().unwrap_or(0).clamp(0, 100);
    (0..count)
        .filter(|nth| !typed.is(&format!("remove-{nth}")))
        .map(|nth| {
            let of = |field: &str| typed.text(&format!("{field}-{nth}")).to_owned();
            Line {
                part: of("part"),
                text: of("text"),
                x: of("x"),
                y: of("y"),
                width: of("width"),
                height: of("height"),
                size: of("size"),
                bold: typed.is(&format!("bold-{nth}")),
                align: of("align"),
            }
        })
        .collect()
}

/// Tenths of a unit that is typed with one decimal: `12.5` or `12,5`.
fn tenths(typed: &str) -> Option<u16> {
    let text = typed.trim().replace(',', ".");
    let (whole, tenth) = text.split_once('.').unwrap_or((&text, "0"));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty();
    if !digits(whole) || !digits(tenth) || tenth.len() > 1 {
        return None;
    }
    whole.parse::<u16>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)
}

fn in_units(tenths: u16) -> String {
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

fn element(line: &Line) -> Option<BadgeElement> {
    let what = match line.part.as_str() {
        "name" => BadgePart::Name,
        "product" => BadgePart::Product,
        "variation" => BadgePart::Variation,
        "event" => BadgePart::Event,
        "date" => BadgePart::Date,
        "organizer" => BadgePart::Organizer,
        "order_code" => BadgePart::OrderCode,
        "code" => BadgePart::Code,
        "bar" => BadgePart::Bar,
        "text" => BadgePart::Text { text: line.text.trim().to_owned() },
        other => BadgePart::Answer { question_id: QuestionId(other.strip_prefix("answer-")?.parse().ok()?) },
    };
    Some(BadgeElement {
        what,
        x: tenths(&line.x)?,
        y: tenths(&line.y)?,
        width: tenths(&line.width)?,
        height: tenths(&line.height)?,
        size: tenths(&line.size)?,
        bold: line.bold,
        align: Align::ALL.into_iter().find(|align| align.as_str() == line.align)?,
    })
}

fn line(element: &BadgeElement) -> Line {
    let (part, text) = match &element.what {
        BadgePart::Name => ("name".to_owned(), String::new()),
        BadgePart::Product => ("product".to_owned(), String::new()),
        BadgePart::Variation => ("variation".to_owned(), String::new()),
        BadgePart::Event => ("event".to_owned(), String::new()),
        BadgePart::Date => ("date".to_owned(), String::new()),
        BadgePart::Organizer => ("organizer".to_owned(), String::new()),
        BadgePart::OrderCode => ("order_code".to_owned(), String::new()),
        BadgePart::Code => ("code".to_owned(), String::new()),
        BadgePart::Bar => ("bar".to_owned(), String::new()),
        BadgePart::Text { text } => ("text".to_owned(), text.clone()),
        BadgePart::Answer { question_id } => (format!("answer-{question_id}"), String::new()),
    };
    Line {
        part,
        text,
        x: in_units(element.x),
        y: in_units(element.y),
        width: in_units(element.width),
        height: in_units(element.height),
        size: in_units(element.size),
        bold: element.bold,
        align: element.align.as_str().to_owned(),
    }
}

/// The layout of a form, or a sentence why it is none.
fn layout(typed: &Typed, lines: &[Line], words: &DoorWords) -> Result<BadgeLayout, String> {
    let card = |field: &str| tenths(typed.text(field)).ok_or_else(|| words.t("badge_wrong_card").to_owned());
    let (width, height) = (card("width")?, card("height")?);
    let read = |(nth, line): (usize, &Line)| element(line).ok_or_else(|| fill(words.t("badge_wrong_measure"), &[&nth]));
    let elements = (1..).zip(lines).map(read).collect::<Result<Vec<_>, _>>()?;
    let layout = BadgeLayout { width, height, elements };
    layout.check().map_err(|error| wrong(error, words))?;
    Ok(layout)
}

fn wrong(error: BadgeError, words: &DoorWords) -> String {
    match error {
        BadgeError::Card => words.t("badge_wrong_card").to_owned(),
        BadgeError::TooMany => words.t("badge_too_many").to_owned(),
        BadgeError::Outside(nth) => fill(words.t("badge_outside"), &[&nth]),
        BadgeError::NoRoom(nth) => fill(words.t("badge_wrong_measure"), &[&nth]),
        BadgeError::Size(nth) => fill(words.t("badge_size"), &[&nth]),
        BadgeError::CodeTooSmall(nth) => fill(words.t("badge_code_small"), &[&nth]),
        BadgeError::Text(nth) => fill(words.t("badge_text"), &[&nth]),
    }
}

/// A guest who shows what a card looks like: with a name as long as real ones.
fn sample(desk: &Desk, event: &EventFull, product: Option<&str>) -> BadgeData {
    let words = door_words::of(desk.language);
    BadgeData {
        name: "Zoë Müller-Großkreutz".to_owned(),
        product: product.unwrap_or(words.t("product_sample")).to_owned(),
        variation: words.t("variation_sample").to_owned(),
        event: event.draft.name.clone(),
        date: super::format::day(event.draft.starts_at, &event.draft.zone, desk.language),
        organizer: desk.frame("events").organizer,
        accent: Accent::HOUSE,
        order_code: "K7M3Q".to_owned(),
        // As long as a signed code is; it verifies nowhere.
        code: "WILLCALL$SAMPLE$".repeat(9),
        answers: Vec::new(),
        printed_at: willcall_domain::clock::UtcMillis(0),
    }
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    (new, typed): (bool, Typed),
    elements: Vec<Line>,
    wrong: &[Wrong],
) -> Result<Page, Failure> {
    let words = door_words::of(desk.language);
    let items = catalog::list_items(tx, event.event_id).await?;
    let questions = questions::all(tx, event.event_id).await?;
    let mut parts: Vec<(String, String)> =
        PARTS.iter().map(|part| ((*part).to_owned(), words.of("part", part).to_owned())).collect();
    parts.extend(questions.into_iter().map(|question| {
        let part = format!("answer-{}", question.question_id);
        (part, fill(words.t("part_answer"), &[&question.draft.text]))
    }));
    let mut data = sample(desk, event, items.first().map(|item| item.draft.name.as_str()));
    data.answers = parts
        .iter()
        .filter_map(|(part, _)| part.strip_prefix("answer-")?.parse().ok())
        .map(|id| (QuestionId(id), words.t("answer_sample").to_owned()))
        .collect();
    let drawn = layout(&typed, &elements, words)
        .and_then(|layout| paper::badge_svg(Fonts::shipped(), &layout, &data).map_err(|error| error.to_string()));
    let (preview, trouble) = match drawn {
        Ok(preview) => (preview, String::new()),
        Err(trouble) => (String::new(), trouble),
    };
    let event_href = desk.url(format_args!("/events/{}", event.event_id));
    Ok(Page {
        f: desk.frame("events"),
        d: words,
        new,
        event: event.draft.name.clone(),
        event_href,
        back: here(desk, event.event_id),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        elements,
        parts,
        aligns: Align::ALL.map(Align::as_str),
        items: items.into_iter().map(|item| (item.item_id.0, item.draft.name)).collect(),
        preview,
        trouble,
    })
}

fn stored(badge: &BadgeFull) -> (Typed, Vec<Line>) {
    let typed = Typed::of([
        ("name", badge.name.clone()),
        ("which", if badge.items.is_empty() { "all" } else { "some" }.to_owned()),
        ("width", in_units(badge.layout.width)),
        ("height", in_units(badge.layout.height)),
    ])
    .with("items", &badge.items);
    (typed, badge.layout.elements.iter().map(line).collect())
}

/// `GET …/badges/new`: the usual card, for every product.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let name = door_words::of(desk.language).t("badge").to_owned();
    let usual = BadgeFull { badge_id: BadgeId(0), name, layout: BadgeLayout::usual(), items: Vec::new() };
    let (typed, lines) = stored(&usual);
    page::show(&form(&desk, &mut tx, &event, (true, typed), lines, &[]).await?)
}

/// `GET …/badges/{badge}`.
///
/// # Errors
/// When there is no such badge, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, badge)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let (typed, lines) = stored(&edit::find(&mut tx, event.event_id, BadgeId(badge)).await?);
    page::show(&form(&desk, &mut tx, &event, (false, typed), lines, &[]).await?)
}

/// `POST …/badges/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    keep(&desk, event, None, typed).await
}

/// `POST …/badges/{badge}`.
///
/// # Errors
/// When there is no such badge, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, badge)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    keep(&desk, event, Some(BadgeId(badge)), typed).await
}

/// Keeps what was typed where *save* was pressed; else shows it again, with one element more where that was.
async fn keep(desk: &Desk, event: i64, badge: Option<BadgeId>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let mut lines = lines(&typed);
    match typed.text("act") {
        "add" => lines.push(another(&lines)),
        "save" => match read(&typed, &lines, door_words::of(desk.language)) {
            Ok(wanted) => {
                edit::keep(&mut tx, event.event_id, badge, &wanted).await?;
                tx.commit().await?;
                return Ok(page::go(&format!("{}?done=saved", here(desk, event.event_id))));
            }
            Err(wrong) => {
                let page = form(desk, &mut tx, &event, (badge.is_none(), typed), lines, &wrong).await?;
                return page::show_refused(&page);
            }
        },
        _ => {}
    }
    page::show(&form(desk, &mut tx, &event, (badge.is_none(), typed), lines, &[]).await?)
}

/// A new element below the last.
fn another(lines: &[Line]) -> Line {
    let below = lines.iter().filter_map(|line| Some(tenths(&line.y)? + tenths(&line.height)?)).max().unwrap_or(40);
    Line {
        part: "text".to_owned(),
        text: "…".to_owned(),
        x: "4".to_owned(),
        y: in_units(below.min(440)),
        width: "50".to_owned(),
        height: "8".to_owned(),
        size: "12".to_owned(),
        bold: false,
        align: Align::Left.as_str().to_owned(),
    }
}

fn read(typed: &Typed, lines: &[Line], words: &DoorWords) -> Result<BadgeFull, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let name = name(typed.text("name")).map_err(|error| wrong.push(("name", error))).unwrap_or_default();
    let mut items: Vec<ItemId> = typed.numbers("items").into_iter().map(ItemId).collect();
    items.sort_unstable();
    items.dedup();
    if typed.text("which") != "some" {
        items.clear();
    } else if items.is_empty() {
        wrong.push(("items", FieldError::NoneChosen));
    }
    match layout(typed, lines, words) {
        Ok(layout) if wrong.is_empty() => Ok(BadgeFull { badge_id: BadgeId(0), name, layout, items }),
        Ok(_) => Err(wrong),
        Err(_) => {
            wrong.push(("layout", FieldError::Choice));
            Err(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_typed_with_one_decimal_and_come_back_as_typed() {
        for (typed, read) in [
            ("12", Some(120)),
            ("12.5", Some(125)),
            (" 12,5", Some(125)),
            ("0", Some(0)),
            ("1.25", None),
            ("-3", None),
            ("", None),
            ("7000", None),
            ("1.", None),
        ] {
            assert_eq!(tenths(typed), read, "{typed:?}");
        }
        assert_eq!((in_units(125), in_units(120)), ("12.5".to_owned(), "12".to_owned()));
    }

    #[test]
    fn every_element_comes_back_from_the_form_as_it_was() {
        let mut layout = BadgeLayout::usual();
        layout.elements[1].what = BadgePart::Answer { question_id: QuestionId(9) };
        layout.elements[3].what = BadgePart::Text { text: "Crew".into() };
        for one in &layout.elements {
            assert_eq!(element(&line(one)).as_ref(), Some(one));
        }
    }
}
