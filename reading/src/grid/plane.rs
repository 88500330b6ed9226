//! Where a module lies in the picture: a projective map, for tickets are flat and seen askew.

/// A place: pixels, or modules from the upper left corner of a code.
pub type Place = (f32, f32);

/// From modules to pixels.
#[derive(Debug, Clone, Copy)]
pub struct Plane([f32; 8]);

impl Plane {
    /// The map that takes four places to four others; `None` where three of them lie in a line.
    pub fn through(from: [Place; 4], to: [Place; 4]) -> Option<Self> {
        let mut rows = [[0.0_f64; 9]; 8];
        for (i, ((u, v), (x, y))) in from.into_iter().zip(to).enumerate() {
            let (u, v, x, y) = (f64::from(u), f64::from(v), f64::from(x), f64::from(y));
            rows[2 * i] = [u, v, 1.0, 0.0, 0.0, 0.0, -u * x, -v * x, x];
            rows[2 * i + 1] = [0.0, 0.0, 0.0, u, v, 1.0, -u * y, -v * y, y];
        }
        for column in 0..8 {
            let pivot = (column..8).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
            if rows[pivot][column].abs() < 1e-9 {
                return None;
            }
            rows.swap(column, pivot);
            let base = rows[column];
            for (i, row) in rows.iter_mut().enumerate() {
                let part = row[column] / base[column];
                if i != column && part != 0.0 {
                    row.iter_mut().zip(base).skip(column).for_each(|(value, base)| *value -= part * base);
                }
            }
        }
        Some(Self(std::array::from_fn(|i| (rows[i][8] / rows[i][i]) as f32)))
    }

    /// Where the place `(u, v)`, in modules, is seen: pixels.
    pub fn at(&self, (u, v): Place) -> Place {
        let m = &self.0;
        let w = m[6] * u + m[7] * v + 1.0;
        ((m[0] * u + m[1] * v + m[2]) / w, (m[3] * u + m[4] * v + m[5]) / w)
    }
}

/// A picture that can be asked between its pixels.
#[derive(Debug, Clone, Copy)]
pub struct Grey<'a> {
    pub pixels: &'a [u8],
    /// At least 2.
    pub width: usize,
    /// At least 2.
    pub height: usize,
    /// Light on dark: seen as its negative.
    pub negative: bool,
}

impl Grey<'_> {
    /// The grey value at a place; that of the edge outside.
    pub fn at(&self, (x, y): Place) -> f32 {
        // In this order what is no number is the edge.
        let (x, y) =
            ((x - 0.5).max(0.0).min(self.width as f32 - 1.01), (y - 0.5).max(0.0).min(self.height as f32 - 1.01));
        let (left, above) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - above as f32);
        let at = above * self.width + left;
        let near = |at: usize| f32::from(self.pixels[at]) * (1.0 - fx) + f32::from(self.pixels[at + 1]) * fx;
        let value = near(at) * (1.0 - fy) + near(at + self.width) * fy;
        if self.negative { 255.0 - value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_takes_each_of_the_four_places_to_its_own() {
        let from = [(3.5, 3.5), (37.5, 3.5), (3.5, 37.5), (34.5, 34.5)];
        let to = [(100.0, 80.0), (300.0, 120.0), (90.0, 310.0), (250.0, 280.0)];
        let plane = Plane::through(from, to).unwrap();
        for (from, to) in from.into_iter().zip(to) {
            let (x, y) = plane.at(from);
            assert!((x - to.0).hypot(y - to.1) < 0.01, "{from:?} → {x}, {y}");
        }
        assert!(
            Plane::through(from, [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]).is_none(),
            "no plane is seen edge on"
        );
    }

    #[test]
    fn between_pixels_it_is_between_their_values() {
        let grey = Grey { pixels: &[0, 100, 200, 100], width: 2, height: 2, negative: false };
        assert_eq!(grey.at((0.5, 0.5)), 0.0);
        assert!((grey.at((1.0, 0.5)) - 50.0).abs() < 1e-3);
        assert!((grey.at((1.0, 1.0)) - 100.0).abs() < 1e-3);
        assert!(grey.at((f32::NAN, 0.5)).is_finite() && grey.at((-9.0, 1e9)).is_finite());
        assert_eq!(Grey { negative: true, ..grey }.at((0.5, 0.5)), 255.0);
    }
}
