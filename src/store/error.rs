//! Why the store could not be opened, and why something in it could not be read.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store can't be opened. Each is meant for the operator: it names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file can't be made.
    #[error("can't create {path}: {source}; check store.path and the rights of its folder")]
    Create {
        /// What was to be made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path names no file.
    #[error("store.path {path:?} names no file; give it one, such as \"data/copresence.db\"")]
    NoFile {
        /// The path as it was given.
        path: PathBuf,
    },
    /// Another process has the store.
    #[error("another process holds {path}; stop it, or give this one a store.path of its own")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The folder is on a file system where neither locks nor synced writes can be trusted.
    #[error("{path} is on a network file system ({kind}), where a log is not safe; put store.path on a local disk")]
    NetworkFileSystem {
        /// The folder.
        path: PathBuf,
        /// The file system's type.
        kind: String,
    },
    /// The file was written by a newer version.
    #[error(
        "{path} has schema version {found}, this program knows {known}; run the version that wrote it, or a newer one"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The file was written by an older version, and whoever asks may not change it.
    #[error("{path} has schema version {found}, this program reads {known}; start the server once, which brings it up")]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The version known here.
        known: usize,
    },
    /// The file is a database, but not ours.
    #[error("{path} is a database of another program; give store.path another name")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The file is no database, or a broken one.
    #[error("{path} is damaged ({what}); move it away and restore a copy of it")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What gave it away.
        what: String,
    },
    /// The file at the path is no longer the one that was opened.
    #[error("{path} was replaced while it was in use; restart the server")]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// The system refused something else.
    #[error("can't use {path}: {source}; check the disk and the rights of the file")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `SQLite` refused something else.
    #[error("can't use {path}: {source}; check the disk and the rights of the file")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What `SQLite` said.
        source: rusqlite::Error,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Sorts an error of `SQLite` about the database at `path`.
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, what: source.to_string() }
            }
            _ => Self::Sqlite { path, source },
        }
    }

    /// An error of the system about the file at `path`.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is stored is not what was written.
    #[error("the entry at offset {offset} is damaged")]
    Damaged {
        /// Where in the log; 0 for the log's own row.
        offset: u64,
    },
    /// `SQLite` refused.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for ReadError {
    /// A value that is not what its column holds is one row's damage, and no refusal of the file.
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        match error {
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => {
                Self::Damaged { offset: 0 }
            }
            error => Self::Sqlite(error),
        }
    }
}
