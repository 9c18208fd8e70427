//! Where the file lies: its folder, its lock, and whether the disk below can be trusted.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// File systems over a network: a lock on one machine says nothing to the other, and a sync may not reach a disk.
const NETWORK_FILE_SYSTEMS: [&str; 20] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.ceph",
    "fuse.cifs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb2",
    "smb3",
    "smbfs",
];

/// The files of a store, in a folder that exists.
#[derive(Debug)]
pub(super) struct Place {
    /// The database itself, without symbolic links: two names of one file share one lock.
    pub(super) database: PathBuf,
    /// The boot id beside it.
    pub(super) boot: PathBuf,
    /// Held for the life of the process; dropping it lets the next one in.
    pub(super) lock: File,
}

impl Place {
    /// Makes the folder of `path`, takes the lock, and makes an empty file where there is none.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let name = path.file_name().ok_or_else(|| StoreError::NoFile { path: path.to_owned() })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|source| StoreError::Create { path: folder.to_owned(), source })?;
        let database = match fs::canonicalize(path) {
            Ok(database) => database,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::canonicalize(folder).map_err(|source| StoreError::io(folder, source))?.join(name)
            }
            Err(source) => return Err(StoreError::io(path, source)),
        };
        let folder = database.parent().unwrap_or(Path::new("/"));
        refuse_network_file_system(folder)?;
        let lock = lock(&beside(&database, "lock"))?;
        let create = |source| StoreError::Create { path: database.clone(), source };
        private().create(true).append(true).open(&database).map_err(create)?;
        Ok(Self { boot: beside(&database, "boot"), database, lock })
    }
}

/// Options for a file that only its owner may read: the store holds the key that signs guests.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// `database` with one more ending, such as `copresence.db.lock`.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".");
    name.push(ending);
    name.into()
}

/// The lock is the system's and ends with the process, however that ends; the file stays, for removing it would let two
/// processes lock two files of one name.
fn lock(path: &Path) -> Result<File, StoreError> {
    let create = |source| StoreError::Create { path: path.to_owned(), source };
    let file = private().create(true).truncate(false).write(true).open(path).map_err(create)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::io(path, source)),
    }
}

/// Where the system doesn't say what is mounted, we go on.
fn refuse_network_file_system(folder: &Path) -> Result<(), StoreError> {
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    match file_system_of(folder, &mounts) {
        Some(kind) if NETWORK_FILE_SYSTEMS.contains(&kind) => {
            Err(StoreError::NetworkFileSystem { path: folder.to_owned(), kind: kind.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The type of the file system that holds `folder`, by the lines of `/proc/self/mountinfo`: the longest mount point above
/// it counts, of two equal ones the later, which hides the other.
fn file_system_of<'a>(folder: &Path, mounts: &'a str) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        let point = unescape(mount.split(' ').nth(4)?);
        folder.starts_with(&point).then_some((point.len(), rest.split(' ').next()?))
    });
    mounts.max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

/// Spaces and the like stand as `\040` in a mount point.
fn unescape(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = rest.get(1..4).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(code) if byte == b'\\' => {
                plain.push(code);
                rest = &rest[4..];
            }
            _ => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
        30 27 0:30 / /srv/shared rw - nfs4 box:/x rw\n\
        31 27 0:31 / /srv/shared/local rw shared:1 - ext4 /dev/vdb rw\n\
        32 27 0:32 / /srv/two\\040words rw - cifs //box/y rw\n\
        33 27 0:33 / /srv/over rw - nfs box:/z rw\n\
        34 27 0:34 / /srv/over rw - tmpfs none rw\n";

    #[test]
    fn the_nearest_mount_point_says_what_a_folder_is_on() {
        let kind = |folder: &str| file_system_of(Path::new(folder), MOUNTS);
        assert_eq!(kind("/srv/data"), Some("ext4"));
        assert_eq!(kind("/srv/shared/data"), Some("nfs4"));
        assert_eq!(kind("/srv/shared2"), Some("ext4"), "a name that only begins alike is elsewhere");
        assert_eq!(kind("/srv/shared/local/data"), Some("ext4"));
        assert_eq!(kind("/srv/two words"), Some("cifs"));
        assert_eq!(kind("/srv/over"), Some("tmpfs"), "the later mount hides the earlier");
    }

    #[test]
    fn a_path_that_names_no_file_is_told_so() {
        assert!(matches!(Place::take(Path::new("..")), Err(StoreError::NoFile { .. })));
    }

    #[test]
    fn folders_are_made_and_one_file_has_one_lock_under_all_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/copresence.db");
        let place = Place::take(&path).unwrap();
        let link = dir.path().join("link.db");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(matches!(Place::take(&link), Err(StoreError::Locked { .. })));
            let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap());
            assert_eq!(mode & 0o077, 0, "others can read the store");
        }
        let error = Place::take(&path).unwrap_err().to_string();
        assert!(error.contains("copresence.db.lock"), "{error}");
        drop(place);
        Place::take(&path).unwrap();
    }
}
