//! A folder as a camera: each picture put into it is shown for a second, the last one stays. For machines without a
//! camera, and for pictures that come from elsewhere.

use super::source::{CameraError, Frame, FrameSource, Look, Stop};
use image::{DynamicImage, ImageReader, Limits};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The pace of a slow camera.
const PAUSE: Duration = Duration::from_millis(200);
/// How many frames long each picture is shown before the next.
const FRAMES_EACH: u32 = 5;
/// How many looks long a picture that cannot be read may still be in the making.
const PATIENCE: u32 = 10;
/// Larger pictures are made smaller before anything looks at them: pixels of the longer side.
const LONGEST_SIDE: u32 = 4096;
/// No picture may need more memory than this to be decoded: bytes.
const MEMORY: u64 = 256 * 1024 * 1024;

/// One file as it is now; written anew it is another.
type Version = (PathBuf, SystemTime, u64);

/// Pictures of one folder, oldest first.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    done: HashSet<Version>,
    shown: Option<Arc<DynamicImage>>,
    scene: u64,
    frames_left: u32,
    unreadable: Option<(Version, u32)>,
    first: bool,
}

impl Folder {
    /// # Errors
    /// The folder cannot be read.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let folder = Self {
            path: path.to_owned(),
            done: HashSet::new(),
            shown: None,
            scene: 0,
            frames_left: 0,
            unreadable: None,
            first: true,
        };
        folder.pictures().map(|_| folder)
    }

    /// The pictures in the folder, oldest first, those of one instant by name.
    fn pictures(&self) -> Result<Vec<Version>, CameraError> {
        let unreadable =
            |error: std::io::Error| CameraError::Unreadable { path: self.path.clone(), reason: error.to_string() };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            // A file may vanish between being listed and being looked at; then it is not there.
            if let (true, Ok(facts)) = (is_picture(&path), fs::metadata(&path)) {
                found.push((path, facts.modified().unwrap_or(SystemTime::UNIX_EPOCH), facts.len()));
            }
        }
        found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        Ok(found)
    }

    /// Shows the next picture nobody has seen; a sentence when one turns out to be none.
    fn turn(&mut self) -> Result<Option<CameraError>, CameraError> {
        let pictures = self.pictures()?;
        // What is gone is forgotten, so that a folder used for years needs no more memory than its files.
        self.done.retain(|version| pictures.contains(version));
        let Some(next) = pictures.into_iter().find(|version| !self.done.contains(version)) else { return Ok(None) };
        match read(&next.0) {
            Ok(picture) => {
                self.shown = Some(Arc::new(picture));
                self.scene += 1;
                self.frames_left = FRAMES_EACH;
                self.unreadable = None;
                self.done.insert(next);
                Ok(None)
            }
            Err(reason) => Ok(self.not_yet(next, reason)),
        }
    }

    /// A file that is no picture may still be written; after some looks without change it is none.
    fn not_yet(&mut self, version: Version, reason: String) -> Option<CameraError> {
        let looks = match self.unreadable.take() {
            Some((known, looks)) if known == version => looks + 1,
            Some(_) | None => 1,
        };
        if looks < PATIENCE {
            self.unreadable = Some((version, looks));
            return None;
        }
        let path = version.0.clone();
        self.done.insert(version);
        Some(CameraError::NoPicture { path, reason })
    }
}

impl FrameSource for Folder {
    fn next(&mut self, stop: &Stop) -> Result<Look, CameraError> {
        loop {
            let pause = if std::mem::take(&mut self.first) { Duration::ZERO } else { PAUSE };
            if stop.wait(pause) {
                return Ok(Look::Stopped);
            }
            self.frames_left = self.frames_left.saturating_sub(1);
            if self.frames_left == 0
                && let Some(trouble) = self.turn()?
            {
                return Ok(Look::Trouble(trouble));
            }
            if let Some(picture) = &self.shown {
                let picture = Arc::clone(picture);
                return Ok(Look::Frame(Frame { picture, scene: self.scene, mirrored: false }));
            }
        }
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

fn read(path: &Path) -> Result<DynamicImage, String> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    let open = || -> Result<DynamicImage, image::ImageError> {
        let mut reader = ImageReader::open(path)?.with_guessed_format()?;
        reader.limits(limits);
        reader.decode()
    };
    let picture = open().map_err(|error| error.to_string())?;
    let too_large = picture.width().max(picture.height()) > LONGEST_SIDE;
    Ok(if too_large { picture.thumbnail(LONGEST_SIDE, LONGEST_SIDE) } else { picture })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one shade, so that it can be told which is shown.
    fn put(folder: &Path, name: &str, shade: u8) {
        let beside = folder.join("in-the-making");
        image::GrayImage::from_pixel(8, 8, image::Luma([shade]))
            .save_with_format(&beside, image::ImageFormat::Png)
            .unwrap();
        fs::rename(beside, folder.join(name)).unwrap();
    }

    fn shade(look: &Look) -> u8 {
        match look {
            Look::Frame(frame) => frame.picture.to_luma8().get_pixel(0, 0).0[0],
            Look::Trouble(_) | Look::Stopped => panic!("no frame: {look:?}"),
        }
    }

    fn shades(folder: &mut Folder, frames: u32) -> Vec<u8> {
        let mut seen: Vec<u8> = (0..frames).map(|_| shade(&folder.next(&Stop::default()).unwrap())).collect();
        seen.dedup();
        seen
    }

    #[test]
    fn each_picture_is_shown_in_turn_the_last_stays_and_a_new_one_comes_next() {
        let place = tempfile::tempdir().unwrap();
        put(place.path(), "a.png", 10);
        put(place.path(), "b.PNG", 20);
        fs::write(place.path().join("notes.txt"), "not for the camera").unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        assert_eq!(shades(&mut folder, 2 * FRAMES_EACH + 1), [10, 20]);
        put(place.path(), "0.jpg", 30);
        assert_eq!(shades(&mut folder, 2 * FRAMES_EACH), [30], "shown at once though its name comes first");
        put(place.path(), "a.png", 40);
        assert_eq!(shades(&mut folder, 2 * FRAMES_EACH), [40], "a file written anew is a new picture");
    }

    #[test]
    fn the_same_picture_again_is_known_to_be_the_same() {
        let place = tempfile::tempdir().unwrap();
        put(place.path(), "a.png", 10);
        let mut folder = Folder::open(place.path()).unwrap();
        let (first, second) = (folder.next(&Stop::default()).unwrap(), folder.next(&Stop::default()).unwrap());
        let (Look::Frame(first), Look::Frame(second)) = (first, second) else { panic!("two frames") };
        assert!(Arc::ptr_eq(&first.picture, &second.picture));
        assert_eq!(first.scene, second.scene);
    }

    #[test]
    fn a_file_that_is_no_picture_is_said_once_and_passed_over() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("torn.png"), b"\x89PNG\r\n\x1a\n torn").unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        let look = folder.next(&Stop::default()).unwrap();
        let Look::Trouble(CameraError::NoPicture { path, .. }) = look else { panic!("{look:?}") };
        assert_eq!(path, place.path().join("torn.png"));
        put(place.path(), "good.png", 50);
        assert_eq!(shades(&mut folder, FRAMES_EACH), [50]);
    }

    #[test]
    fn an_empty_folder_waits_until_told_to_stop() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        let stop = Stop::default();
        stop.set();
        assert!(matches!(folder.next(&stop), Ok(Look::Stopped)));
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let error = Folder::open(Path::new("/no/such/folder")).unwrap_err();
        assert!(matches!(error, CameraError::Unreadable { .. }), "{error}");
    }
}
