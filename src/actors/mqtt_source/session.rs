//! What must survive a restart so that the broker keeps our session: the client id, when we were
//! last connected (decision 3), and what we had subscribed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ingest::watchdog::fnv1a_32;

/// Least time between two writes of the file while connected.
const SAVE_EVERY_S: i64 = 10;

/// One source's session file.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
    stored: Stored,
    saved_at_s: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stored {
    client_id: String,
    last_connected_unix: Option<i64>,
    topics: Vec<String>,
}

impl Session {
    /// Reads the file of `tag` in `folder`, or makes a new client id. A `configured_id` wins; when
    /// it differs from the stored one, nothing else of the file is true any more.
    ///
    /// Never fails: an unreadable file is a warning in the log and a new session.
    pub fn open(folder: &Path, tag: &str, configured_id: Option<&str>) -> Self {
        let path = folder.join(format!("{}.json", file_stem(tag)));
        let mut stored = read(&path).unwrap_or_else(|error| {
            tracing::warn!(source = tag, path = %path.display(), %error,
                "the MQTT session file cannot be read: a new session begins, and what the broker \
                 held for the old one is not fetched");
            Stored::default()
        });
        match configured_id {
            Some(id) if id != stored.client_id => {
                stored = Stored { client_id: id.to_owned(), ..Stored::default() };
            }
            None if stored.client_id.is_empty() => stored.client_id = new_client_id(),
            _ => {}
        }
        Self { path, stored, saved_at_s: i64::MIN }
    }

    /// Returns the client id.
    pub fn client_id(&self) -> &str {
        &self.stored.client_id
    }

    /// Returns Unix seconds of the last time that we know to have been connected.
    pub fn last_connected_s(&self) -> Option<i64> {
        self.stored.last_connected_unix
    }

    /// Returns the filters subscribed in this session that are not in `topics`.
    pub fn obsolete_topics(&self, topics: &[String]) -> Vec<String> {
        self.stored.topics.iter().filter(|old| !topics.contains(old)).cloned().collect()
    }

    /// Notes what the broker confirmed.
    pub fn set_topics(&mut self, topics: &[String]) {
        self.stored.topics = topics.to_vec();
        self.saved_at_s = i64::MIN;
    }

    /// Notes that we are connected at `now_s`; writes the file if the last write is old enough.
    ///
    /// # Errors
    /// The file cannot be written; the session goes on without it.
    pub fn touch(&mut self, now_s: i64) -> io::Result<()> {
        self.stored.last_connected_unix = Some(now_s);
        self.save_when_due(now_s)
    }

    /// Writes the file as it is if the last write is old enough.
    ///
    /// # Errors
    /// As [`Session::touch`].
    pub fn save_when_due(&mut self, now_s: i64) -> io::Result<()> {
        if now_s.saturating_sub(self.saved_at_s) < SAVE_EVERY_S {
            return Ok(());
        }
        self.save(now_s)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn save(&mut self, now_s: i64) -> io::Result<()> {
        // Also after a failure, or a full disk would be tried a hundred times a second.
        self.saved_at_s = now_s;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &self.stored)?;
        // A session whose client id a power cut takes away is a session lost.
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Stored> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stored::default()),
        Err(error) => Err(error),
    }
}

/// 23 letters and digits: what every broker must accept (MQTT 3.1.1 §3.1.3.1).
fn new_client_id() -> String {
    format!("corescope{:014x}", rand::random::<u64>() >> 8)
}

/// A tag may be a URL: what a file name cannot hold is replaced, and a hash keeps it unique.
fn file_stem(tag: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !tag.is_empty() && !tag.starts_with('.') && tag.len() <= 64 && tag.chars().all(is_plain) {
        return tag.to_owned();
    }
    let plain: String = tag.chars().map(|c| if is_plain(c) { c } else { '_' }).take(48).collect();
    format!("_{plain}-{:08x}", fnv1a_32(tag.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_id_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Session::open(folder.path(), "local", None);
        assert_eq!((first.client_id().len(), first.last_connected_s()), (23, None));
        first.set_topics(&["a/#".to_owned(), "b".to_owned()]);
        first.touch(1_000).unwrap();
        let again = Session::open(folder.path(), "local", None);
        assert_eq!(again.client_id(), first.client_id());
        assert_eq!(again.last_connected_s(), Some(1_000));
        assert_eq!(again.obsolete_topics(&["b".to_owned()]), ["a/#"]);
        let other = Session::open(folder.path(), "other", None);
        assert_ne!(other.client_id(), first.client_id(), "an id is of one source");
    }

    #[test]
    fn another_configured_id_is_another_session() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = Session::open(folder.path(), "local", Some("mine"));
        session.touch(1_000).unwrap();
        let same = Session::open(folder.path(), "local", Some("mine"));
        assert_eq!((same.client_id(), same.last_connected_s()), ("mine", Some(1_000)));
        let changed = Session::open(folder.path(), "local", Some("yours"));
        assert_eq!((changed.client_id(), changed.last_connected_s()), ("yours", None));
    }

    #[test]
    fn the_file_is_written_at_most_every_ten_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let stored = || Session::open(folder.path(), "local", None).last_connected_s();
        let mut session = Session::open(folder.path(), "local", None);
        session.touch(1_000).unwrap();
        session.touch(1_009).unwrap();
        assert_eq!(stored(), Some(1_000));
        session.touch(1_010).unwrap();
        assert_eq!(stored(), Some(1_010));
        session.touch(1_015).unwrap();
        assert_eq!(stored(), Some(1_010));
        session.save(1_016).unwrap();
        assert_eq!(stored(), Some(1_015), "an ordered write is not put off");
    }

    #[test]
    fn a_torn_file_is_a_new_session_and_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("local.json"), "{\"clientId\": \"x").unwrap();
        let session = Session::open(folder.path(), "local", None);
        assert!(session.client_id().starts_with("corescope"));
    }

    #[test]
    fn tags_become_file_names_of_their_own() {
        assert_eq!(file_stem("local-1"), "local-1");
        let stems = ["mqtt://a/b", "mqtt://a_b", "", "..", "../x", "é"].map(file_stem);
        for stem in &stems {
            assert!(stem.starts_with('_') && !stem.contains('/'), "{stem}");
        }
        let unique: std::collections::BTreeSet<_> = stems.iter().collect();
        assert_eq!(unique.len(), stems.len());
    }
}
