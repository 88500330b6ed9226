//! One accent per organizer, any colour they like, made readable by code: as text on paper, as a button with text on it,
//! by day and by night. Pure.

/// Contrast text must have against what it stands on (WCAG 2.2 AA).
const READABLE: f64 = 4.5;
/// The lightest and the darkest ground of each theme an accent meets: `--paper` and `--surface` of
/// `assets/design/tokens.css`.
const LIGHT_GROUND: Colour = Colour([0xfa, 0xf8, 0xf5]);
const DARK_GROUND: Colour = Colour([0x1d, 0x1a, 0x17]);
const WHITE: Colour = Colour([255, 255, 255]);
const BLACK: Colour = Colour([0, 0, 0]);
/// The house's own, for what is no colour.
const HOUSE: Colour = Colour([0x7a, 0x2e, 0x3a]);

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// The three uses of an accent in one theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub accent: Colour,
    /// Under the pointer.
    pub strong: Colour,
    /// Text on the accent.
    pub on_accent: Colour,
}

/// An accent made readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    pub light: Theme,
    pub dark: Theme,
}

impl Colour {
    /// Reads `#7a2e3a` or `7a2e3a`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#').unwrap_or(text), &mut parts).ok()?;
        Some(Self(parts))
    }

    /// `#7a2e3a`.
    #[must_use]
    pub fn hex(self) -> String {
        format!("#{}", hex::encode(self.0))
    }

    /// This much of the way to `other`, in hundredths.
    fn towards(self, other: Self, hundredths: u32) -> Self {
        let part = |a: u8, b: u8| {
            let mixed = (u32::from(a) * (100 - hundredths) + u32::from(b) * hundredths) / 100;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self(std::array::from_fn(|i| part(self.0[i], other.0[i])))
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let value = f64::from(part) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG contrast, 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The nearest to this on the way to `end` that is readable on `ground`.
    fn readable_on(self, ground: Self, end: Self) -> Self {
        (0..=100).map(|step| self.towards(end, step)).find(|c| c.contrast(ground) >= READABLE).unwrap_or(end)
    }
}

impl Colours {
    /// From what the organizer chose; anything that is no colour gives the house's own.
    #[must_use]
    pub fn of(chosen: &str) -> Self {
        let chosen = Colour::parse(chosen).unwrap_or(HOUSE);
        let light = chosen.readable_on(LIGHT_GROUND, BLACK);
        let dark = chosen.readable_on(DARK_GROUND, WHITE);
        Self {
            light: Theme { accent: light, strong: light.towards(BLACK, 18), on_accent: WHITE },
            dark: Theme { accent: dark, strong: dark.towards(WHITE, 22), on_accent: dark.towards(BLACK, 86) },
        }
    }

    /// A style sheet that sets the accent tokens.
    #[must_use]
    pub fn css(&self) -> String {
        let tokens = |t: &Theme| {
            let (accent, strong, on) = (t.accent.hex(), t.strong.hex(), t.on_accent.hex());
            format!("--accent:{accent};--accent-strong:{strong};--on-accent:{on}")
        };
        format!(
            ":root{{{}}}@media (prefers-color-scheme:dark){{:root:not([data-theme=\"light\"]){{{}}}}}\n",
            tokens(&self.light),
            tokens(&self.dark)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_colour_is_chosen_can_be_read_in_both_themes() {
        let steps = [0_u8, 51, 102, 153, 204, 255];
        for mixed in 0..steps.len().pow(3) {
            let part = |place: usize| steps[mixed / steps.len().pow(u32::try_from(place).unwrap()) % steps.len()];
            let chosen = Colour(std::array::from_fn(part)).hex();
            let colours = Colours::of(&chosen);
            for (theme, ground) in [(colours.light, LIGHT_GROUND), (colours.dark, DARK_GROUND)] {
                assert!(theme.accent.contrast(ground) >= READABLE, "{chosen} as text: {theme:?}");
                assert!(theme.accent.contrast(theme.on_accent) >= READABLE, "text on {chosen}: {theme:?}");
                assert!(theme.strong.contrast(theme.on_accent) >= READABLE, "text on {chosen}, pressed: {theme:?}");
            }
        }
    }

    #[test]
    fn a_colour_that_is_readable_already_stays_as_it_was_chosen() {
        assert_eq!(Colours::of("#7a2e3a").light.accent.hex(), "#7a2e3a");
        assert_eq!(Colours::of("nonsense"), Colours::of("#7a2e3a"));
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 0.001);
        assert!((Colour([0x77, 0x77, 0x77]).contrast(WHITE) - 4.478).abs() < 0.001);
    }
}
