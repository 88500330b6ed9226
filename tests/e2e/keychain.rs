//! A station whose keys are in the system's keychain, for real: it enrols, sells and opens again where its owner has
//! signed in, and nowhere else; whoever copies its files has nothing; a folder put back as a whole is found out by the
//! mark the keychain holds.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use willcall_tests::{
    built,
    keychain::{self, Keychain, User},
    premises::Premises,
};

const PROGRAM: &str = "willcall-station";

fn run(mut command: Command, folder: &Path, arguments: &[&str]) -> anyhow::Result<(Value, Output)> {
    let output = command.arg("--data").arg(folder).args(arguments).output()?;
    let said = || format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let answer = serde_json::from_slice(&output.stdout).with_context(said)?;
    Ok((answer, output))
}

fn done(command: Command, folder: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let (answer, output) = run(command, folder, arguments)?;
    ensure!(output.status.success(), "{arguments:?}: {answer} {}", String::from_utf8_lossy(&output.stderr));
    Ok(answer)
}

/// Everything in a folder, by name.
fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.file_name() != "lock" {
            found.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "cp");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_with_its_keys_in_the_keychain_opens_for_its_owner_alone() -> anyhow::Result<()> {
    let (premises, seeded) = Premises::seeded(crate::PLAN, &[]).await?;
    let (mine, program) = (Keychain::unlocked(User::Me).await?, built::program(PROGRAM)?);
    let folder = mine.home().join("station");
    let token = seeded["organizers"][0]["devices"][0]["token"].as_str().context("a token")?;
    done(mine.command(&program), &folder, &["enrol", &premises.url(), token])?;
    done(mine.command(&program), &folder, &["sync"])?;
    done(mine.command(&program), &folder, &["sell", "Stalls", "--pay", "cash:32.00"])?;
    let status = done(mine.command(&program), &folder, &["status"])?;
    assert_eq!((&status["key_store"], &status["standing"]["doubt"]), (&Value::from("keychain"), &Value::Null));
    assert!(!folder.join("station.key").exists(), "no key lies beside the data");
    let before = files(&folder)?;

    // Where nobody has signed in.
    let (answer, output) = run(keychain::without_session(&program, mine.home()), &folder, &["status"])?;
    assert!(!output.status.success() && answer["code"] == "unavailable", "{answer}");
    assert_eq!(files(&folder)?, before, "and nothing was changed");
    // Somebody else of this machine, with a keychain that is unlocked and not the one.
    let copied = tempfile::tempdir()?;
    if keychain::may_be_somebody_else() {
        let theirs = Keychain::unlocked(User::Nobody).await?;
        let look = theirs.command("cat").arg(folder.join("willcall.db")).output()?;
        assert!(!look.status.success(), "the folder is its owner's alone");
        let stolen = theirs.home().join("stolen");
        copy(&folder, &stolen)?;
        theirs.take(&stolen)?;
        let (answer, output) = run(theirs.command(&program), &stolen, &["status"])?;
        assert!(!output.status.success() && answer["code"] == "unavailable", "{answer}");
    }
    // The same with the owner's rights and another keychain: another machine.
    let other = Keychain::unlocked(User::Me).await?;
    copy(&folder, &copied.path().join("stolen"))?;
    let (answer, output) = run(other.command(&program), &copied.path().join("stolen"), &["status"])?;
    assert!(!output.status.success() && answer["code"] == "unavailable", "{answer}");

    // Its owner goes on.
    done(mine.command(&program), &folder, &["sell", "Stalls", "--pay", "cash:32.00"])?;
    assert_eq!(done(mine.command(&program), &folder, &["journal", "verify"])?["ok"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_put_back_as_a_whole_is_found_out_by_the_mark_in_the_keychain() -> anyhow::Result<()> {
    let (premises, seeded) = Premises::seeded(crate::PLAN, &[]).await?;
    let (mine, program) = (Keychain::unlocked(User::Me).await?, built::program(PROGRAM)?);
    let folder = mine.home().join("station");
    let token = seeded["organizers"][0]["devices"][0]["token"].as_str().context("a token")?;
    done(mine.command(&program), &folder, &["enrol", &premises.url(), token])?;
    done(mine.command(&program), &folder, &["sync"])?;
    let saved = mine.home().join("saved");
    copy(&folder, &saved)?;
    // The mark follows before the program ends.
    done(mine.command(&program), &folder, &["sell", "Stalls", "--pay", "cash:32.00"])?;
    fs::remove_dir_all(&folder)?;
    copy(&saved, &folder)?;
    let status = done(mine.command(&program), &folder, &["status"])?;
    assert_eq!(status["standing"]["doubt"], "behind", "mirror and mark came back with the folder: {status}");
    assert!(status["standing"]["missing"].as_u64() > Some(0), "{status}");
    let (answer, output) = run(mine.command(&program), &folder, &["sell", "Stalls", "--pay", "cash:32.00"])?;
    assert_eq!((output.status.code(), &answer["code"]), (Some(2), &Value::from("in-doubt")), "{answer}");
    Ok(())
}
