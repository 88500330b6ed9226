//! Server and database killed (`SIGKILL`), together or one of them, and what is left of them: the next start comes up by
//! itself. Orphans become children of this test, which reaps nobody, as in a container without an init.

use crate::start::{Server, data, postmaster, program};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{path::Path, time::Duration};

/// For what gives no sign of its own.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap())
}

/// What a process has started and that runs.
fn children(of: u32) -> Vec<u32> {
    let lists = std::fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let lists = lists.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// `Z` for one that has ended and that nobody has reaped; none for one that is gone.
fn state(of: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Server, watch, main process and all that serve connections, with one blow; but `spared`.
fn cut(server: &Server, data: &Path, spared: &[u32]) -> u32 {
    let main = postmaster(data).unwrap();
    let all = [vec![server.process.id()], children(server.process.id()), children(main), vec![main]].concat();
    for one in all.iter().filter(|one| !spared.contains(one)) {
        // One of them may have ended for the end of another.
        _ = kill(pid(*one), Signal::SIGKILL);
    }
    main
}

async fn sign_in(data: &Path) -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass().socket(data.join("pg-socket")).username("willcall_admin");
    PgConnection::connect_with(&options.database("willcall")).await.unwrap()
}

#[tokio::test]
async fn a_database_killed_with_its_server_comes_up_again_though_nobody_reaps_it() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let data = data();
    for _ in 0..3 {
        let server = Server::start(program(data.path(), &["serve"]));
        let main = cut(&server, data.path(), &[]);
        server.end();
        until("a zombie", async || (state(main) == Some('Z')).then_some(())).await;
        let said = std::fs::read_to_string(data.path().join("pg-socket/.s.PGSQL.5432.lock")).unwrap();
        assert!(said.starts_with(&format!("{main}\n")), "the files it left name a process that is still listed");
    }
    let server = Server::start(program(data.path(), &["serve"]));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.end().1, Some(0));
}

#[tokio::test]
async fn two_generations_never_write_to_the_same_files() {
    let data = data();
    let server = Server::start(program(data.path(), &["serve"]));
    let mut connection = sign_in(data.path()).await;
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    let backend = u32::try_from(backend).unwrap();
    // It hangs on a slow disk, say, and does not hear that its main process is gone.
    kill(pid(backend), Signal::SIGSTOP).unwrap();
    cut(&server, data.path(), &[backend]);
    server.end();
    let mut server =
        Server::until(program(data.path(), &["serve"]), "waiting for what is left of a database that was killed");
    assert_eq!(state(backend), Some('T'), "it is there");
    kill(pid(backend), Signal::SIGCONT).unwrap();
    server.until_said("started");
    assert!(!matches!(state(backend), Some('T' | 'S' | 'R' | 'D')), "it was gone first: {:?}", state(backend));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.end().1, Some(0));
}

#[tokio::test]
async fn a_database_that_is_killed_alone_is_started_again_under_its_server() {
    let data = data();
    let mut server = Server::start(program(data.path(), &["serve"]));
    for _ in 0..2 {
        let before = postmaster(data.path()).unwrap();
        kill(pid(before), Signal::SIGKILL).unwrap();
        server.until_said("the private database runs again");
        assert_ne!(postmaster(data.path()), Some(before));
        until("ready", async || server.get("/readyz").starts_with("HTTP/1.1 200").then_some(())).await;
    }
    server.signal(Signal::SIGTERM);
    let (log, code) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(postmaster(data.path()), None, "the last one has stopped cleanly");
}

#[tokio::test]
async fn a_number_that_is_somebody_elses_now_is_in_nobodys_way() {
    let data = data();
    let server = Server::start(program(data.path(), &["serve"]));
    let main = cut(&server, data.path(), &[]).to_string();
    server.end();
    // After a restart of the machine, the number belongs to another program.
    let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    for file in ["pg/postmaster.pid", "pg-socket/.s.PGSQL.5432.lock"] {
        let path = data.path().join(file);
        let said = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, said.replacen(&main, &other.id().to_string(), 1)).unwrap();
    }
    let server = Server::start(program(data.path(), &["serve"]));
    assert!(other.try_wait().unwrap().is_none(), "nobody else was harmed");
    other.kill().unwrap();
    other.wait().unwrap();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.end().1, Some(0));
}
