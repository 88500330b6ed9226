//! A file of JPEG pictures one after the other as a camera, played in a loop. Bytes between pictures (the headers of a
//! multipart stream, say) are passed over.

use super::source::{CameraError, Frame, FrameSource, Look, Stop};
use image::{DynamicImage, ImageFormat};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Ten pictures a second.
const PAUSE: Duration = Duration::from_millis(100);
/// No picture is larger: bytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// The pictures of one file.
#[derive(Debug)]
pub struct Mjpeg {
    path: PathBuf,
    file: BufReader<File>,
    /// Pictures seen since the file was last begun.
    seen: u64,
    first: bool,
}

impl Mjpeg {
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufReader::new(file), seen: 0, first: true })
    }

    /// The bytes of the next picture, from the beginning again after the last.
    fn picture(&mut self) -> Result<Vec<u8>, CameraError> {
        loop {
            match next_jpeg(&mut self.file).map_err(|error| unreadable(&self.path, &error))? {
                Some(bytes) => {
                    self.seen += 1;
                    return Ok(bytes);
                }
                None if self.seen == 0 => return Err(CameraError::NoPictures(self.path.clone())),
                None => {
                    self.seen = 0;
                    self.file.rewind().map_err(|error| unreadable(&self.path, &error))?;
                }
            }
        }
    }
}

impl FrameSource for Mjpeg {
    fn next(&mut self, stop: &Stop) -> Result<Look, CameraError> {
        let pause = if std::mem::take(&mut self.first) { Duration::ZERO } else { PAUSE };
        if stop.wait(pause) {
            return Ok(Look::Stopped);
        }
        let bytes = self.picture()?;
        Ok(match image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg) {
            Ok(picture) => Look::Frame(frame(picture)),
            Err(error) => Look::Trouble(CameraError::NoPicture { path: self.path.clone(), reason: error.to_string() }),
        })
    }
}

fn frame(picture: DynamicImage) -> Frame {
    Frame { picture: Arc::new(picture), scene: 0, mirrored: false }
}

fn unreadable(path: &Path, error: &io::Error) -> CameraError {
    CameraError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

const MARK: u8 = 0xFF;
const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

/// The next whole picture; `None` at the end of the file or where the last one is cut off. Walks the segments, so that
/// a preview inside a picture is not taken for the picture.
fn next_jpeg(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    if !find_start(from)? {
        return Ok(None);
    }
    let mut bytes = vec![MARK, START];
    match copy_rest(from, &mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads up to and with a start of picture; false when there is none.
fn find_start(from: &mut impl BufRead) -> io::Result<bool> {
    let mut before = 0;
    let mut byte = [0];
    while from.read(&mut byte)? == 1 {
        if before == MARK && byte[0] == START {
            return Ok(true);
        }
        before = byte[0];
    }
    Ok(false)
}

/// Copies segments and coded data until the end of the picture.
fn copy_rest(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut mark = next_mark(from, bytes)?;
    while mark != END {
        // Restart marks stand alone; every other segment says its length.
        if !matches!(mark, 0x01 | 0xD0..=0xD7) {
            copy_segment(from, bytes)?;
        }
        mark = if mark == SCAN { copy_scan(from, bytes)? } else { next_mark(from, bytes)? };
    }
    Ok(())
}

fn copy_segment(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = [read_byte(from, bytes)?, read_byte(from, bytes)?];
    let rest = usize::from(u16::from_be_bytes(length)).saturating_sub(2);
    let begin = bytes.len();
    bytes.resize(begin + rest, 0);
    from.read_exact(&mut bytes[begin..])
}

/// Copies coded data up to and with the mark after it; the mark.
fn copy_scan(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<u8> {
    loop {
        let mark = next_mark(from, bytes)?;
        if !matches!(mark, 0x00 | 0xD0..=0xD7) {
            return Ok(mark);
        }
    }
}

fn next_mark(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<u8> {
    while read_byte(from, bytes)? != MARK {}
    loop {
        let byte = read_byte(from, bytes)?;
        if byte != MARK {
            return Ok(byte);
        }
    }
}

fn read_byte(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<u8> {
    if bytes.len() >= LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a picture without end"));
    }
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    bytes.push(byte[0]);
    Ok(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(shade: u8) -> Vec<u8> {
        let mut bytes = io::Cursor::new(Vec::new());
        image::GrayImage::from_pixel(16, 16, image::Luma([shade])).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    fn play(content: &[u8], frames: usize) -> Vec<u8> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("gate.mjpeg");
        std::fs::write(&path, content).unwrap();
        let mut source = Mjpeg::open(&path).unwrap();
        (0..frames)
            .map(|_| match source.next(&Stop::default()).unwrap() {
                Look::Frame(frame) => frame.picture.to_luma8().get_pixel(0, 0).0[0] / 10,
                look @ (Look::Trouble(_) | Look::Stopped) => panic!("{look:?}"),
            })
            .collect()
    }

    #[test]
    fn pictures_follow_each_other_and_begin_again_after_the_last() {
        let content = [jpeg(55), jpeg(105), jpeg(205)].concat();
        assert_eq!(play(&content, 5), [5, 10, 20, 5, 10]);
    }

    #[test]
    fn headers_between_pictures_and_a_picture_cut_off_at_the_end_do_no_harm() {
        let boundary = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
        let half = jpeg(205)[..100].to_vec();
        let content = [boundary.clone(), jpeg(55), boundary.clone(), jpeg(105), boundary, half].concat();
        assert_eq!(play(&content, 3), [5, 10, 5]);
    }

    #[test]
    fn a_preview_inside_a_picture_is_not_taken_for_it() {
        let (whole, preview) = (jpeg(105), jpeg(205));
        let length = u16::try_from(preview.len() + 2).unwrap().to_be_bytes();
        let content = [&whole[..2], &[MARK, 0xE1], &length[..], &preview[..], &whole[2..]].concat();
        assert_eq!(play(&content, 2), [10, 10]);
    }

    #[test]
    fn a_file_without_pictures_is_said() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("gate.mjpeg");
        for content in [&b""[..], b"no pictures", b"\xFF\xD8\xFF\xE0\x00"] {
            std::fs::write(&path, content).unwrap();
            let error = Mjpeg::open(&path).unwrap().next(&Stop::default()).unwrap_err();
            assert_eq!(error, CameraError::NoPictures(path.clone()));
        }
    }
}
