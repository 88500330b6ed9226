//! Bars from counts. Owns the geometry; not the colours, which are the stylesheet's, nor what is counted.

/// The width of one bar's slot; the height of the whole is 100.
const SLOT: f64 = 10.0;

/// One slot: two parts, one on the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub x: f64,
    pub a_height: f64,
    pub b_height: f64,
    /// What a reader is told about it.
    pub title: String,
}

impl Bar {
    /// Upper edge of the lower part.
    #[must_use]
    pub fn a_y(&self) -> f64 {
        100.0 - self.a_height
    }

    /// Upper edge of the upper part.
    #[must_use]
    pub fn b_y(&self) -> f64 {
        100.0 - self.a_height - self.b_height
    }
}

/// A row of bars.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    pub bars: Vec<Bar>,
    /// One below each slot, or below each group of slots.
    pub labels: Vec<String>,
    /// The count at the upper edge.
    pub top: String,
    pub width: f64,
    /// The whole in one sentence, for those who do not see it.
    pub summary: String,
    /// Said in place of an empty plot.
    pub nothing: &'static str,
}

/// One slot's counts and what is told about them.
#[derive(Debug, Clone)]
pub struct Counted {
    pub a: i64,
    pub b: i64,
    pub title: String,
}

impl Plot {
    /// Bars whose highest reaches a round number at the upper edge.
    #[must_use]
    pub fn new(counts: Vec<Counted>, labels: Vec<String>, summary: String, nothing: &'static str) -> Self {
        let most = counts.iter().map(|c| c.a + c.b).max().unwrap_or(0);
        let top = round_up(most);
        let height = |count: i64| if top == 0 { 0.0 } else { to_f64(count) * 100.0 / to_f64(top) };
        let width = SLOT * to_f64(i64::try_from(counts.len()).unwrap_or(0));
        let mut bars = Vec::with_capacity(counts.len());
        let mut x = 0.0;
        for counted in counts {
            bars.push(Bar { x, a_height: height(counted.a), b_height: height(counted.b), title: counted.title });
            x += SLOT;
        }
        Self { bars, labels, top: top.to_string(), width, summary, nothing }
    }

    /// Whether there is nothing to see.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bars.iter().all(|bar| bar.a_height + bar.b_height == 0.0)
    }
}

/// The next number a reader knows at sight: 1 to 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120 …
fn round_up(most: i64) -> i64 {
    let mut step = 1;
    while most > 10 * step {
        step *= 10;
    }
    let tenths = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    let mut whole = tenths.into_iter().map(|tenth| tenth * step).filter(|top| top % 10 == 0).map(|top| top / 10);
    whole.find(|top| *top >= most).unwrap_or(most)
}

#[expect(clippy::cast_precision_loss, reason = "a picture: a count beyond 2^53 would be drawn a hair too low")]
fn to_f64(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(counts: &[(i64, i64)]) -> Plot {
        let counts = counts.iter().map(|(a, b)| Counted { a: *a, b: *b, title: String::new() }).collect();
        Plot::new(counts, Vec::new(), String::new(), "nothing")
    }

    #[test]
    fn the_highest_bar_stays_below_a_round_number() {
        for (most, top) in [(1, "1"), (7, "8"), (11, "12"), (47, "50"), (118, "120"), (412, "500"), (1000, "1000")] {
            assert_eq!(plot(&[(most, 0)]).top, top, "{most}");
        }
    }

    #[test]
    fn parts_stand_on_each_other_and_never_leave_the_picture() {
        let plot = plot(&[(3, 5), (0, 0), (0, 8)]);
        assert_eq!((plot.bars[0].a_y(), plot.bars[0].b_y()), (62.5, 0.0));
        assert_eq!((plot.bars[2].x, plot.bars[2].b_height, plot.width), (20.0, 100.0, 30.0));
        assert!(plot.bars.iter().all(|bar| bar.b_y() >= 0.0));
    }

    #[test]
    fn no_counts_make_an_empty_plot() {
        assert!(plot(&[]).is_empty());
        assert!(plot(&[(0, 0)]).is_empty());
        assert!(!plot(&[(0, 1)]).is_empty());
    }
}
