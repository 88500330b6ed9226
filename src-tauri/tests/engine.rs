//! The engine ends for work that needs the folder for itself, and begins again, whatever came of the work. Each test ends
//! its engine: a writer that is still at work while the process ends uses a cipher that is being taken down.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::{path::Path, sync::Arc};
use willcall_domain::problem::{Code, Problem};
use willcall_station::{
    Host, HttpTransport, KeyStoreChoice, Station, StationConfig,
    copies::{put_back, wipe},
};
use willcall_window::{engine::Engine, events::Voice};

async fn engine(folder: &Path) -> Arc<Engine> {
    let config = StationConfig {
        data: folder.to_owned(),
        key_store: KeyStoreChoice::File,
        software: "willcall test".to_owned(),
    };
    // Opening blocks, as at the start of the program.
    let opened = tokio::task::spawn_blocking(move || Engine::open(config, Host::system(), Voice::default()));
    let engine = opened.await.unwrap().unwrap();
    engine.start();
    Arc::new(engine)
}

fn transport() -> Arc<HttpTransport> {
    Arc::new(HttpTransport::new().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_put_back_in_the_midst_of_everything_and_the_station_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let backup = engine.station().unwrap().backup(None).await.unwrap();
    let file = backup.file.clone();
    let done = engine.alone(|config, host| put_back::restore(config, host, transport(), file)).await.unwrap();
    assert!(done.report.contains("was put back"), "{}", done.report);
    let copies = engine.station().unwrap().copies().unwrap();
    assert_eq!(copies.backups.len(), 1);
    assert_eq!((&copies.backups[0].file, copies.backups[0].bytes), (&backup.file.display().to_string(), backup.bytes));
    assert!(engine.station().unwrap().status().await.unwrap().enrolment.is_none());
    engine.end().await;
    let after = engine.station().unwrap_err();
    assert_eq!(after.code, Code::Busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_fails_leaves_the_station_open_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let no_backup = folder.path().join("holiday.jpg");
    std::fs::write(&no_backup, "no backup").unwrap();
    let done = engine.alone(|config, host| put_back::restore(config, host, transport(), no_backup)).await;
    assert!(done.is_err(), "{done:?}");
    engine.station().unwrap().status().await.unwrap();
    engine.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_being_answered_is_waited_for_and_who_comes_meanwhile_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let under_way = engine.station().unwrap();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (end, may_end) = tokio::sync::oneshot::channel::<()>();
    let alone = tokio::spawn({
        let engine = engine.clone();
        async move {
            let work = |config, host| async move {
                begun.send(()).unwrap();
                may_end.await.unwrap();
                Station::open(config, host).map(drop)
            };
            engine.alone(work).await
        }
    });
    drop(under_way);
    has_begun.await.unwrap();
    assert_eq!(engine.station().unwrap_err().code, Code::Busy);
    let second = engine.alone(|_, _| async { Ok(()) }).await.unwrap_err();
    assert_eq!(second.code, Code::Busy, "one at a time");
    end.send(()).unwrap();
    alone.await.unwrap().unwrap();
    engine.station().unwrap().status().await.unwrap();
    engine.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_could_not_be_opened_again_is_opened_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let kept = folder.path().join("copies.json");
    let spoil = kept.clone();
    let done = engine
        .alone(move |_, _| async move { std::fs::write(spoil, "{").map_err(|_| Problem::new(Code::Internal, "no")) });
    assert_eq!(done.await.unwrap_err().code, Code::Corrupt);
    assert_eq!(engine.station().unwrap_err().code, Code::Corrupt);
    engine.open_again().await;
    assert_eq!(engine.station().unwrap_err().code, Code::Corrupt, "nothing has changed");
    std::fs::remove_file(kept).unwrap();
    engine.open_again().await;
    engine.station().unwrap().status().await.unwrap();
    engine.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_station_begins_as_one_that_belongs_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    engine.station().unwrap().backup(None).await.unwrap();
    let done = engine.alone(|config, host| async move { wipe::wipe(Station::open(config, host)?, None).await });
    assert!(done.await.unwrap().wiped);
    let station = engine.station().unwrap();
    assert!(station.copies().unwrap().backups.is_empty());
    assert!(station.status().await.unwrap().enrolment.is_none());
    drop(station);
    engine.end().await;
}
