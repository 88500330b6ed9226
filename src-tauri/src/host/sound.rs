//! How verdicts sound. Owns the four sounds, made here from sines, and the thread that plays them. A machine without a
//! loudspeaker is silent and nothing else: the verdict stands on the screen.

use rodio::{
    DeviceSinkBuilder, MixerDeviceSink, Player,
    buffer::SamplesBuffer,
    cpal::{self, ErrorKind},
};
use std::{
    f32::consts::TAU,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};
use willcall_domain::{
    checkin::wire::{Class, Direction},
    clock::Clock,
};

/// Samples a second, one channel.
pub const RATE: u32 = 48_000;
/// Loudest sample; louder ones rattle in cheap loudspeakers.
const PEAK: f32 = 0.6;
/// A note begins and ends so gently, against clicks: milliseconds.
const EDGE_MS: u32 = 8;
/// A loudspeaker that failed is tried again after so long: milliseconds.
const RETRY_MS: u64 = 10_000;

/// What makes a note's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    /// One sine.
    Pure,
    /// A sine and its odd overtones: a buzz. The overtones carry it where a small loudspeaker has no bass.
    Buzz,
}

/// One note.
#[derive(Debug, Clone, Copy)]
struct Note {
    at_ms: u32,
    for_ms: u32,
    hertz: f32,
    colour: Colour,
}

const fn pure(at_ms: u32, for_ms: u32, hertz: f32) -> Note {
    Note { at_ms, for_ms, hertz, colour: Colour::Pure }
}

/// The notes of a class. They differ in pitch, number and rhythm, so that who hears one of them poorly hears another.
fn notes(class: Class) -> &'static [Note] {
    match class {
        // A short step up: come in.
        Class::Admitted => const { &[pure(0, 100, 1046.5), pure(100, 170, 1568.0)] },
        // Three quick high knocks: look up.
        Class::Look => const { &[pure(0, 85, 1760.0), pure(140, 85, 1760.0), pure(280, 85, 1760.0)] },
        // A step down, twice: again?
        Class::Used => {
            const { &[pure(0, 120, 784.0), pure(120, 120, 622.3), pure(300, 120, 784.0), pure(420, 120, 622.3)] }
        }
        // One long low buzz: no.
        Class::Refused => const { &[Note { at_ms: 0, for_ms: 550, hertz: 233.1, colour: Colour::Buzz }] },
    }
}

/// The sound of a verdict, at [`RATE`], at most 0.6 seconds. The way out sounds like the way in, backwards.
#[must_use]
pub fn samples(class: Class, direction: Direction) -> Vec<f32> {
    let notes = notes(class);
    let length = notes.iter().map(|note| (note.at_ms + note.for_ms) * RATE / 1000).max().unwrap_or(0);
    let mut samples = vec![0.0; length as usize];
    for note in notes {
        let begin = (note.at_ms * RATE / 1000) as usize;
        for (sample, value) in samples[begin..].iter_mut().zip(tone(note)) {
            *sample += value;
        }
    }
    let loudest = samples.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    samples.iter_mut().for_each(|sample| *sample *= PEAK / loudest.max(f32::EPSILON));
    if direction == Direction::Exit {
        samples.reverse();
    }
    samples
}

fn tone(note: &Note) -> impl Iterator<Item = f32> {
    let (length, edge) = (note.for_ms * RATE / 1000, EDGE_MS * RATE / 1000);
    let (hertz, colour) = (note.hertz, note.colour);
    (0..length).map(move |i| {
        let seconds = seconds(i);
        let value = match colour {
            Colour::Pure => (TAU * hertz * seconds).sin(),
            Colour::Buzz => [1.0, 3.0, 5.0, 7.0].iter().map(|n| (TAU * hertz * n * seconds).sin() / n).sum(),
        };
        let from_edge = i.min(length - 1 - i).min(edge);
        value * (0.5 - 0.5 * (TAU * 0.5 * seconds_of(from_edge, edge)).cos())
    })
}

/// The time of sample `i`.
#[expect(clippy::cast_precision_loss, reason = "a sound has fewer samples than f32 counts exactly")]
fn seconds(i: u32) -> f32 {
    i as f32 / RATE as f32
}

/// `part` of `whole`, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "an edge has fewer samples than f32 counts exactly")]
fn seconds_of(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}

/// A sound asked for.
type Wish = (Class, Direction);

/// Plays verdicts on a thread of its own, so that a scan never waits for a sound.
#[derive(Debug, Clone)]
pub struct Speaker(Option<mpsc::Sender<Wish>>);

impl Speaker {
    /// Begins to listen for wishes. The loudspeaker is opened by the first.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (wish, wishes) = mpsc::channel();
        let speaking = thread::Builder::new().name("verdict sounds".to_owned()).spawn(move || speak(&wishes, &*clock));
        match speaking {
            Ok(_) => Self(Some(wish)),
            Err(error) => {
                tracing::warn!(%error, "verdicts are silent");
                Self(None)
            }
        }
    }

    /// Plays; what still sounds gives way.
    pub fn play(&self, class: Class, direction: Direction) {
        if let Some(wishes) = &self.0
            && wishes.send((class, direction)).is_err()
        {
            tracing::warn!("verdicts are silent: the thread that plays them ended");
        }
    }
}

/// Plays one verdict and returns when it has been heard.
///
/// # Errors
/// There is no loudspeaker; the text says why.
pub fn play_one(class: Class, direction: Direction) -> Result<(), String> {
    let sink = open(&Arc::new(AtomicBool::new(false)))?;
    let player = begin(&sink, (class, direction));
    player.sleep_until_end();
    // The last samples are still on their way through the system's buffer.
    let rest = Player::connect_new(sink.mixer());
    rest.append(buffer(vec![0.0; RATE as usize / 4]));
    rest.sleep_until_end();
    Ok(())
}

fn speak(wishes: &mpsc::Receiver<Wish>, clock: &dyn Clock) {
    let failed = Arc::new(AtomicBool::new(false));
    let mut sink: Option<MixerDeviceSink> = None;
    let mut sounding: Option<Player> = None;
    let mut refused_at = None;
    let mut said = false;
    while let Ok(first) = wishes.recv() {
        // Of several that wait only the newest verdict matters.
        let wish = wishes.try_iter().last().unwrap_or(first);
        if failed.swap(false, Ordering::SeqCst) {
            (sink, sounding) = (None, None);
        }
        let now = clock.monotonic_ms();
        if sink.is_none() && refused_at.is_none_or(|at| now.saturating_sub(at) >= RETRY_MS) {
            match open(&failed) {
                Ok(opened) => (sink, refused_at, said) = (Some(opened), None, false),
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(error, "no loudspeaker: verdicts are silent");
                    }
                    refused_at = Some(now);
                }
            }
        }
        let Some(sink) = &sink else { continue };
        if let Some(before) = sounding.take() {
            before.stop();
        }
        sounding = Some(begin(sink, wish));
    }
}

fn begin(sink: &MixerDeviceSink, (class, direction): Wish) -> Player {
    let player = Player::connect_new(sink.mixer());
    player.append(buffer(samples(class, direction)));
    player
}

fn buffer(samples: Vec<f32>) -> SamplesBuffer {
    const ONE: NonZero<u16> = NonZero::new(1).expect("one is not zero");
    const HERTZ: NonZero<u32> = NonZero::new(RATE).expect("the rate is not zero");
    SamplesBuffer::new(ONE, HERTZ, samples)
}

/// Opens the system's loudspeaker; `failed` is set when it goes away later.
fn open(failed: &Arc<AtomicBool>) -> Result<MixerDeviceSink, String> {
    let failed = Arc::clone(failed);
    let on_error = move |error: cpal::Error| {
        let goes_on = [ErrorKind::Xrun, ErrorKind::DeviceChanged, ErrorKind::RealtimeDenied];
        if !goes_on.contains(&error.kind()) {
            tracing::warn!(%error, "the loudspeaker failed; it is opened again with the next verdict");
            failed.store(true, Ordering::SeqCst);
        }
    };
    let mut sink = DeviceSinkBuilder::from_default_device()
        .map_err(|error| error.to_string())?
        .with_error_callback(on_error)
        .open_sink_or_fallback()
        .map_err(|error| error.to_string())?;
    sink.log_on_drop(false);
    Ok(sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Class; 4] = [Class::Admitted, Class::Look, Class::Used, Class::Refused];

    #[test]
    fn every_sound_is_short_never_clips_and_begins_and_ends_in_silence() {
        for class in ALL {
            for direction in [Direction::Entry, Direction::Exit] {
                let samples = samples(class, direction);
                assert!(samples.len() <= RATE as usize * 6 / 10, "{class:?} lasts {} samples", samples.len());
                let loudest = samples.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
                assert!((loudest - PEAK).abs() < 0.01, "{class:?}: {loudest}");
                assert!(samples[0].abs() < 0.01 && samples[samples.len() - 1].abs() < 0.01, "{class:?} clicks");
            }
        }
    }

    #[test]
    fn the_way_in_rises_and_the_way_out_falls() {
        let crossings = |samples: &[f32]| samples.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count();
        let rises = |samples: &[f32]| {
            let part = samples.len() / 4;
            crossings(&samples[..part]) < crossings(&samples[samples.len() - part..])
        };
        assert!(rises(&samples(Class::Admitted, Direction::Entry)));
        assert!(!rises(&samples(Class::Admitted, Direction::Exit)));
    }
}
