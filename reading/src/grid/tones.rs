//! Light and dark: each pixel against the mean of its surroundings.

/// Side of a block whose mean is taken: pixels.
const BLOCK: usize = 8;
/// A pixel must be darker than its surroundings by this at least, and at most asked: grey values.
const MARGIN: (f32, f32) = (2.0, 14.0);
/// The same in standard deviations of the noise: what is only noise then seldom looks dark.
const ABOVE_NOISE: f32 = 1.3;
/// Rows between two the noise is measured in.
const NOISE_STEP: usize = 16;

/// Which pixels are darker than what is around them.
#[derive(Debug)]
pub struct Tones {
    pub width: usize,
    pub height: usize,
    /// Row by row, 1 is dark.
    pub dark: Vec<u8>,
}

impl Tones {
    /// Compares each pixel with the mean of the five by five blocks around it, given the standard deviation of the
    /// noise.
    pub fn of(luma: &[u8], width: usize, height: usize, noise: f32) -> Self {
        let margin = (noise * ABOVE_NOISE).clamp(MARGIN.0, MARGIN.1) as u8;
        let thresholds = thresholds(luma, width, height, margin);
        let across = width.div_ceil(BLOCK);
        let mut dark = vec![0; width * height];
        for (y, (row, out)) in luma.chunks_exact(width).zip(dark.chunks_exact_mut(width)).enumerate() {
            let line = &thresholds[y / BLOCK * across..][..across];
            for ((pixels, out), threshold) in row.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).zip(line) {
                for (pixel, out) in pixels.iter().zip(out) {
                    *out = u8::from(pixel < threshold);
                }
            }
        }
        Self { width, height, dark }
    }

    /// Whether a pixel is dark; `None` outside.
    pub fn at(&self, x: i32, y: i32) -> Option<bool> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        (x < self.width && y < self.height).then(|| self.dark[y * self.width + x] == 1)
    }
}

/// One for each block.
fn thresholds(luma: &[u8], width: usize, height: usize, margin: u8) -> Vec<u8> {
    let (across, down) = (width.div_ceil(BLOCK), height.div_ceil(BLOCK));
    let mut means = vec![0_u32; across * down];
    for (y, row) in luma.chunks_exact(width).enumerate() {
        for (sum, pixels) in means[y / BLOCK * across..].iter_mut().zip(row.chunks(BLOCK)) {
            *sum += pixels.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
        }
    }
    let rest = |at: usize, end: usize| (end - at * BLOCK).min(BLOCK) as u32;
    for (i, sum) in means.iter_mut().enumerate() {
        *sum /= rest(i % across, width) * rest(i / across, height);
    }
    let mut out = Vec::with_capacity(means.len());
    for y in 0..down {
        let rows = y.saturating_sub(2)..(y + 3).min(down);
        for x in 0..across {
            let columns = x.saturating_sub(2)..(x + 3).min(across);
            let count = (rows.len() * columns.len()) as u32;
            let sum: u32 = rows.clone().map(|row| means[row * across..][columns.clone()].iter().sum::<u32>()).sum();
            out.push(u8::try_from(sum / count).unwrap_or(u8::MAX).saturating_sub(margin));
        }
    }
    out
}

/// The standard deviation of the noise: from differences between neighbours, of which most cross no edge.
pub fn noise(luma: &[u8], width: usize) -> f32 {
    let mut counts = [0_u32; 256];
    for row in luma.chunks_exact(width).step_by(NOISE_STEP) {
        row.windows(2).for_each(|pair| counts[usize::from(pair[0].abs_diff(pair[1]))] += 1);
    }
    let half = counts.iter().sum::<u32>() / 2;
    let mut below = 0;
    for (difference, count) in counts.into_iter().enumerate() {
        if below + count > half {
            // Between whole numbers, for the noise of good light is less than one.
            let part = (half - below) as f32 / count as f32;
            return (difference as f32 - 0.5 + part).max(0.0) / 0.954;
        }
        below += count;
    }
    0.0
}

/// Each pixel mixed with its eight neighbours (1 2 1 both ways): takes away noise finer than a module.
pub fn softened(luma: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut across = Vec::with_capacity(luma.len());
    for row in luma.chunks_exact(width) {
        let wide = |x: usize| u16::from(row[x]);
        across.push(wide(0) * 3 + wide(1.min(width - 1)));
        across.extend(row.windows(3).map(|near| u16::from(near[0]) + 2 * u16::from(near[1]) + u16::from(near[2])));
        if width > 1 {
            across.push(wide(width - 2) + wide(width - 1) * 3);
        }
    }
    let mut out = Vec::with_capacity(luma.len());
    for y in 0..height {
        let row = |y: usize| &across[y * width..][..width];
        let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1)));
        let mixed = above.iter().zip(here).zip(below).map(|((a, b), c)| ((a + 2 * b + c + 8) >> 4) as u8);
        out.extend(mixed);
    }
    out
}

/// Half as wide and half as high: the mean of four pixels each. An odd last row or column is left out.
pub fn halved(luma: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(luma.len() / 4);
    for rows in luma[..height / 2 * 2 * width].chunks_exact(2 * width) {
        let (above, below) = rows.split_at(width);
        let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
        let sum = |a: &[u8], b: &[u8]| u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
        out.extend(pairs.map(|(a, b)| ((sum(a, b) + 2) / 4) as u8));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_spot_is_dark_under_any_light_and_an_even_wall_is_not() {
        for light in [40_u8, 120, 250] {
            let mut luma = vec![light; 64 * 48];
            for y in 20..26 {
                luma[y * 64 + 30..y * 64 + 36].fill(light / 2);
            }
            let tones = Tones::of(&luma, 64, 48, 0.0);
            assert_eq!(tones.at(32, 22), Some(true), "{light}");
            assert_eq!(tones.dark.iter().filter(|dark| **dark == 1).count(), 36, "{light}");
            assert_eq!((tones.at(-1, 0), tones.at(64, 0), tones.at(0, 48)), (None, None, None));
        }
    }

    #[test]
    fn half_a_picture_has_the_means_of_four_pixels() {
        let luma = [0, 40, 9, 100, 7, 80, 120, 9, 100, 7, 1, 1, 1, 1, 1];
        assert_eq!(halved(&luma, 5, 3), [60, 55]);
        assert_eq!(halved(&luma[..12], 6, 2), [42, 54, 22]);
    }

    #[test]
    fn noise_is_measured_and_edges_are_not() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 24) as u8) / 255.0
        };
        for sigma in [0.0_f32, 3.0, 12.0] {
            // Twelve even numbers are nearly Gaussian.
            let mut gauss = || (0..12).map(|_| random()).sum::<f32>() - 6.0;
            let luma: Vec<u8> = (0..128 * 128)
                .map(|i| if i % 32 < 16 { 70.0 } else { 180.0 } + sigma * gauss())
                .map(|v| v as u8)
                .collect();
            let measured = noise(&luma, 128);
            assert!((measured - sigma).abs() < 0.5 + sigma / 8.0, "{sigma} measured as {measured}");
        }
    }

    #[test]
    fn softening_keeps_an_even_picture_and_spreads_a_dot() {
        for (width, height) in [(1, 1), (1, 5), (2, 2), (7, 3)] {
            assert_eq!(softened(&vec![90; width * height], width, height), vec![90; width * height]);
        }
        let mut dot = vec![0; 25];
        dot[12] = 160;
        let soft = softened(&dot, 5, 5);
        assert_eq!((soft[12], soft[11], soft[7], soft[6], soft[10]), (40, 20, 20, 10, 0));
    }
}
