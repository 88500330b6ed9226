//! A paper really goes through the system's print service to a printer: a private CUPS with one queue, and a printer
//! that is a socket of this test.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;
use willcall_window::host::printer::{PrintedTo, Printer};

/// A print service of this test alone.
struct Service {
    place: TempDir,
    daemon: Child,
}

impl Service {
    fn start() -> Self {
        let place = tempfile::Builder::new().prefix("wcprint").tempdir().unwrap();
        // The service prints as another user, who must get through.
        fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for folder in ["spool/tmp", "cache", "state", "log"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        fs::write(place.path().join("cupsd.conf"), rules(&place.path().join("cups.sock"))).unwrap();
        fs::write(place.path().join("cups-files.conf"), places(place.path())).unwrap();
        let daemon = Command::new("cupsd")
            .arg("-f")
            .arg("-c")
            .arg(place.path().join("cupsd.conf"))
            .arg("-s")
            .arg(place.path().join("cups-files.conf"))
            .stdin(Stdio::null())
            .spawn()
            .expect("the package cups-daemon is installed");
        let service = Self { place, daemon };
        service.wait();
        service
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("cups.sock")
    }

    /// `lpstat -r` says that the service runs once it answers.
    fn wait(&self) {
        for _ in 0..10_000 {
            let answer = self.ask("lpstat").arg("-r").output().expect("the package cups-client is installed");
            if self.socket().exists() && String::from_utf8_lossy(&answer.stdout).contains("is running") {
                return;
            }
        }
        panic!("the print service did not start");
    }

    fn ask(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("CUPS_SERVER", self.socket()).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    fn add_queue(&self, name: &str, printer: &TcpListener) {
        let address = format!("socket://{}", printer.local_addr().unwrap());
        let added = self.ask("lpadmin").args(["-p", name, "-E", "-m", "raw", "-v", &address]).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail only when it ended by itself.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn rules(socket: &Path) -> String {
    let everyone = "Order allow,deny\n  Allow all\n";
    format!(
        "Listen {}\nBrowsing No\nDefaultAuthType None\nWebInterface No\nLogLevel warn\n<Location />\n  \
         {everyone}</Location>\n<Location /admin>\n  {everyone}</Location>\n<Policy default>\n<Limit All>\n  \
         {everyone}</Limit>\n</Policy>\n",
        socket.display()
    )
}

fn places(root: &Path) -> String {
    let root = root.display();
    format!(
        "ServerRoot {root}\nRequestRoot {root}/spool\nTempDir {root}/spool/tmp\nCacheDir {root}/cache\nStateDir \
         {root}/state\nErrorLog {root}/log/error\nAccessLog {root}/log/access\nPageLog {root}/log/page\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_paper_comes_out_of_the_printer_whose_queue_was_chosen() {
    let service = Service::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    service.add_queue("Box-office", &listener);
    let data = tempfile::tempdir().unwrap();
    let printer = Printer::new(data.path()).at(service.socket());
    assert_eq!(printer.queues().await, ["Box-office"]);

    let paper: Vec<u8> = b"%PDF-1.7\n".iter().copied().chain((0..50_000_u32).map(|i| (i % 251) as u8)).collect();
    let printed = printer.print(Some("Box-office"), "tickets-1", &paper).await.unwrap();
    assert_eq!((printed.to, printed.name.as_str()), (PrintedTo::Printer, "Box-office"));
    let came_out = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
        bytes
    });
    assert_eq!(came_out.await.unwrap(), paper);
    assert_eq!(fs::read_dir(data.path().join("print")).unwrap().count(), 0, "no copy of a ticket stays behind");
}

#[tokio::test]
async fn where_there_is_no_print_service_there_are_no_queues() {
    let data = tempfile::tempdir().unwrap();
    let printer = Printer::new(data.path()).at(data.path().join("no.sock"));
    assert_eq!(printer.queues().await, Vec::<String>::new());
}
