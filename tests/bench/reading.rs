//! How many codes are read from frames, by the cascade that ships and by `zxing-cpp` beside it, and what that costs.
//! The frames are drawn ([`willcall_reading::scene`] says how, and that they are hard on purpose), or come from a
//! folder: `FRAMES=dir` reads each `NAME.png` or `NAME.jpg` there and expects what `NAME.txt` says.

use crate::{Arguments, Figure};
use anyhow::{Context, bail, ensure};
use image::GrayImage;
use serde_json::json;
use std::{path::Path, time::Duration};
use willcall_reading::{Cascade, scene::Hold};

/// Holds of which one frame is looked at.
const FRAMES: u64 = 600;
/// Holds that are looked at for a second.
const HOLDS: u64 = 200;
/// In a second.
pub const A_SECOND: u32 = 15;
/// The set is neither too hard nor too easy while zxing-cpp reads so much of it: percent.
const VALID: std::ops::RangeInclusive<f64> = 65.0..=80.0;

pub fn figures(arguments: &Arguments) -> anyhow::Result<Vec<Figure>> {
    let mut figures = match &arguments.frames {
        Some(folder) => vec![of_folder(folder)?],
        None => Vec::new(),
    };
    figures.extend(hard_mixed_set()?);
    figures.extend(held_for_a_second()?);
    Ok(figures)
}

/// Processor time of the whole process, for decoders work on threads of their own.
fn cpu() -> anyhow::Result<Duration> {
    Ok(nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// How often a reader read what is there.
#[derive(Default)]
struct Score {
    looked: u64,
    read: u64,
    cpu: Duration,
}

impl Score {
    /// # Errors
    /// It read what is not there.
    fn look(&mut self, text: &str, read: impl FnOnce() -> Option<String>) -> anyhow::Result<bool> {
        let begun = cpu()?;
        let found = read();
        self.cpu += cpu()? - begun;
        self.looked += 1;
        if let Some(found) = found {
            ensure!(found == text, "{text:?} was read as {found:?}");
            self.read += 1;
            return Ok(true);
        }
        Ok(false)
    }

    fn percent(&self) -> f64 {
        self.read as f64 * 100.0 / self.looked.max(1) as f64
    }

    fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / self.looked.max(1) as f64
    }
}

fn text_in(cascade: &mut Cascade, frame: &GrayImage) -> Option<String> {
    cascade.read(frame, || false).map(|reading| reading.text)
}

#[cfg(feature = "zxing")]
fn zxing_cpp(frame: &GrayImage) -> anyhow::Result<Option<String>> {
    use willcall_reading::{Decoder as _, Look, ZxingCpp};
    Ok(match ZxingCpp.look(frame) {
        Look::Read(reading) => Some(reading.text),
        Look::Promising | Look::Nothing => None,
    })
}

#[cfg(not(feature = "zxing"))]
fn zxing_cpp(_: &GrayImage) -> anyhow::Result<Option<String>> {
    bail!("the set is measured beside zxing-cpp: build with `--features zxing`, as `make bench` does")
}

fn hard_mixed_set() -> anyhow::Result<Vec<Figure>> {
    let (mut ours, mut peer) = (Score::default(), Score::default());
    for seed in 0..FRAMES {
        let hold = Hold::hard(seed);
        let frame = hold.frame(0);
        // A cascade of its own for each: nothing is known from the frame before.
        let mut cascade = Cascade::thorough();
        ours.look(&hold.text, || text_in(&mut cascade, &frame))?;
        let found = zxing_cpp(&frame);
        peer.look(&hold.text, || found.as_ref().ok().cloned().flatten())?;
        found?;
    }
    let (ours_percent, peer_percent) = (ours.percent(), peer.percent());
    if !VALID.contains(&peer_percent) {
        bail!("void: zxing-cpp read {peer_percent:.1} % of the set, which must be {VALID:?}");
    }
    Ok(vec![Figure {
        what: "codes read, one frame of the hard mixed set",
        measured: format!("{ours_percent:.1} %"),
        values: json!({ "percent": ours_percent, "zxing_cpp_percent": peer_percent, "goal_percent": 72 }),
        peer: "zxing-cpp, all options: in the same run, see right",
        method: format!(
            "all decoders of the default build, one frame each; zxing-cpp read {peer_percent:.1} % of the same frames; \
             nothing was read as what it is not"
        ),
        n: ours.looked,
    }])
}

fn held_for_a_second() -> anyhow::Result<Vec<Figure>> {
    let (mut held, mut frames, mut blank) = (0, Score::default(), Score::default());
    for seed in 0..HOLDS {
        let mut cascade = Cascade::standard();
        let hold = Hold::hard(FRAMES + seed);
        let mut read = false;
        for number in 0..A_SECOND {
            let frame = hold.frame(number);
            read |= frames.look(&hold.text, || text_in(&mut cascade, &frame))?;
        }
        held += u64::from(read);
        let nobody = Hold::empty(seed);
        for number in 0..A_SECOND {
            let frame = nobody.frame(number);
            blank.look("", || text_in(&mut cascade, &frame))?;
        }
    }
    ensure!(blank.read == 0, "a code was read where there is none");
    let percent = held as f64 * 100.0 / HOLDS as f64;
    let mean = f64::midpoint(frames.cpu_ms(), blank.cpu_ms());
    Ok(vec![
        Figure {
            what: "codes read, held for one second",
            measured: format!("{percent:.1} %"),
            values: json!({ "percent": percent, "frames_percent": frames.percent(), "goal_percent": 97 }),
            peer: "–",
            method: format!(
                "the schedule that ships, {A_SECOND} frames; size, tilt, screen, focus and light stay, shake, glare and \
                 noise move; {:.1} % of the single frames",
                frames.percent()
            ),
            n: HOLDS,
        },
        Figure {
            what: "CPU of reading, a 720p frame",
            measured: format!("{mean:.1} ms"),
            values: json!({ "ms": mean, "held_ms": frames.cpu_ms(), "blank_ms": blank.cpu_ms(), "goal_ms": 15 }),
            peer: "2.3–4.6 ms (zxing-cpp)",
            method: format!(
                "the schedule that ships with time to spare; a second of a ticket ({:.1} ms a frame), a second of none \
                 ({:.1} ms), in turn",
                frames.cpu_ms(),
                blank.cpu_ms()
            ),
            n: frames.looked + blank.looked,
        },
    ])
}

/// Pictures of the reader's own.
fn of_folder(folder: &Path) -> anyhow::Result<Figure> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| ["png", "jpg", "jpeg"].iter().any(|known| e == *known)))
        .collect();
    files.sort();
    let (mut ours, mut peer, mut missed) = (Score::default(), Score::default(), Vec::new());
    for file in &files {
        let expected = file.with_extension("txt");
        let text = std::fs::read_to_string(&expected).with_context(|| expected.display().to_string())?;
        let frame = image::open(file).with_context(|| file.display().to_string())?.to_luma8();
        let mut cascade = Cascade::thorough();
        let text = text.trim_end_matches(['\r', '\n']);
        if !ours.look(text, || text_in(&mut cascade, &frame)).with_context(|| file.display().to_string())? {
            missed.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        if let Ok(found) = zxing_cpp(&frame) {
            peer.look(text, || found.filter(|found| found == text))?;
        }
    }
    ensure!(ours.looked > 0, "{} holds no pictures", folder.display());
    Ok(Figure {
        what: "codes read, the pictures of FRAMES",
        measured: format!("{:.1} %", ours.percent()),
        values: json!({ "percent": ours.percent(), "zxing_cpp_percent": peer.percent(), "missed": missed }),
        peer: "zxing-cpp: see right",
        method: format!("{}; all decoders; zxing-cpp {:.1} %", folder.display(), peer.percent()),
        n: ours.looked,
    })
}
