//! Throws pictures at the decoders: none may panic past its keeper, and no text may come out of a picture that is not
//! in it. The same run repeats from its seed; `make fuzz` runs a million small ones and 5,000 as a camera takes them,
//! the tests a tenth.

use anyhow::{anyhow, ensure};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};
use willcall_reading::{
    Cascade,
    scene::{Dice, Hold, scraps::scrap},
};

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub seed: u64,
    pub small: u64,
    /// Of them, those whose code was read.
    pub small_read: u64,
    /// 1280 × 720.
    pub large: u64,
    pub large_read: u64,
}

/// Threads that look at once.
const AT_ONCE: u64 = 2;

/// Looks at `small` scraps with every decoder and at `large` frames as a camera shows them, half of them without a
/// ticket, as the window does.
///
/// # Errors
/// Names the picture that made a decoder panic, or that was read as what it is not.
pub fn run(seed: u64, small: u64, large: u64) -> anyhow::Result<Report> {
    let mut report = Report { seed, small, large, ..Report::default() };
    let share = |whole: u64, of: u64| whole / AT_ONCE + u64::from(of < whole % AT_ONCE);
    let parts = thread::scope(|scope| {
        let work = (0..AT_ONCE).map(|of| scope.spawn(move || part(seed, of, share(small, of), share(large, of))));
        let work: Vec<_> = work.collect();
        let done = work.into_iter().map(|one| one.join().map_err(|_| anyhow!("seed {seed}: a thread panicked"))?);
        done.collect::<anyhow::Result<Vec<_>>>()
    });
    for (small_read, large_read) in parts? {
        report.small_read += small_read;
        report.large_read += large_read;
    }
    Ok(report)
}

fn part(seed: u64, of: u64, small: u64, large: u64) -> anyhow::Result<(u64, u64)> {
    let mut dice = Dice::new(seed ^ of.wrapping_mul(0x9E6C_63D0_876A_3F6B));
    let (mut thorough, mut standard) = (Cascade::thorough(), Cascade::standard());
    let (mut small_read, mut large_read) = (0, 0);
    for n in 0..small {
        let before = dice.clone();
        let (picture, text) = scrap(&mut dice);
        let said = || format!("seed {seed}, thread {of}, scrap {n} ({before:?})");
        small_read += u64::from(looked(&mut thorough, &picture, text.as_deref(), said)?);
    }
    for n in 0..large {
        let number = dice.bits();
        let hold = if n % 2 == 0 { Hold::hard(number) } else { Hold::empty(number) };
        let said = || format!("seed {seed}, thread {of}, hold {number} of {}", hold.text);
        let text = (!hold.text.is_empty()).then_some(hold.text.as_str());
        large_read += u64::from(looked(&mut standard, &hold.frame(0), text, said)?);
    }
    Ok((small_read, large_read))
}

/// Whether `text` was read; anything else that is read is an error.
fn looked(
    cascade: &mut Cascade,
    picture: &image::GrayImage,
    text: Option<&str>,
    said: impl Fn() -> String,
) -> anyhow::Result<bool> {
    let read = catch_unwind(AssertUnwindSafe(|| cascade.read(picture, || false)));
    let read = read.map_err(|_| anyhow!("{}: panicked", said()))?;
    if let Some(read) = &read {
        ensure!(Some(read.text.as_str()) == text, "{}: read {:?}, which is not there", said(), read.text);
    }
    Ok(read.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_scraps_and_five_hundred_frames_neither_panic_nor_are_read_as_what_they_are_not() {
        let report = run(1, 100_000, 500).unwrap();
        assert!(report.small_read > 10_000, "readable ones must be read, else nothing is tested: {report:?}");
        assert!(report.large_read > 150, "{report:?}");
    }
}
