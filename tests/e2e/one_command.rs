//! `deploy/run`, which `make run` calls, on a machine without a display: it says so, keeps the server up, is only there
//! once, and takes with it what it started and nothing else.

use nix::sys::signal::Signal;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use willcall_tests::{
    built,
    premises::passable_folder,
    process::{Process, is_alive, started_by, until},
};

/// The first start makes a database and thousands of orders.
const START: Duration = Duration::from_secs(180);

fn run(home: &Path) -> Command {
    let target = built::folder().expect("a target folder").parent().map(PathBuf::from).expect("a parent");
    let mut command = Command::new(built::repository().join("deploy/run"));
    command.env("WILLCALL_RUN", home).env("WILLCALL_BIND", "127.0.0.1:0").env("CARGO_TARGET_DIR", target);
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "DATABASE_URL", "WILLCALL_SMTP", "WILLCALL_PUBLIC_URL"] {
        command.env_remove(variable);
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_display_the_server_stays_up_alone_until_ctrl_c_and_leaves_nothing_behind() {
    willcall_tests::choose_tls();
    let home = passable_folder().unwrap();
    let mut first = Process::start(&mut run(home.path())).unwrap();
    first.wait_for_line("No display here", START).await.unwrap();
    let line = first.wait_for_line("Willcall runs at ", START).await.unwrap();
    let url = line.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(reqwest::get(format!("{url}/readyz")).await.unwrap().status(), 200);
    let said: Vec<String> = first.lines().into_iter().map(|line| line.text).collect();
    for words in ["Shop", "Back office", "sign in as", "Mail lands in"] {
        assert!(said.iter().any(|line| line.contains(words)), "{words} is missing from {said:#?}");
    }

    let mut second = Process::start(&mut run(home.path())).unwrap();
    let refusal = second.wait_for_line("is running already", START).await.unwrap();
    assert!(refusal.contains(&*home.path().to_string_lossy()), "{refusal}");
    assert_eq!(second.wait(START).await.unwrap().code(), Some(1));
    assert_eq!(reqwest::get(format!("{url}/readyz")).await.unwrap().status(), 200, "the first does not mind");

    let started = started_by(first.id());
    assert!(started.len() >= 3, "a server and its database: {started:?}");
    first.signal_all(Signal::SIGINT).unwrap();
    assert_eq!(first.wait(START).await.unwrap().code(), Some(0));
    let left = || started.iter().filter(|one| is_alive(**one)).count();
    until(Duration::from_secs(10), || (left() == 0).then_some(())).await.expect("everything it started has ended");
    assert!(reqwest::get(format!("{url}/readyz")).await.is_err(), "nobody listens any more");

    // The second time everything is there already, and the place is free.
    let mut again = Process::start(&mut run(home.path())).unwrap();
    again.wait_for_line("No display here", START).await.unwrap();
    again.signal(Signal::SIGTERM).unwrap();
    assert_eq!(again.wait(START).await.unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_one_clear_sentence_and_a_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = passable_folder().unwrap();
    let mut process = Process::start(run(home.path()).env("WILLCALL_BIND", &address)).unwrap();
    process.wait_for_line(&format!("The address {address} is in use"), START).await.unwrap();
    assert_eq!(process.wait(START).await.unwrap().code(), Some(1));
}
