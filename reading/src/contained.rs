//! Decoders of others may panic, and some pictures keep them busy for half a minute. Here each works on a thread of its
//! own and is waited for a moment only.

use crate::{Decoder, Look};
use image::GrayImage;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// A decoder is waited for so long.
const PATIENCE: Duration = Duration::from_millis(300);
/// One that panicked so often in a row is asked no more until the camera is started again.
const PANICS: u32 = 100;

/// A decoder that can neither panic nor keep anybody waiting.
pub struct Contained {
    name: &'static str,
    patience: Duration,
    pictures: Sender<GrayImage>,
    answers: Receiver<Look>,
    /// It still looks at a picture nobody waits for any more.
    busy: bool,
    /// Its thread has ended.
    ended: bool,
}

impl Contained {
    #[must_use]
    pub fn new(decoder: impl Decoder + 'static) -> Self {
        Self::with_patience(decoder, PATIENCE)
    }

    fn with_patience(mut decoder: impl Decoder + 'static, patience: Duration) -> Self {
        let name = decoder.name();
        let (pictures, to_look_at) = channel::<GrayImage>();
        let (answer, answers) = channel();
        let work = move || {
            let mut panics = 0;
            while let Ok(picture) = to_look_at.recv() {
                let looked = catch_unwind(AssertUnwindSafe(|| decoder.look(&picture)));
                panics = if looked.is_ok() { 0 } else { panics + 1 };
                if panics == 1 {
                    tracing::warn!(decoder = name, "a decoder failed on a picture; it is passed over");
                }
                if answer.send(looked.unwrap_or(Look::Nothing)).is_err() {
                    return;
                }
                if panics == PANICS {
                    tracing::error!(decoder = name, "a decoder fails on every picture; it is asked no more");
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
        if let Err(error) = &spawned {
            tracing::error!(decoder = name, %error, "no thread for a decoder; the others go on");
        }
        Self { name, patience, pictures, answers, busy: false, ended: spawned.is_err() }
    }
}

impl Decoder for Contained {
    fn name(&self) -> &'static str {
        self.name
    }

    fn look(&mut self, luma: &GrayImage) -> Look {
        if self.busy {
            // What it says of a picture that is gone is of no use to anybody.
            self.busy = self.answers.try_recv().is_err();
        }
        if self.busy || self.ended {
            return Look::Nothing;
        }
        if self.pictures.send(luma.clone()).is_err() {
            self.ended = true;
            return Look::Nothing;
        }
        self.answers.recv_timeout(self.patience).unwrap_or_else(|error| {
            match error {
                RecvTimeoutError::Timeout => {
                    tracing::warn!(decoder = self.name, "a decoder takes too long; it is not waited for");
                    self.busy = true;
                }
                RecvTimeoutError::Disconnected => self.ended = true,
            }
            Look::Nothing
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reading;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, channel},
    };

    /// Waits for a word at each picture, then reads it; panics at an empty one.
    struct Waits {
        word: Receiver<&'static str>,
        asked: Arc<AtomicU32>,
    }

    impl Decoder for Waits {
        fn name(&self) -> &'static str {
            "waits"
        }
        fn look(&mut self, _: &GrayImage) -> Look {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let text = self.word.recv().unwrap_or_default().to_owned();
            assert!(!text.is_empty(), "a decoder's own assertion");
            Look::Read(Reading { text, outline: None })
        }
    }

    fn waits(patience: Duration) -> (Contained, Sender<&'static str>, Arc<AtomicU32>) {
        let (say, word) = channel();
        let asked = Arc::new(AtomicU32::new(0));
        let decoder = Waits { word, asked: Arc::clone(&asked) };
        (Contained::with_patience(decoder, patience), say, asked)
    }

    fn text(look: Look) -> Option<String> {
        match look {
            Look::Read(reading) => Some(reading.text),
            Look::Promising | Look::Nothing => None,
        }
    }

    #[test]
    fn one_that_takes_too_long_is_left_alone_until_it_is_done_and_its_late_answer_is_thrown_away() {
        let (mut decoder, say, asked) = waits(Duration::from_millis(20));
        let picture = GrayImage::new(8, 8);
        assert_eq!(decoder.look(&picture), Look::Nothing);
        assert_eq!(decoder.look(&picture), Look::Nothing, "it is busy still");
        assert!(asked.load(Ordering::SeqCst) <= 1, "and was not given another picture");
        say.send("late").unwrap();
        say.send("in time").unwrap();
        // Far more than any machine needs, and never waited out.
        decoder.patience = Duration::from_secs(60);
        let read = std::iter::repeat_with(|| text(decoder.look(&picture))).find_map(|text| text);
        assert_eq!(read.as_deref(), Some("in time"), "what it said of the picture that is gone is not believed");
    }

    #[test]
    fn one_that_panics_at_every_picture_is_asked_no_more() {
        let (mut decoder, say, asked) = waits(Duration::from_secs(60));
        let picture = GrayImage::new(8, 8);
        say.send("").unwrap();
        assert_eq!(decoder.look(&picture), Look::Nothing);
        say.send("A").unwrap();
        assert_eq!(text(decoder.look(&picture)).as_deref(), Some("A"), "one panic is forgiven");
        drop(say);
        for _ in 0..2 * PANICS {
            assert_eq!(decoder.look(&picture), Look::Nothing);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2 + PANICS);
    }
}
