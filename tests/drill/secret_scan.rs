//! Looks for secrets in a repository: in every version of every file git knows, in its messages, and in the files at
//! hand. Knows how secrets look, not which are allowed (see [`crate::allowed`]).

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub kind: &'static str,
    /// SHA-256 of the text, hex: a report must not spread what it found.
    pub hash: String,
    /// A path, or what git calls the object.
    pub place: String,
}

/// What was looked through.
#[derive(Debug, Default)]
pub struct Scan {
    pub findings: BTreeSet<Finding>,
    pub objects: usize,
    pub bytes: usize,
    /// Files too large to be text anybody wrote.
    pub skipped: usize,
}

const LARGEST: usize = 8 << 20;

/// Scans the history and the files at hand of the repository in `folder`.
///
/// # Errors
/// When git is missing or fails.
pub fn scan(folder: &Path) -> anyhow::Result<Scan> {
    let mut scan = Scan::default();
    let listed = git(folder, &["rev-list", "--objects", "--all", "--reflog"])?;
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for line in String::from_utf8_lossy(&listed).lines() {
        let (hash, place) = line.split_once(' ').unwrap_or((line, ""));
        places.insert(hash.to_owned(), place.to_owned());
    }
    objects(folder, &places, &mut scan)?;
    let files = git(folder, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    for name in files.split(|b| *b == 0).filter(|n| !n.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        let path = folder.join(&name);
        // What is listed and not there has been deleted; its history was looked at above.
        if path.is_file() {
            scan.look(&std::fs::read(&path).with_context(|| name.clone())?, &name);
        }
    }
    Ok(scan)
}

impl Scan {
    fn look(&mut self, bytes: &[u8], place: &str) {
        self.objects += 1;
        if bytes.len() > LARGEST {
            self.skipped += 1;
            return;
        }
        self.bytes += bytes.len();
        for (kind, text) in secrets_in(&String::from_utf8_lossy(bytes)) {
            let hash = hex::encode(Sha256::digest(text.as_bytes()));
            self.findings.insert(Finding { kind, hash, place: place.to_owned() });
        }
    }
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().context("starting git")?;
    ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// All objects by one `git cat-file`, which is asked and read at the same time.
fn objects(folder: &Path, places: &BTreeMap<String, String>, scan: &mut Scan) -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("starting git")?;
    let mut stdin = child.stdin.take().context("git listens")?;
    let wanted: String = places.keys().flat_map(|hash| [hash, "\n"]).collect();
    let asking = std::thread::spawn(move || stdin.write_all(wanted.as_bytes()));
    let mut answers = BufReader::new(child.stdout.take().context("git answers")?);
    let mut head = String::new();
    while {
        head.clear();
        answers.read_line(&mut head)?
    } > 0
    {
        let mut words = head.split_whitespace();
        let (Some(hash), Some(kind), Some(size)) = (words.next(), words.next(), words.next()) else {
            bail!("git answered {head:?}");
        };
        let mut bytes = vec![0; size.parse()?];
        answers.read_exact(&mut bytes)?;
        answers.read_exact(&mut [0])?;
        // Trees are names only, and every name has its object.
        if kind != "tree" {
            let place = places.get(hash).filter(|p| !p.is_empty());
            scan.look(&bytes, &place.map_or_else(|| format!("{kind} {hash}"), |p| format!("{p} ({hash})")));
        }
    }
    match asking.join() {
        Ok(asked) => asked.context("asking git")?,
        Err(_) => bail!("asking git broke off"),
    }
    ensure!(child.wait()?.success(), "git cat-file failed");
    Ok(())
}

/// What in a text looks like a secret, by kind.
pub fn secrets_in(text: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    found.extend(private_keys(text).map(|s| ("private key", s)));
    for (kind, prefix, alphabet, least) in TOKENS {
        found.extend(tokens(text, prefix, *alphabet, *least).map(|s| (*kind, s)));
    }
    found.extend(addresses(text).map(|s| ("password in an address", s)));
    found.extend(text.lines().filter_map(assigned).map(|s| ("secret in an assignment", s)));
    found
}

type Alphabet = fn(char) -> bool;

const WORD: Alphabet = |c| c.is_ascii_alphanumeric() || c == '_';
const DASHED: Alphabet = |c| c.is_ascii_alphanumeric() || c == '_' || c == '-';
const UPPER: Alphabet = |c| c.is_ascii_uppercase() || c.is_ascii_digit();
const PATH: Alphabet = |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');

/// Kind, how it begins, what follows, and how much at least.
const TOKENS: &[(&str, &str, Alphabet, usize)] = &[
    ("cloud key", "AKIA", UPPER, 16),
    ("code host token", "ghp_", WORD, 30),
    ("code host token", "gho_", WORD, 30),
    ("code host token", "ghs_", WORD, 30),
    ("code host token", "github_pat_", WORD, 30),
    ("code host token", "glpat-", DASHED, 20),
    ("chat token", "xoxb-", DASHED, 20),
    ("chat token", "xoxp-", DASHED, 20),
    ("chat webhook", "hooks.slack.com/services/", PATH, 20),
    ("chat webhook", "discord.com/api/webhooks/", PATH, 20),
    ("payment key", "sk_live_", WORD, 16),
    ("payment key", "rk_live_", WORD, 16),
    ("map key", "AIza", DASHED, 35),
    ("our token", "wcd_", WORD, 24),
    ("our token", "wce_", WORD, 24),
    ("our token", "wcs_", WORD, 24),
];

fn tokens(text: &str, prefix: &'static str, alphabet: Alphabet, least: usize) -> impl Iterator<Item = String> {
    text.match_indices(prefix).filter_map(move |(at, _)| {
        let tail: String = text[at + prefix.len()..].chars().take_while(|c| alphabet(*c)).collect();
        let inside_a_word = text[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
        (tail.len() >= least && !inside_a_word && mixed(&tail)).then(|| format!("{prefix}{tail}"))
    })
}

fn private_keys(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("-----BEGIN ").filter_map(|(at, _)| {
        let (kind, rest) = text[at..].strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let body: String = rest
            .chars()
            .take_while(|c| *c != '-')
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
            .collect();
        (kind.ends_with("PRIVATE KEY") && body.len() >= 40).then_some(body)
    })
}

/// `scheme://user:password@host`, but for the placeholders of documentation.
fn addresses(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("://").filter_map(|(at, _)| {
        let rest: String =
            text[at + 3..].chars().take_while(|c| !c.is_whitespace() && *c != '/' && *c != '"').collect();
        let (who, _host) = rest.rsplit_once('@')?;
        let (_, password) = who.split_once(':')?;
        let placeholder = ["password", "pass", "secret", "pw", "geheim"].contains(&password.to_lowercase().as_str())
            || password.contains(['$', '{', '<', '*', '%', '…'])
            || password.len() < 6;
        (!placeholder).then(|| password.to_owned())
    })
}

/// `something_password = "…"`, where the value looks made by a machine.
fn assigned(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let names = ["password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "private_key", "webhook"];
    let at = names.iter().filter_map(|n| lower.find(n).map(|at| at + n.len())).min()?;
    // Lower-casing ASCII keeps the places of bytes.
    let rest = line.get(at..)?.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '"' | '\''));
    let value = rest.trim_start().strip_prefix([':', '='])?.trim_start().strip_prefix(['"', '\''])?;
    let end = value.find(['"', '\''])?;
    let value = &value[..end];
    let random = value.len() >= 20
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-'))
        && mixed(value)
        && entropy_bits(value) >= 3.5;
    random.then(|| value.to_owned())
}

/// Letters and digits both, as names and words have not.
fn mixed(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit()) && text.chars().any(|c| c.is_ascii_alphabetic())
}

/// Shannon's entropy per character.
fn entropy_bits(text: &str) -> f64 {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1.0;
    }
    let n = text.chars().count() as f64;
    counts.values().map(|c| -(c / n) * (c / n).log2()).sum()
}

/// One of each kind, made up now so that this file holds none.
pub fn samples() -> Vec<(&'static str, String)> {
    let random = |n: usize, seed: u32| -> String {
        let letters: Vec<char> = ('A'..='Z').chain('0'..='9').collect();
        let step = |i: usize| (u32::try_from(i).unwrap_or(0) + seed).wrapping_mul(2_654_435_761) >> 16;
        (0..n).map(|i| letters[step(i) as usize % letters.len()]).collect()
    };
    let mut samples: Vec<(&'static str, String)> = TOKENS
        .iter()
        .zip(1..)
        .map(|((kind, prefix, _, least), seed)| (*kind, format!("{prefix}{}", random(*least, seed))))
        .collect();
    let begin = format!("-----BEGIN {} KEY-----", "PRIVATE");
    samples.push(("private key", format!("{begin}\n{}\n{}\n-----END", random(64, 91), random(40, 92))));
    samples.push(("password in an address", format!("postgres://app:{}@db.example/shop", random(12, 93))));
    samples.push(("secret in an assignment", format!("SMTP_{} = \"{}\"", "PASSWORD", random(32, 94))));
    samples
}

/// A repository in whose history one of each kind was committed and deleted again.
///
/// # Errors
/// When git is missing or fails.
pub fn plant(folder: &Path) -> anyhow::Result<()> {
    let commit = |message: &str| {
        git(folder, &["add", "--all"])?;
        let who = ["-c", "user.name=Drill", "-c", "user.email=drill@example.org", "-c", "commit.gpgsign=false"];
        git(folder, &[&who[..], &["commit", "--quiet", "--no-verify", "--message", message]].concat())
    };
    git(folder, &["init", "--quiet"])?;
    let text: String = samples().into_iter().flat_map(|(_, sample)| [sample, "\n".to_owned()]).collect();
    std::fs::write(folder.join("config.txt"), text)?;
    commit("Add the configuration")?;
    std::fs::remove_file(folder.join("config.txt"))?;
    std::fs::write(folder.join("readme.txt"), "Nothing here.\n")?;
    commit("Remove the configuration")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_kind_is_found() {
        for (kind, sample) in samples() {
            let found = secrets_in(&format!("some text\n{sample}\nmore"));
            assert!(found.iter().any(|(k, _)| *k == kind), "{kind} in {sample}: {found:?}");
        }
    }

    #[test]
    fn placeholders_names_and_public_keys_are_none() {
        for text in [
            "smtp://user:password@host:port",
            "postgres://willcall_app@%2Frun/db",
            "let token = \"enrolment_token_of_a_device\";",
            "password_hash: String,",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
            "wcd_<organizer>_<subject>_<secret>",
            "https://host/a:b@c",
        ] {
            assert_eq!(secrets_in(text), [], "{text}");
        }
    }

    #[test]
    fn what_was_committed_and_deleted_again_is_found() {
        let folder = tempfile::tempdir().unwrap();
        plant(folder.path()).unwrap();
        let found = scan(folder.path()).unwrap();
        let kinds: BTreeSet<&str> = found.findings.iter().map(|f| f.kind).collect();
        assert_eq!(kinds, samples().iter().map(|(kind, _)| *kind).collect());
        assert!(!folder.path().join("config.txt").exists(), "it is in the history only");
    }
}
