//! The camera as a whole: pictures in, small pictures and codes out.

use super::{reader::PREVIEW_SIDE, *};
use ::nokhwa::{
    Camera as NokhwaCamera, NokhwaError,
    camera_traits::CaptureBackendTrait,
    utils::{
        ApiBackend, CameraControl as TheirControl, CameraFormat, CameraIndex, CameraInfo, ControlValueSetter,
        FrameFormat, KnownCameraControl, Resolution,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use image::DynamicImage;
use nokhwa_core::buffer::Buffer;
use std::{
    borrow::Cow,
    collections::HashMap,
    io::Cursor,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
};
use willcall_domain::clock::SystemClock;

const CODE: &str = "WC-CAMERA-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn drawn(text: &str) -> image::GrayImage {
    let code = ::qrcode::QrCode::new(text).unwrap();
    let width = u32::try_from(code.width()).unwrap();
    let colors = code.to_colors();
    image::GrayImage::from_fn((width + 8) * 8, (width + 8) * 8, |x, y| {
        let inside = |at: u32| (at / 8).checked_sub(4).filter(|module| *module < width);
        let dark =
            inside(x).zip(inside(y)).is_some_and(|(x, y)| colors[(y * width + x) as usize] == ::qrcode::Color::Dark);
        image::Luma([if dark { 10 } else { 240 }])
    })
}

fn jpeg(picture: &image::GrayImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(picture.clone()).to_rgb8().write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A camera whose findings come out of a channel.
fn camera() -> (Camera, mpsc::Receiver<Seen>) {
    let (tell, told) = mpsc::channel();
    let listener: Listener = Arc::new(move |seen| {
        // Once the test has what it wanted nobody listens any more.
        let _ = tell.send(seen);
    });
    (Camera::new(Arc::new(SystemClock::new()), listener), told)
}

/// Looks through what `open` opens.
fn look_through(camera: &Camera, open: Open, silent: Option<Duration>) {
    let gate = Arc::new(Mutex::new(Gate::default()));
    camera.look_through(Eye { number: 0, open, silent, cascade: shipped(), gate }).unwrap();
}

fn next_code(told: &mpsc::Receiver<Seen>) -> String {
    loop {
        match told.recv_timeout(Duration::from_secs(60)).unwrap() {
            Seen::Code(found) => return found.code,
            Seen::Frame(_) => {}
            Seen::Problem(problem) => panic!("{problem}"),
        }
    }
}

fn next_problem(told: &mpsc::Receiver<Seen>) -> Problem {
    loop {
        match told.recv_timeout(Duration::from_secs(60)).unwrap() {
            Seen::Problem(problem) => return problem,
            Seen::Frame(_) | Seen::Code(_) => {}
        }
    }
}

#[test]
fn a_picture_put_into_the_folder_becomes_a_code_and_a_small_picture() {
    let folder = tempfile::tempdir().unwrap();
    drawn(CODE).save(folder.path().join("ticket.png")).unwrap();
    let (camera, told) = camera();
    camera.start(vec![CameraSource::Folder { path: folder.path().display().to_string() }]).unwrap();
    let (code, frame) = (told.recv_timeout(Duration::from_secs(60)), told.recv_timeout(Duration::from_secs(60)));
    assert_eq!(code.unwrap(), Seen::Code(CameraCode { code: CODE.to_owned() }), "nobody waits for the picture");
    let Ok(Seen::Frame(frame)) = frame else { panic!("{frame:?}") };
    assert!(frame.width <= PREVIEW_SIDE && frame.height <= PREVIEW_SIDE && !frame.mirrored);
    let bytes = STANDARD.decode(&frame.jpeg).unwrap();
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).unwrap();
    assert_eq!((picture.width(), picture.height()), (frame.width, frame.height));
    // The quiet zone is four modules of eight pixels.
    let part = 4.0 * 8.0 / drawn(CODE).width() as f32;
    let corners = [[part, part], [1.0 - part, part], [1.0 - part, 1.0 - part], [part, 1.0 - part]];
    for (corner, wanted) in frame.outline.unwrap().into_iter().zip(corners) {
        assert!((corner[0] - wanted[0]).abs() < 0.02 && (corner[1] - wanted[1]).abs() < 0.02, "{corner:?} {wanted:?}");
    }
    drawn("SECOND").save(folder.path().join("another.png")).unwrap();
    assert_eq!(next_code(&told), "SECOND");
    camera.stop();
    while told.try_recv().is_ok() {}
    assert!(matches!(told.try_recv(), Err(mpsc::TryRecvError::Empty)), "stopped is stopped");
}

#[test]
fn a_file_of_pictures_is_read_like_a_camera() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("gate.mjpeg");
    let blank = image::GrayImage::from_pixel(328, 328, image::Luma([200]));
    std::fs::write(&path, [jpeg(&blank), jpeg(&drawn(CODE)), jpeg(&blank)].concat()).unwrap();
    let (camera, told) = camera();
    camera.start(vec![CameraSource::Mjpeg { path: path.display().to_string() }]).unwrap();
    assert_eq!(next_code(&told), CODE);
}

#[test]
fn a_camera_that_is_not_there_is_said_in_words_and_can_be_stopped() {
    let (camera, told) = camera();
    camera.start(vec![CameraSource::Device { index: 4_000 }]).unwrap();
    let problem = next_problem(&told);
    assert_eq!(problem.code, Code::Unavailable);
    assert!(problem.detail.starts_with("Camera 4000 cannot be used"), "{}", problem.detail);
    camera.stop();
}

#[test]
fn a_source_that_fails_is_opened_again_and_its_reason_said_once() {
    struct Shaky(Option<Arc<DynamicImage>>);
    impl FrameSource for Shaky {
        fn next(&mut self, stop: &Stop) -> Result<Look, CameraError> {
            let gone = CameraError::Device { index: 0, reason: "unplugged".to_owned() };
            let picture = Arc::clone(self.0.as_ref().ok_or(gone)?);
            let stopped = stop.wait(Duration::from_millis(20));
            Ok(if stopped { Look::Stopped } else { Look::Frame(Frame { picture, scene: 0, mirrored: true }) })
        }
    }
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let open: Open = Box::new(move || {
        let works = count.fetch_add(1, Ordering::SeqCst) == 2;
        Ok(Box::new(Shaky(works.then(|| Arc::new(DynamicImage::ImageLuma8(drawn(CODE)))))))
    });
    let (camera, told) = camera();
    look_through(&camera, open, None);
    assert!(next_problem(&told).detail.contains("unplugged"));
    assert_eq!(next_code(&told), CODE, "and no second problem before it");
    assert_eq!(opened.load(Ordering::SeqCst), 3);
}

#[test]
fn a_ticket_that_two_cameras_see_is_one_reading_and_both_pictures_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    drawn(CODE).save(folder.path().join("ticket.png")).unwrap();
    let (camera, told) = camera();
    let source = CameraSource::Folder { path: folder.path().display().to_string() };
    camera.start(vec![source.clone(), source]).unwrap();
    let (mut codes, mut shown) = (0, [0, 0]);
    while shown[0] < 3 || shown[1] < 3 {
        match told.recv_timeout(Duration::from_secs(60)).unwrap() {
            Seen::Code(_) => codes += 1,
            Seen::Frame(frame) => shown[frame.camera as usize] += 1,
            Seen::Problem(problem) => panic!("{problem}"),
        }
    }
    assert_eq!(codes, 1);
}

#[test]
fn a_camera_that_sends_nothing_is_said_to_be_silent_once() {
    struct Mute;
    impl FrameSource for Mute {
        fn next(&mut self, stop: &Stop) -> Result<Look, CameraError> {
            while !stop.wait(Duration::from_secs(3600)) {}
            Ok(Look::Stopped)
        }
    }
    let (camera, told) = camera();
    look_through(&camera, Box::new(|| Ok(Box::new(Mute))), Some(Duration::from_millis(1)));
    assert!(next_problem(&told).detail.contains("sends no pictures"));
    camera.stop();
    assert!(told.try_recv().is_err(), "once is enough");
}

#[test]
fn what_a_camera_offers_can_be_set_while_it_runs_and_a_refusal_is_said() {
    /// Shows what was last set as its scene.
    struct Dials(u64);
    impl FrameSource for Dials {
        fn next(&mut self, stop: &Stop) -> Result<Look, CameraError> {
            let picture = Arc::new(DynamicImage::new_luma8(u32::try_from(self.0).unwrap_or(1) + 1, 8));
            let stopped = stop.wait(Duration::from_millis(5));
            Ok(if stopped { Look::Stopped } else { Look::Frame(Frame { picture, scene: 0, mirrored: false }) })
        }
        fn controls(&mut self) -> Vec<CameraControl> {
            let (name, kind) = ("Torch".to_owned(), ControlKind::Torch);
            vec![CameraControl { camera: 0, name, kind, min: 0, max: 40, step: 1, value: 0 }]
        }
        fn set(&mut self, name: &str, value: i64) -> Result<(), CameraError> {
            let refused = CameraError::Control { name: name.to_owned(), reason: "too bright".to_owned() };
            self.0 = u64::try_from(value).ok().filter(|value| *value < 40).ok_or(refused)?;
            Ok(())
        }
    }
    let (camera, told) = camera();
    look_through(&camera, Box::new(|| Ok(Box::new(Dials(0)))), None);
    let set = |value| camera.set(&SetControl { camera: 0, name: "Torch".to_owned(), value });
    while camera.controls().is_empty() {
        assert!(matches!(told.recv_timeout(Duration::from_secs(60)), Ok(Seen::Frame(_))));
    }
    set(30).unwrap();
    while !matches!(told.recv_timeout(Duration::from_secs(60)), Ok(Seen::Frame(CameraFrame { width: 31, .. }))) {}
    assert_eq!(camera.controls()[0].value, 30);
    set(4_000).unwrap();
    assert!(next_problem(&told).detail.contains("too bright"));
    let strange = SetControl { camera: 0, name: "Iris".to_owned(), value: 1 };
    assert_eq!(camera.set(&strange).unwrap_err().code, Code::NotFound);
    camera.stop();
    assert!(set(1).is_err(), "a camera that is off takes no wishes");
}

/// The camera library's own seam: a camera that serves JPEG pictures, every other one damaged.
struct JpegCamera {
    info: CameraInfo,
    jpeg: Vec<u8>,
    format: CameraFormat,
    open: bool,
    served: u32,
}

impl CaptureBackendTrait for JpegCamera {
    fn backend(&self) -> ApiBackend {
        ApiBackend::Network
    }
    fn camera_info(&self) -> &CameraInfo {
        &self.info
    }
    fn refresh_camera_format(&mut self) -> Result<(), NokhwaError> {
        Ok(())
    }
    fn camera_format(&self) -> CameraFormat {
        self.format
    }
    fn set_camera_format(&mut self, format: CameraFormat) -> Result<(), NokhwaError> {
        self.format = format;
        Ok(())
    }
    fn compatible_list_by_resolution(&mut self, _: FrameFormat) -> Result<HashMap<Resolution, Vec<u32>>, NokhwaError> {
        Ok(HashMap::from([(self.format.resolution(), vec![30])]))
    }
    fn compatible_fourcc(&mut self) -> Result<Vec<FrameFormat>, NokhwaError> {
        Ok(vec![FrameFormat::MJPEG])
    }
    fn resolution(&self) -> Resolution {
        self.format.resolution()
    }
    fn set_resolution(&mut self, resolution: Resolution) -> Result<(), NokhwaError> {
        self.format.set_resolution(resolution);
        Ok(())
    }
    fn frame_rate(&self) -> u32 {
        self.format.frame_rate()
    }
    fn set_frame_rate(&mut self, rate: u32) -> Result<(), NokhwaError> {
        self.format.set_frame_rate(rate);
        Ok(())
    }
    fn frame_format(&self) -> FrameFormat {
        FrameFormat::MJPEG
    }
    fn set_frame_format(&mut self, _: FrameFormat) -> Result<(), NokhwaError> {
        Ok(())
    }
    fn camera_control(&self, _: KnownCameraControl) -> Result<TheirControl, NokhwaError> {
        Err(NokhwaError::UnsupportedOperationError(self.backend()))
    }
    fn camera_controls(&self) -> Result<Vec<TheirControl>, NokhwaError> {
        Ok(Vec::new())
    }
    fn set_camera_control(&mut self, _: KnownCameraControl, _: ControlValueSetter) -> Result<(), NokhwaError> {
        Err(NokhwaError::UnsupportedOperationError(self.backend()))
    }
    fn open_stream(&mut self) -> Result<(), NokhwaError> {
        self.open = true;
        Ok(())
    }
    fn is_stream_open(&self) -> bool {
        self.open
    }
    fn frame(&mut self) -> Result<Buffer, NokhwaError> {
        let raw = self.frame_raw()?.into_owned();
        Ok(Buffer::new(self.format.resolution(), &raw, FrameFormat::MJPEG))
    }
    fn frame_raw(&mut self) -> Result<Cow<'_, [u8]>, NokhwaError> {
        if !self.open {
            return Err(NokhwaError::ReadFrameError("not open".to_owned()));
        }
        self.served += 1;
        let damaged = &self.jpeg[..self.jpeg.len() / 3];
        Ok(Cow::Borrowed(if self.served % 2 == 1 { damaged } else { &self.jpeg }))
    }
    fn stop_stream(&mut self) -> Result<(), NokhwaError> {
        self.open = false;
        Ok(())
    }
}

#[test]
fn the_camera_library_serves_pictures_whose_codes_are_read_and_damaged_ones_do_no_harm() {
    let open: Open = Box::new(|| {
        let picture = drawn(CODE);
        let size = Resolution::new(picture.width(), picture.height());
        let backend = JpegCamera {
            info: CameraInfo::new("test", "", "", CameraIndex::Index(0)),
            jpeg: jpeg(&picture),
            format: CameraFormat::new(size, FrameFormat::MJPEG, 30),
            open: false,
            served: 0,
        };
        let camera = NokhwaCamera::with_custom(CameraIndex::Index(0), backend.backend(), Box::new(backend));
        Ok(Box::new(Device::over(0, 0, camera)?))
    });
    let (camera, told) = camera();
    look_through(&camera, open, None);
    let mut codes = Vec::new();
    let mut mirrored = false;
    while codes.is_empty() {
        match told.recv_timeout(Duration::from_secs(60)).unwrap() {
            Seen::Code(found) => codes.push(found.code),
            Seen::Frame(frame) => mirrored = frame.mirrored,
            Seen::Problem(problem) => panic!("{problem}"),
        }
    }
    assert_eq!(codes, [CODE]);
    assert!(mirrored, "who stands before a screen sees the camera's picture like a mirror");
}

#[test]
fn listing_cameras_answers_on_a_machine_without_any() {
    let cameras = list();
    assert!(cameras.windows(2).all(|pair| pair[0].index <= pair[1].index), "{cameras:?}");
}
