//! Marks on pages, and pages as a PDF. Points (1/72 inch), counted from the top left corner, baselines for text. Not
//! here: what stands where.

use super::{
    PaperError,
    fonts::{Fonts, Set, Weight},
    qr::{QUIET, Run, Symbol},
};
use crate::clock::UtcMillis;
use printpdf::{
    Color, CurTransMat, DictItem, FontId, Mm, Op, PdfDocument, PdfFont, PdfFontHandle, PdfPage, PdfSaveOptions, Point,
    Pt, Rgb, TextItem,
};
use sha2::{Digest, Sha256};

/// Points in a millimetre.
pub(super) const MM: f32 = 72.0 / 25.4;

/// A colour, red, green and blue from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(pub [u8; 3]);

/// The house's ink: text.
pub(super) const INK: Ink = Ink([0x1d, 0x1a, 0x16]);
/// Labels and what matters less; 7 to 1 on white.
pub(super) const SOFT: Ink = Ink([0x5f, 0x58, 0x4e]);
/// Thin rules.
pub(super) const LINE: Ink = Ink([0xcf, 0xc8, 0xbc]);
/// What scanners and thermal printers need.
pub(super) const BLACK: Ink = Ink([0, 0, 0]);
/// Text on ink.
pub(super) const WHITE: Ink = Ink([255, 255, 255]);

/// Size, weight and colour of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub weight: Weight,
    /// Points.
    pub size: f32,
    pub ink: Ink,
}

impl Style {
    pub const fn regular(size: f32, ink: Ink) -> Self {
        Self { weight: Weight::Regular, size, ink }
    }

    pub const fn bold(size: f32, ink: Ink) -> Self {
        Self { weight: Weight::Bold, size, ink }
    }

    pub const fn of_size(self, size: f32) -> Self {
        Self { size, ..self }
    }
}

/// A filled rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

/// One thing drawn.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    Text {
        x: f32,
        baseline: f32,
        style: Style,
        text: String,
    },
    /// Rectangles of one colour, filled as one path.
    Areas {
        areas: Vec<Area>,
        ink: Ink,
    },
    /// A QR symbol without its quiet zone, filled as one path so that no renderer leaves hairlines between rows.
    Symbol {
        x: f32,
        y: f32,
        module: f32,
        runs: Vec<Run>,
    },
}

/// One page being drawn.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub width: f32,
    pub height: f32,
    pub marks: Vec<Mark>,
}

impl Page {
    pub fn new(width: f32, height: f32) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// Text that begins at `x`. It must have come through [`Fonts::printable`] or [`Fonts::set`].
    pub fn text(&mut self, x: f32, baseline: f32, style: Style, text: &str) {
        if !text.is_empty() {
            self.marks.push(Mark::Text { x, baseline, style, text: text.to_owned() });
        }
    }

    /// Text that ends at `right`.
    pub fn text_to(&mut self, fonts: &Fonts, right: f32, baseline: f32, style: Style, text: &str) {
        self.text(right - fonts.width(style.weight, style.size, text), baseline, style, text);
    }

    /// Text with `x` in its middle.
    pub fn text_around(&mut self, fonts: &Fonts, x: f32, baseline: f32, style: Style, text: &str) {
        self.text(x - fonts.width(style.weight, style.size, text) / 2.0, baseline, style, text);
    }

    /// The lines of `set` from the first baseline down, `leading` sizes apart; answers the last baseline.
    pub fn lines(&mut self, x: f32, first: f32, style: Style, set: &Set, leading: f32) -> f32 {
        let mut baseline = first;
        for (nth, line) in set.lines.iter().enumerate() {
            baseline = first + nth as f32 * set.size * leading;
            self.text(x, baseline, style.of_size(set.size), line);
        }
        baseline
    }

    pub fn area(&mut self, area: Area, ink: Ink) {
        self.marks.push(Mark::Areas { areas: vec![area], ink });
    }

    /// A rule from `x`, `width` long, its upper edge at `y`.
    pub fn rule(&mut self, x: f32, y: f32, width: f32, thickness: f32, ink: Ink) {
        self.area(Area { x, y, width, height: thickness }, ink);
    }

    /// A dashed rule: where a ticket may be folded.
    pub fn dashes(&mut self, x: f32, y: f32, width: f32, thickness: f32, ink: Ink) {
        const DASH: f32 = 2.2;
        const STEP: f32 = 4.4;
        let count = ((width + STEP - DASH) / STEP).floor().max(1.0);
        let step = if count > 1.0 { (width - DASH) / (count - 1.0) } else { STEP };
        let areas =
            (0..count as usize).map(|i| Area { x: x + i as f32 * step, y, width: DASH, height: thickness }).collect();
        self.marks.push(Mark::Areas { areas, ink });
    }

    /// A QR symbol whose dark part begins at `x`, `y` and is `side` wide.
    pub fn symbol(&mut self, x: f32, y: f32, side: f32, symbol: &Symbol) {
        let module = side / symbol.side as f32;
        let quiet = QUIET as f32 * module;
        let zone = Area { x: x - quiet, y: y - quiet, width: side + 2.0 * quiet, height: side + 2.0 * quiet };
        self.area(zone, WHITE);
        self.marks.push(Mark::Symbol { x, y, module, runs: symbol.runs() });
    }

    fn operations(&self, names: &Names) -> Vec<Op> {
        let mut ops = Vec::with_capacity(self.marks.len() * 6);
        let mut ink = None;
        for mark in &self.marks {
            match mark {
                Mark::Text { x, baseline, style, text } => {
                    fill(&mut ops, &mut ink, style.ink);
                    let pos = self.point(*x, *baseline);
                    let font = PdfFontHandle::External(names.of(style.weight));
                    // The blank of the file is the plain one, so that copied text has no special characters.
                    let text = text.replace('\u{A0}', " ");
                    ops.push(Op::StartTextSection);
                    ops.push(Op::SetFont { font, size: Pt(round(style.size)) });
                    ops.push(Op::SetTextCursor { pos });
                    ops.push(Op::ShowText { items: vec![TextItem::Text(text)] });
                    ops.push(Op::EndTextSection);
                }
                Mark::Areas { areas, ink: colour } => {
                    fill(&mut ops, &mut ink, *colour);
                    for area in areas {
                        let corner = self.point(area.x, area.y + area.height);
                        let [x, y, width, height] = [corner.x.0, corner.y.0, round(area.width), round(area.height)];
                        ops.push(operator("re", [x, y, width, height].map(DictItem::Real).into()));
                    }
                    ops.push(operator("f", Vec::new()));
                }
                Mark::Symbol { x, y, module, runs } => {
                    fill(&mut ops, &mut ink, BLACK);
                    // Modules as whole numbers under one matrix: exact edges, and half the bytes.
                    let origin = self.point(*x, *y);
                    let matrix = [*module, 0.0, 0.0, -*module, origin.x.0, origin.y.0];
                    ops.push(Op::SaveGraphicsState);
                    ops.push(Op::SetTransformationMatrix { matrix: CurTransMat::Raw(matrix) });
                    for run in runs {
                        let run = [run.from, run.row, run.length, 1];
                        ops.push(operator("re", run.map(|n| DictItem::Int(n as i64)).into()));
                    }
                    ops.push(operator("f", Vec::new()));
                    ops.push(Op::RestoreGraphicsState);
                }
            }
        }
        ops
    }

    /// The PDF counts from the bottom.
    fn point(&self, x: f32, y: f32) -> Point {
        Point { x: Pt(round(x)), y: Pt(round(self.height - y)) }
    }
}

/// Hundredths of a point are finer than any printer, and shorter to write.
pub(super) fn round(points: f32) -> f32 {
    (points * 100.0).round() / 100.0
}

fn fill(ops: &mut Vec<Op>, now: &mut Option<Ink>, ink: Ink) {
    if *now != Some(ink) {
        let [r, g, b] = ink.0.map(|part| (f32::from(part) / 255.0 * 1000.0).round() / 1000.0);
        ops.push(Op::SetFillColor { col: Color::Rgb(Rgb { r, g, b, icc_profile: None }) });
        *now = Some(ink);
    }
}

/// An operator of the PDF language for which the library has no words of its own: `re` adds a rectangle to the path,
/// `f` fills it. A third of the bytes of four corners each, and most of a ticket's time goes into compressing bytes.
fn operator(key: &str, value: Vec<DictItem>) -> Op {
    Op::Unknown { key: key.to_owned(), value }
}

/// The names of the fonts in one file. The writer takes the first six letters of a name as the tag of the subset, which
/// must differ where the subset differs: files are merged by print queues. So the name comes from the text.
struct Names {
    regular: FontId,
    bold: FontId,
}

impl Names {
    fn from_text(pages: &[Page]) -> Self {
        let named = |wanted: Weight| {
            let mut hash = Sha256::new();
            hash.update([match wanted {
                Weight::Regular => b'R',
                Weight::Bold => b'B',
            }]);
            for mark in pages.iter().flat_map(|page| &page.marks) {
                if let Mark::Text { style, text, .. } = mark
                    && style.weight == wanted
                {
                    hash.update(text.as_bytes());
                }
            }
            FontId(hash.finalize().iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect())
        };
        let (regular, mut bold) = (named(Weight::Regular), named(Weight::Bold));
        if bold == regular {
            bold = FontId("BOLDER".to_owned());
        }
        Self { regular, bold }
    }

    fn of(&self, weight: Weight) -> FontId {
        match weight {
            Weight::Regular => self.regular.clone(),
            Weight::Bold => self.bold.clone(),
        }
    }
}

/// What a file says of itself.
pub(super) struct About<'a> {
    pub title: String,
    pub author: &'a str,
    /// When the paper was issued; the only date in the file.
    pub at: UtcMillis,
    /// `en`, `de`: for voices that read aloud.
    pub language: &'a str,
}

/// Stands in the file where its own hash goes.
const NO_ID: &str = "00000000000000000000000000000000";

/// The pages as a PDF with both fonts reduced to the glyphs used.
pub(super) fn write(fonts: &Fonts, pages: &[Page], about: &About<'_>) -> Result<Vec<u8>, PaperError> {
    let names = Names::from_text(pages);
    let mut pdf = PdfDocument::new(&about.title);
    let info = &mut pdf.metadata.info;
    info.author = about.author.to_owned();
    info.creator = "Willcall".to_owned();
    info.producer = "Willcall".to_owned();
    // Years 1970 to 9999: what a PDF date can say.
    let seconds = about.at.0.div_euclid(1000).clamp(0, 253_402_300_799);
    let date = printpdf::OffsetDateTime::from_unix_timestamp(seconds).map_err(|e| PaperError::Pdf(e.to_owned()))?;
    (info.creation_date, info.modification_date, info.metadata_date) = (date, date, date);
    for weight in [Weight::Regular, Weight::Bold] {
        pdf.resources.fonts.map.insert(names.of(weight), PdfFont::new(fonts.face(weight).clone()));
    }
    pdf.pages = pages
        .iter()
        .map(|page| PdfPage::new(Mm(page.width / MM), Mm(page.height / MM), page.operations(&names)))
        .collect();

    let mut warnings = Vec::new();
    // `secure` would drop the operators written by [`operator`]; nothing in a page comes from elsewhere.
    let options = PdfSaveOptions { secure: false, image_optimization: None, ..PdfSaveOptions::default() };
    let mut file = pdf.to_lopdf_document(&options, &mut warnings);
    if let Some(warning) = warnings.first() {
        return Err(PaperError::Pdf(warning.msg.clone()));
    }
    let unwritten = |e: &dyn std::fmt::Display| PaperError::Pdf(e.to_string());
    file.catalog_mut().map_err(|e| unwritten(&e))?.set("Lang", about.language.to_owned());
    let ids = file.trailer.get_mut(b"ID").and_then(|id| id.as_array_mut()).map_err(|e| unwritten(&e))?;
    for id in ids {
        *id = NO_ID.to_owned().into();
    }
    file.compress();
    let mut bytes = Vec::with_capacity(48 * 1024);
    file.save_to(&mut bytes).map_err(|e| unwritten(&e))?;
    stamp(&mut bytes)?;
    Ok(bytes)
}

/// Writes the hash of the file where its two ids stand, at its end.
fn stamp(bytes: &mut [u8]) -> Result<(), PaperError> {
    let id = hex::encode(&Sha256::digest(&*bytes)[..NO_ID.len() / 2]);
    for _ in 0..2 {
        let at = bytes
            .windows(NO_ID.len())
            .rposition(|window| window == NO_ID.as_bytes())
            .ok_or_else(|| PaperError::Pdf("the file has no place for its id".to_owned()))?;
        bytes[at..at + NO_ID.len()].copy_from_slice(id.as_bytes());
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod proof {
    //! What tests of both papers hold a page to.

    use super::*;

    /// Every text inside the page less `margin` on both sides, none under another, all colours readable.
    pub fn nothing_overflows(fonts: &Fonts, page: &Page, margin: f32) {
        let boxes: Vec<(Area, &str)> = page
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Text { x, baseline, style, text } => {
                    let width = fonts.width(style.weight, style.size, text);
                    let (top, height) = (baseline - style.size * 0.72, style.size * 0.92);
                    Some((Area { x: *x, y: top, width, height }, text.as_str()))
                }
                Mark::Symbol { x, y, module, runs } => {
                    let side = (runs.iter().map(|r| r.row).max().unwrap_or(0) + 1) as f32 * module;
                    let quiet = QUIET as f32 * module;
                    let whole = side + 2.0 * quiet;
                    Some((Area { x: x - quiet, y: y - quiet, width: whole, height: whole }, "the QR symbol"))
                }
                Mark::Areas { .. } => None,
            })
            .collect();
        for (area, text) in &boxes {
            let margin = if *text == "the QR symbol" { 0.0 } else { margin };
            assert!(area.x >= margin - 0.01, "{text:?} begins left of the margin");
            assert!(area.x + area.width <= page.width - margin + 0.01, "{text:?} runs over the right margin");
            assert!(area.y >= 0.0 && area.y + area.height <= page.height, "{text:?} leaves the page");
        }
        for (nth, (a, first)) in boxes.iter().enumerate() {
            for (b, second) in &boxes[nth + 1..] {
                let apart = a.x + a.width <= b.x + 0.01
                    || b.x + b.width <= a.x + 0.01
                    || a.y + a.height <= b.y + 0.01
                    || b.y + b.height <= a.y + 0.01;
                assert!(apart, "{first:?} and {second:?} overlap");
            }
        }
    }

    /// The fonts named in `pdf`, each once.
    pub fn font_names(pdf: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(pdf);
        let mut names: Vec<String> = text
            .split("/FontName/")
            .skip(1)
            .map(|rest| rest.split(['/', '>', ' ', '\n']).next().unwrap_or("").to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Both weights are there, each reduced: six capitals and a plus.
    pub fn fonts_are_subsets(pdf: &[u8]) {
        let names = font_names(pdf);
        assert_eq!(names.len(), 2, "{names:?}");
        for name in names {
            let (tag, rest) = name.split_once('+').unwrap_or(("", &name));
            assert!(tag.len() == 6 && tag.bytes().all(|b| b.is_ascii_uppercase()), "{name}: no subset");
            assert!(rest.contains("Inter"), "{name}");
        }
    }
}
