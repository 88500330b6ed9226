//! The four verdicts are told apart by ear: the program plays each through the system's sound service into a sink that
//! nobody hears, the sink is recorded, and the recording is listened to with the pitches written down here.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const RATE: usize = 48_000;
/// Quieter than this is silence.
const SILENCE: f32 = 0.02;

/// The verdicts and the pitches they must be heard by. Not read from the program: this is what was promised.
const PROMISED: [(&str, &[f32]); 4] = [
    ("admitted", &[1046.5, 1568.0]),
    ("look", &[1760.0]),
    ("used", &[784.0, 622.3]),
    ("refused", &[233.1, 699.3, 1165.5]),
];

/// How strongly `hertz` sounds in `samples` (Goertzel), 0 to 1 for one pure tone of full loudness.
fn strength(samples: &[f32], hertz: f32) -> f32 {
    let turn = (std::f32::consts::TAU * hertz / RATE as f32).cos() * 2.0;
    let (mut before, mut last) = (0.0_f32, 0.0_f32);
    for sample in samples {
        (before, last) = (last, sample + turn * last - before);
    }
    let power = before * before + last * last - turn * before * last;
    power.max(0.0).sqrt() * 2.0 / samples.len() as f32
}

/// The verdict heard in a recording; `None` in silence, and where two could be meant.
fn heard(recording: &[f32]) -> Option<&'static str> {
    let sounding = sounding(recording)?;
    // In pieces, for a verdict's notes follow each other; each pitch is as loud as in its loudest piece.
    let pieces: Vec<&[f32]> = sounding.chunks(RATE / 20).filter(|piece| piece.len() > RATE / 40).collect();
    let loudest = |hertz: f32| pieces.iter().map(|piece| strength(piece, hertz)).fold(0.0, f32::max);
    let weakest_of = |pitches: &[f32]| pitches.iter().map(|hertz| loudest(*hertz)).fold(f32::MAX, f32::min);
    let mut scores: Vec<_> = PROMISED.iter().map(|(verdict, pitches)| (weakest_of(pitches), *verdict)).collect();
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    (scores[0].0 > 0.03 && scores[0].0 > 2.0 * scores[1].0).then_some(scores[0].1)
}

/// From the first to the last sample that is no silence.
fn sounding(recording: &[f32]) -> Option<&[f32]> {
    let first = recording.iter().position(|sample| sample.abs() > SILENCE)?;
    let last = recording.iter().rposition(|sample| sample.abs() > SILENCE)?;
    Some(&recording[first..=last])
}

/// A private sound service with one sink that goes nowhere.
struct Silent {
    place: TempDir,
    daemon: Child,
}

impl Silent {
    fn start() -> Self {
        let place = tempfile::Builder::new().prefix("wcsound").tempdir().unwrap();
        let socket = place.path().join("native");
        let daemon = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"])
            .args(["--realtime=no", "--high-priority=no", "--log-target=stderr", "--log-level=error"])
            .args(["-L", "module-null-sink sink_name=nobody rate=48000 channels=1"])
            .arg("-L")
            .arg(format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()))
            .envs(home(place.path()))
            .stdin(Stdio::null())
            .spawn()
            .expect("the package pulseaudio is installed");
        let service = Self { place, daemon };
        service.wait_for(&socket);
        fs::write(service.place.path().join("asound.conf"), service.alsa()).unwrap();
        service
    }

    /// The socket appears when the service is ready; a folder's watch would need a crate for one test.
    fn wait_for(&self, socket: &Path) {
        for _ in 0..10_000 {
            let answers = self.ask("pactl", &["info"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if socket.exists() && answers.expect("the package pulseaudio-utils is installed").success() {
                return;
            }
        }
        panic!("the sound service did not start");
    }

    fn server(&self) -> String {
        format!("unix:{}", self.place.path().join("native").display())
    }

    fn alsa(&self) -> String {
        let server = self.server();
        format!(
            "</usr/share/alsa/alsa.conf>\n\
             pcm.!default {{ type pulse server \"{server}\" device nobody }}\n\
             ctl.!default {{ type pulse server \"{server}\" }}\n"
        )
    }

    /// A program that talks to this service and to no other.
    fn ask(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).envs(home(self.place.path())).env("PULSE_SERVER", self.server());
        command.env("ALSA_CONFIG_PATH", self.place.path().join("asound.conf")).stdin(Stdio::null());
        command
    }

    /// What the sink hears while the program plays `verdict`, and a little longer.
    fn record(&self, verdict: &str) -> Vec<f32> {
        let mut recorder = self
            .ask("parec", &["--raw", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=20"])
            .args(["-d", "nobody.monitor"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the package pulseaudio-utils is installed");
        let mut tape = recorder.stdout.take().unwrap();
        // The sink's silence tells that the recorder runs.
        let mut recording = read(&mut tape, RATE / 10);
        let mut playing = self.ask(env!("CARGO_BIN_EXE_willcall"), &["--sound", verdict]).spawn().unwrap();
        let ended = loop {
            recording.extend(read(&mut tape, RATE / 20));
            if let Some(status) = playing.try_wait().unwrap() {
                break status;
            }
            assert!(recording.len() < 60 * RATE, "the program does not end");
        };
        recording.extend(read(&mut tape, RATE / 2));
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        assert!(ended.success(), "{verdict}: {ended}");
        recording
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Both fail only when it ended by itself.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Nothing of the user's own sound settings is read or changed.
fn home(place: &Path) -> [(&'static str, &Path); 4] {
    [("HOME", place), ("XDG_RUNTIME_DIR", place), ("XDG_CONFIG_HOME", place), ("PULSE_RUNTIME_PATH", place)]
}

fn read(tape: &mut impl Read, samples: usize) -> Vec<f32> {
    let mut bytes = vec![0; samples * 2];
    tape.read_exact(&mut bytes).unwrap();
    bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
}

#[test]
fn each_verdict_is_told_from_the_others_in_a_recording_of_what_was_played() {
    let service = Silent::start();
    for (verdict, _) in PROMISED {
        let recording = service.record(verdict);
        let sounding = sounding(&recording).unwrap_or_else(|| panic!("{verdict} is silent"));
        let loudest = sounding.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!(loudest > 0.3, "{verdict} is hardly heard: {loudest}");
        assert!(sounding.len() <= RATE * 62 / 100, "{verdict} lasts {} ms", sounding.len() * 1000 / RATE);
        assert_eq!(heard(&recording), Some(verdict));
    }
}

#[test]
fn the_ear_of_this_test_hears_nothing_in_silence_and_no_verdict_in_a_foreign_tone() {
    let tone = |hertz: f32| -> Vec<f32> {
        (0..RATE / 2).map(|i| 0.5 * (std::f32::consts::TAU * hertz * i as f32 / RATE as f32).sin()).collect()
    };
    assert_eq!(heard(&vec![0.0; RATE]), None);
    assert_eq!(heard(&tone(440.0)), None);
    assert_eq!(heard(&tone(1760.0)), Some("look"));
    assert_eq!(heard(&tone(784.0)), None, "half of a verdict is none");
}

#[test]
fn a_machine_without_a_loudspeaker_is_told_so_in_one_sentence() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("asound.conf");
    fs::write(&config, "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_willcall"))
        .args(["--sound", "used"])
        .envs(home(place.path()))
        .env("ALSA_CONFIG_PATH", &config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.lines().any(|line| line.starts_with("willcall: There is no loudspeaker")), "{said}");
}
