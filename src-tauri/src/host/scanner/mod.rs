//! A scanner on a serial port (a cable, or USB and Bluetooth that look like one): one thread reads it, opens it again
//! after it was pulled out, and tells whoever listens what was scanned.

mod codes;

use codes::{Codes, PAUSE_MS, bare};
use serde::{Deserialize, Serialize};
use std::{
    io::{ErrorKind, Read},
    panic::catch_unwind,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use ts_rs::TS;
use willcall_domain::{
    clock::Clock,
    problem::{Code, Problem},
};

/// Between two attempts to open a port that failed.
const RETRY: Duration = Duration::from_secs(2);
/// So long one read waits; also how soon the thread ends when told to.
const WAIT: Duration = Duration::from_millis(PAUSE_MS);
/// Speeds scanners are set to: baud.
const SPEEDS: std::ops::RangeInclusive<u32> = 300..=921_600;

/// A port and how it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SerialScanner {
    /// As the system calls it: `/dev/ttyACM0`, `COM3`.
    pub port: String,
    /// Baud, 300 to 921,600; 8 bits, no parity, one stop bit. Scanners on USB take any.
    pub speed: u32,
}

impl SerialScanner {
    /// # Errors
    /// Names what cannot be.
    pub fn check(&self) -> Result<(), Problem> {
        if self.port.trim().is_empty() {
            return Err(Problem::field("serial_scanner", "Say at which port the scanner is."));
        }
        if !SPEEDS.contains(&self.speed) {
            let words = format!("Between {} and {} baud.", SPEEDS.start(), SPEEDS.end());
            return Err(Problem::field("serial_scanner", words));
        }
        Ok(())
    }
}

/// A code that a scanner sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScannerCode {
    pub code: String,
}

/// What a scanner has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Code(ScannerCode),
    Problem(Problem),
    /// It was opened, at first or again.
    Works,
}

/// Who is told.
pub type Listener = Arc<dyn Fn(Heard) + Send + Sync>;

/// How the scanner is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub scanner: SerialScanner,
    /// What it sends around each code.
    pub prefix: String,
    pub suffix: String,
}

/// The serial ports of this machine.
#[must_use]
pub fn ports() -> Vec<String> {
    // The library panics where the system has no list of them.
    let found = catch_unwind(serialport::available_ports).unwrap_or_else(|_| Ok(Vec::new()));
    let mut names: Vec<String> = found
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "serial ports cannot be listed");
            Vec::new()
        })
        .into_iter()
        .map(|port| port.port_name)
        .collect();
    names.sort();
    names
}

/// The scanner of this window, running or not.
pub struct Scanner {
    clock: Arc<dyn Clock>,
    listener: Listener,
    running: Mutex<Option<Running>>,
}

struct Running {
    wanted: Wanted,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    set: AtomicBool,
    waiting: Mutex<()>,
    woken: Condvar,
}

impl Stop {
    fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// Waits for `pause` or until it is set.
    fn wait(&self, pause: Duration) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.woken.wait_timeout_while(waiting, pause, |()| !self.is_set()));
    }

    fn set(&self) {
        let _waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.set.store(true, Ordering::SeqCst);
        self.woken.notify_all();
    }
}

impl Scanner {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, listener: Listener) -> Self {
        Self { clock, listener, running: Mutex::default() }
    }

    /// Reads `wanted` from now on, nothing else; `None` reads nothing. One that is read already goes on. Blocks while
    /// the last one ends, for a tenth of a second.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(&self, wanted: Option<Wanted>) -> Result<(), Problem> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = &*running
            && Some(&now.wanted) == wanted.as_ref()
        {
            return Ok(());
        }
        end(running.take());
        let Some(wanted) = wanted else { return Ok(()) };
        let stop = Arc::new(Stop::default());
        let work = {
            let (stop, wanted) = (Arc::clone(&stop), wanted.clone());
            let (clock, listener) = (Arc::clone(&self.clock), Arc::clone(&self.listener));
            move || read_on(&wanted, &stop, &*clock, &listener)
        };
        let thread = thread::Builder::new()
            .name("scanner".to_owned())
            .spawn(work)
            .map_err(|error| Problem::new(Code::Unavailable, format!("The scanner cannot be started ({error}).")))?;
        *running = Some(Running { wanted, stop, thread });
        Ok(())
    }

    /// Lets go of the port.
    pub fn stop(&self) {
        end(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn end(running: Option<Running>) {
    let Some(Running { stop, thread, .. }) = running else { return };
    stop.set();
    if thread.join().is_err() {
        tracing::error!("reading the scanner failed");
    }
}

/// Reads until told to stop; a port that fails is opened again, and each reason is said once.
fn read_on(wanted: &Wanted, stop: &Stop, clock: &dyn Clock, listener: &Listener) {
    let mut said: Option<String> = None;
    while !stop.is_set() {
        let failed = read(wanted, stop, clock, &mut |heard| {
            if heard == Heard::Works {
                said = None;
            }
            listener(heard);
        });
        let Err(reason) = failed else { return };
        if said.as_ref() != Some(&reason) {
            tracing::warn!(port = wanted.scanner.port, reason, "scanner");
            let port = &wanted.scanner.port;
            let words = format!(
                "The scanner at {port} cannot be read ({reason}). Is it plugged in, and does no other program use it?"
            );
            listener(Heard::Problem(Problem::new(Code::Unavailable, words)));
            said = Some(reason);
        }
        stop.wait(RETRY);
    }
}

fn read(wanted: &Wanted, stop: &Stop, clock: &dyn Clock, tell: &mut dyn FnMut(Heard)) -> Result<(), String> {
    let SerialScanner { port, speed } = &wanted.scanner;
    let opened = serialport::new(port.as_str(), *speed).timeout(WAIT).open();
    let mut port = opened.map_err(|error| error.to_string())?;
    tell(Heard::Works);
    let (mut codes, mut buffer) = (Codes::default(), [0; 512]);
    while !stop.is_set() {
        let ended = match port.read(&mut buffer) {
            Ok(0) => return Err("the port was closed".to_owned()),
            Ok(count) => codes.take(&buffer[..count], clock.monotonic_ms()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                codes.settle(clock.monotonic_ms()).into_iter().collect()
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.to_string()),
        };
        for code in ended {
            let code = bare(&code, &wanted.prefix, &wanted.suffix);
            if !code.is_empty() {
                tell(Heard::Code(ScannerCode { code }));
            }
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use serialport::{SerialPort, TTYPort};
    use std::{io::Write, sync::mpsc};
    use willcall_domain::clock::SystemClock;

    const CODE: &str = "WC-0123456789$%*-.";

    fn scanner() -> (Scanner, mpsc::Receiver<Heard>) {
        let (tell, told) = mpsc::channel();
        let listener: Listener = Arc::new(move |heard| {
            // Once the test has what it wanted nobody listens any more.
            let _ = tell.send(heard);
        });
        (Scanner::new(Arc::new(SystemClock::new()), listener), told)
    }

    fn at(port: String) -> Wanted {
        let scanner = SerialScanner { port, speed: 9_600 };
        Wanted { scanner, prefix: "~".to_owned(), suffix: "!".to_owned() }
    }

    fn next(told: &mpsc::Receiver<Heard>) -> Heard {
        told.recv_timeout(Duration::from_secs(60)).expect("something is told")
    }

    fn code(code: &str) -> Heard {
        Heard::Code(ScannerCode { code: code.to_owned() })
    }

    /// A scanner's end of a line, and the name of ours.
    fn line() -> (TTYPort, String) {
        let (scanner, ours) = TTYPort::pair().expect("a pseudo-terminal");
        let name = ours.name().expect("its name");
        (scanner, name)
    }

    #[test]
    fn what_is_sent_over_a_line_is_told_code_by_code_without_what_stands_around_it() {
        let (mut hand, port) = line();
        let (scanner, told) = scanner();
        scanner.start(Some(at(port.clone()))).unwrap();
        assert_eq!(next(&told), Heard::Works);
        hand.write_all(format!("~{CODE}!\r\n{CODE}\t\x02{CODE}\x03").as_bytes()).unwrap();
        assert_eq!([next(&told), next(&told), next(&told)], [code(CODE), code(CODE), code(CODE)]);
        hand.write_all(b"NO END").unwrap();
        assert_eq!(next(&told), code("NO END"), "a pause ends it");
        scanner.start(Some(at(port))).unwrap();
        hand.write_all(b"ON\r").unwrap();
        assert_eq!(next(&told), code("ON"), "the same wish again changes nothing");
        scanner.stop();
        assert!(hand.write_all(b"OFF\r").is_err(), "the port was let go");
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty), "stopped is stopped");
    }

    #[test]
    fn a_scanner_that_is_not_there_is_said_once_in_words_and_can_be_stopped() {
        let (scanner, told) = scanner();
        scanner.start(Some(at("/dev/no-such-scanner".to_owned()))).unwrap();
        let Heard::Problem(problem) = next(&told) else { panic!("a problem") };
        assert_eq!(problem.code, Code::Unavailable);
        assert!(problem.detail.starts_with("The scanner at /dev/no-such-scanner cannot be read"), "{}", problem.detail);
        scanner.stop();
    }

    #[test]
    fn a_scanner_that_was_pulled_out_is_said_and_works_again_when_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("scanner");
        let (hand, port) = line();
        std::os::unix::fs::symlink(&port, &link).unwrap();
        let (scanner, told) = scanner();
        scanner.start(Some(at(link.display().to_string()))).unwrap();
        assert_eq!(next(&told), Heard::Works);
        std::fs::remove_file(&link).unwrap();
        drop(hand);
        assert!(matches!(next(&told), Heard::Problem(_)));
        let (mut hand, port) = line();
        std::os::unix::fs::symlink(&port, &link).unwrap();
        while next(&told) != Heard::Works {}
        hand.write_all(b"BACK\r").unwrap();
        assert_eq!(next(&told), code("BACK"));
    }

    #[test]
    fn ports_are_listed_on_a_machine_without_any() {
        let ports = ports();
        assert!(ports.windows(2).all(|pair| pair[0] <= pair[1]), "{ports:?}");
    }

    #[test]
    fn a_port_without_a_name_and_a_speed_nobody_has_are_refused() {
        let wish = |port: &str, speed| SerialScanner { port: port.to_owned(), speed }.check();
        assert!(wish("/dev/ttyACM0", 9_600).is_ok());
        assert!(wish(" ", 9_600).is_err() && wish("COM3", 0).is_err() && wish("COM3", 1_000_000).is_err());
    }
}
