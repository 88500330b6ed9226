//! A page as a picture for screens: the same marks as in the PDF. Letters stand as wide as they will be printed, whatever
//! typeface is at hand.

use super::{
    fonts::{Fonts, Weight},
    page::{Mark, Page, round},
};

impl Page {
    /// The page as a picture for screens. Letters stand as wide as they will be printed, whatever typeface is at hand.
    pub fn svg(&self, fonts: &Fonts) -> String {
        use std::fmt::Write as _;
        let (width, height) = (round(self.width), round(self.height));
        let mut out = format!(
            "<svg class=\"sheet\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
        );
        // Writing into a text cannot fail.
        for mark in &self.marks {
            _ = match mark {
                Mark::Text { x, baseline, style, text } => {
                    let [r, g, b] = style.ink.0;
                    let weight = if style.weight == Weight::Bold { 700 } else { 400 };
                    let length = round(fonts.width(style.weight, style.size, text));
                    write!(
                        out,
                        "<text x=\"{}\" y=\"{}\" font-size=\"{}\" font-weight=\"{weight}\" textLength=\"{length}\" \
                         lengthAdjust=\"spacingAndGlyphs\" fill=\"#{r:02x}{g:02x}{b:02x}\" stroke=\"none\">{}</text>",
                        round(*x),
                        round(*baseline),
                        round(style.size),
                        escaped(text)
                    )
                }
                Mark::Areas { areas, ink } => {
                    let [r, g, b] = ink.0;
                    areas.iter().try_for_each(|area| {
                        let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(round);
                        write!(
                            out,
                            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
                             fill=\"#{r:02x}{g:02x}{b:02x}\" stroke=\"none\"/>"
                        )
                    })
                }
                Mark::Symbol { x, y, module, runs } => {
                    let path = runs.iter().fold(String::new(), |path, run| {
                        format!("{path}M{} {}h{}v1h-{}z", run.from, run.row, run.length, run.length)
                    });
                    write!(
                        out,
                        "<path transform=\"translate({} {}) scale({module})\" d=\"{path}\" fill=\"#000000\" \
                         stroke=\"none\"/>",
                        round(*x),
                        round(*y)
                    )
                }
            };
        }
        out + "</svg>"
    }
}

/// Text as it may stand in markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
