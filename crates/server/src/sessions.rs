//! Who is logged in: what a browser holds is a number without meaning, never the token, and it is worth nothing once its holder logs
//! out, its time is over, or the token is no longer in the configuration.
//!
//! Sessions outlive the program, because nobody should have to find their token at three in the morning after a restart. They are
//! kept in a file of the data folder that nobody else may read, by digest: who reads it can log in as nobody. Why it is so:
//! `docs/adr/0067-a-session-is-not-the-token.md`. Tests: below, and `tests/it/login.rs`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::time::Timestamp;
use quarterdeck_ledger::hash::from_hex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::auth::{Caller, Token, digest, hex};

/// How long a session lasts, however much it is used: a month, so that a lost laptop is not logged in for ever.
pub const SESSION_MAX: Duration = Duration::from_hours(30 * 24);
/// Sessions of one token: the browsers of a person, or the screens on a wall. The oldest ends for one more.
const SESSIONS_PER_TOKEN_MAX: usize = 32;
/// The file in the data folder.
const FILE: &str = "sessions.json";

type Digest = [u8; 32];

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    token: Digest,
    began: Timestamp,
}

/// The same as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    session: String,
    token: String,
    began: Timestamp,
}

/// All sessions.
pub struct Sessions {
    /// None: nothing is kept.
    file: Option<PathBuf>,
    open: Mutex<BTreeMap<Digest, Session>>,
    /// Held while the file is written, so that an older state never overwrites a newer one.
    writing: tokio::sync::Mutex<()>,
    ended: watch::Sender<u64>,
}

impl Sessions {
    /// Those that are kept in a data folder. What cannot be read is told, and everybody logs in again.
    pub fn kept_in(data: &Path) -> Self {
        let file = data.join(FILE);
        let open = match read(&file) {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(%error, file = %file.display(), "the sessions cannot be read: everybody logs in again");
                BTreeMap::new()
            }
        };
        Self { file: Some(file), ..Self::with(open) }
    }

    /// Those of a program that keeps nothing.
    pub fn forgotten() -> Self {
        Self::with(BTreeMap::new())
    }

    fn with(open: BTreeMap<Digest, Session>) -> Self {
        let (open, writing) = (Mutex::new(open), tokio::sync::Mutex::new(()));
        Self { file: None, open, writing, ended: watch::Sender::new(0) }
    }

    /// Begins one, and gives what the browser is to hold.
    pub async fn begin(self: &Arc<Self>, token: Digest, now: Timestamp) -> Result<String, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let held = hex(&secret);
        {
            let mut open = self.lock();
            open.retain(|_, session| stands(session, now));
            let of_token = open.iter().filter(|(_, session)| session.token == token);
            let mut of_token: Vec<(Timestamp, Digest)> = of_token.map(|(id, session)| (session.began, *id)).collect();
            of_token.sort_unstable();
            for (_, oldest) in of_token.iter().rev().skip(SESSIONS_PER_TOKEN_MAX - 1) {
                open.remove(oldest);
            }
            open.insert(digest(&held), Session { token, began: now });
        }
        self.keep().await;
        Ok(held)
    }

    /// Who holds it, if it stands and their token is still one of these.
    pub fn holder(&self, held: &str, tokens: &[Token], now: Timestamp) -> Option<Caller> {
        let token = self.lock().get(&digest(held)).filter(|session| stands(session, now))?.token;
        tokens.iter().find(|known| known.digest == token).map(Token::caller)
    }

    /// Ends it. Whether there was one.
    pub async fn end(self: &Arc<Self>, held: &str) -> bool {
        let ended = self.lock().remove(&digest(held)).is_some();
        if ended {
            self.ended.send_modify(|count| *count += 1);
            self.keep().await;
        }
        ended
    }

    /// Told whenever one ends before its time.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all of them. A disk that is full keeps nobody out: what could not be written is told, and holds until we stop.
    async fn keep(self: &Arc<Self>) {
        let Some(file) = self.file.clone() else { return };
        let this = Arc::clone(self);
        // In a task of its own: who asked may go away in the middle.
        let kept = tokio::spawn(async move {
            let _one_after_another = this.writing.lock().await;
            let lines: Vec<Written> = this.lock().iter().map(|(id, session)| written(id, session)).collect();
            let path = file.clone();
            let done = tokio::task::spawn_blocking(move || write(&path, &lines)).await;
            (file, done.unwrap_or_else(|error| Err(io::Error::other(error))))
        });
        match kept.await {
            Ok((_, Ok(()))) => {}
            Ok((file, Err(error))) => {
                tracing::error!(%error, file = %file.display(), "sessions are not kept: after a restart they are as they were before");
            }
            Err(error) => tracing::error!(%error, "sessions are not kept"),
        }
    }
}

fn stands(session: &Session, now: Timestamp) -> bool {
    now.since(session.began) < SESSION_MAX
}

fn written(id: &Digest, session: &Session) -> Written {
    Written { session: hex(id), token: hex(&session.token), began: session.began }
}

fn read(file: &Path) -> io::Result<BTreeMap<Digest, Session>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let lines: Vec<Written> = serde_json::from_str(&text)?;
    let session = |line: &Written| {
        let (id, token) = (from_hex(line.session.as_bytes())?, from_hex(line.token.as_bytes())?);
        Some((id, Session { token, began: line.began }))
    };
    let sessions: Option<BTreeMap<Digest, Session>> = lines.iter().map(session).collect();
    sessions.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a digest is not 64 hex digits"))
}

/// All or nothing: beside it first, then in its place.
fn write(file: &Path, lines: &[Written]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    new.write_all(&serde_json::to_vec(lines)?)?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    file.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    fn token(name: &str) -> Token {
        Token { name: name.to_owned(), role: Role::Viewer, person: None, digest: digest(name) }
    }

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000).plus(Duration::from_secs(hours * 3600))
    }

    #[tokio::test]
    async fn a_session_ends_by_logging_out_by_time_and_with_its_token() {
        let sessions = Arc::new(Sessions::forgotten());
        let tokens = [token("ana"), token("bo")];
        let held = sessions.begin(digest("ana"), at(0)).await.unwrap();
        let other = sessions.begin(digest("ana"), at(1)).await.unwrap();
        assert!(held.len() == 64 && held != other);
        let name = |held: &str, tokens: &[Token], now| sessions.holder(held, tokens, now).map(|caller| caller.token);
        assert_eq!(name(&held, &tokens, at(719)).as_deref(), Some("ana"));
        assert_eq!(name(&held, &tokens, at(720)), None, "a month is over");
        assert_eq!(name(&other, &tokens, at(720)).as_deref(), Some("ana"));
        assert_eq!(name(&other, &[token("bo")], at(2)), None, "the token is gone");
        for wrong in ["", "ana", &hex(&digest(&held)), &held.to_uppercase()] {
            assert_eq!(name(wrong, &tokens, at(2)), None, "{wrong}");
        }
        let mut told = sessions.watch();
        told.mark_unchanged();
        assert!(sessions.end(&other).await && !sessions.end(&other).await);
        assert!(told.has_changed().unwrap());
        assert_eq!(name(&other, &tokens, at(2)), None);
        assert_eq!(name(&held, &tokens, at(2)).as_deref(), Some("ana"));
    }

    #[tokio::test]
    async fn one_token_has_only_so_many() {
        let sessions = Arc::new(Sessions::forgotten());
        let tokens = [token("ana"), token("bo")];
        let theirs = sessions.begin(digest("bo"), at(0)).await.unwrap();
        let mut held = Vec::new();
        for hour in 0..40 {
            held.push(sessions.begin(digest("ana"), at(hour)).await.unwrap());
        }
        let standing: Vec<bool> = held.iter().map(|held| sessions.holder(held, &tokens, at(41)).is_some()).collect();
        assert_eq!(standing, [vec![false; 8], vec![true; 32]].concat());
        assert!(sessions.holder(&theirs, &tokens, at(41)).is_some());
    }

    #[tokio::test]
    async fn they_outlive_the_program_and_a_logout_does_too() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let tokens = [token("ana")];
        let sessions = Arc::new(Sessions::kept_in(folder.path()));
        let stays = sessions.begin(digest("ana"), at(0)).await.unwrap();
        let leaves = sessions.begin(digest("ana"), at(0)).await.unwrap();
        sessions.end(&leaves).await;
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&stays) && !text.contains("ana"), "{text}");
        let again = Sessions::kept_in(folder.path());
        assert!(again.holder(&stays, &tokens, at(1)).is_some());
        assert!(again.holder(&leaves, &tokens, at(1)).is_none());
        for damaged in ["[{", "{}", r#"[{"session":"x","token":"y","began":"2026-01-01T00:00:00Z"}]"#] {
            fs::write(&file, damaged).unwrap();
            assert!(Sessions::kept_in(folder.path()).holder(&stays, &tokens, at(1)).is_none());
        }
    }
}
