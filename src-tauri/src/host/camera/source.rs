//! What a source of pictures is, and the place where only its newest picture waits.

use super::controls::CameraControl;
use image::DynamicImage;
use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One picture.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The same `Arc` again says that nothing has moved since.
    pub picture: Arc<DynamicImage>,
    /// Changes when the source knows that something else is before it, as a folder does and a camera cannot.
    pub scene: u64,
    /// Whether a screen should show it like a mirror: the camera looks at who stands before the screen.
    pub mirrored: bool,
}

/// What a source saw.
#[derive(Debug)]
pub enum Look {
    Frame(Frame),
    /// One picture was not to be had; the source goes on.
    Trouble(CameraError),
    /// It was told to stop.
    Stopped,
}

/// Why there are no pictures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    #[error("Camera {index} cannot be used ({reason}). Is it plugged in, and does no other program use it?")]
    Device { index: u32, reason: String },
    #[error("{} cannot be read ({reason}).", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} holds no JPEG pictures.", .0.display())]
    NoPictures(PathBuf),
    #[error("The camera does not take this value for {name} ({reason}).")]
    Control { name: String, reason: String },
    #[error("{} is no picture ({reason}). It is passed over.", path.display())]
    NoPicture { path: PathBuf, reason: String },
}

/// A source of pictures. Lives on one thread from its opening to its end, for some cannot be sent to another.
pub trait FrameSource {
    /// The next picture, waiting for it at the source's own pace or until `stop` is set.
    ///
    /// # Errors
    /// The source has ended and must be opened again.
    fn next(&mut self, stop: &Stop) -> Result<Look, CameraError>;

    /// What can be set at it.
    fn controls(&mut self) -> Vec<CameraControl> {
        Vec::new()
    }

    /// Sets the control `name`.
    ///
    /// # Errors
    /// It does not take the value. Pictures go on.
    fn set(&mut self, name: &str, value: i64) -> Result<(), CameraError> {
        let _ = value;
        Err(CameraError::Control { name: name.to_owned(), reason: "there is none".to_owned() })
    }
}

/// What came out of the slot.
#[derive(Debug)]
pub enum Taken {
    Frame(Frame),
    /// Nothing in the time given.
    Nothing,
    Closed,
}

/// Tells threads to end, and wakes those that wait.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Sets it; it stays set.
    pub fn set(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    #[must_use]
    pub fn is_set(&self) -> bool {
        *lock(&self.0.0)
    }

    /// Waits for `pause` or until it is set; whether it is.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> bool {
        let waited = self.0.1.wait_timeout_while(lock(&self.0.0), pause, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Holds one picture: the newest. Whoever is slow never sees an old one.
#[derive(Debug, Default)]
pub struct Slot {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    frame: Option<Frame>,
    closed: bool,
}

impl Slot {
    /// Puts `frame` in the place of what is there.
    pub fn put(&self, frame: Frame) {
        lock(&self.inside).frame = Some(frame);
        self.changed.notify_all();
    }

    /// No picture will come any more.
    pub fn close(&self) {
        lock(&self.inside).closed = true;
        self.changed.notify_all();
    }

    /// Takes the newest picture, waiting for one: for `patience` where it is given, else for ever.
    #[must_use]
    pub fn take(&self, patience: Option<Duration>) -> Taken {
        let waits = |inside: &mut Inside| inside.frame.is_none() && !inside.closed;
        let mut inside = match patience {
            None => self.changed.wait_while(lock(&self.inside), waits).unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                let waited = self.changed.wait_timeout_while(lock(&self.inside), time, waits);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if inside.closed {
            return Taken::Closed;
        }
        inside.frame.take().map_or(Taken::Nothing, Taken::Frame)
    }

    /// Whether a newer picture waits already.
    #[must_use]
    pub fn has_newer(&self) -> bool {
        lock(&self.inside).frame.is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(taken: Taken) -> Option<u64> {
        match taken {
            Taken::Frame(frame) => Some(frame.scene),
            Taken::Nothing | Taken::Closed => None,
        }
    }

    fn frame(scene: u64) -> Frame {
        Frame { picture: Arc::new(DynamicImage::new_luma8(1, 1)), scene, mirrored: false }
    }

    #[test]
    fn only_the_newest_picture_waits() {
        let slot = Slot::default();
        for scene in 1..=3 {
            slot.put(frame(scene));
        }
        assert_eq!(scene(slot.take(None)), Some(3));
        assert!(!slot.has_newer(), "the older ones are gone");
        assert!(matches!(slot.take(Some(Duration::from_millis(1))), Taken::Nothing), "and none is made up");
    }

    #[test]
    fn who_waits_for_a_picture_is_woken_by_it_and_by_the_end() {
        let slot = Arc::new(Slot::default());
        let waiting = {
            let slot = Arc::clone(&slot);
            std::thread::spawn(move || (scene(slot.take(None)), matches!(slot.take(None), Taken::Closed)))
        };
        slot.put(frame(1));
        while slot.has_newer() {
            std::thread::yield_now();
        }
        slot.close();
        assert_eq!(waiting.join().unwrap(), (Some(1), true));
    }

    #[test]
    fn stopping_ends_a_long_wait_at_once() {
        let stop = Stop::default();
        let waiting = {
            let stop = stop.clone();
            std::thread::spawn(move || stop.wait(Duration::from_secs(3600)))
        };
        stop.set();
        assert!(waiting.join().unwrap());
        assert!(stop.is_set());
    }
}
