//! Files that only their owner may read; above all the token key that is made on the first start and
//! kept beside the database.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use tower_customer_auth::Secret;
use zeroize::Zeroizing;

use crate::random;

/// No secret is longer; a larger file is some other file.
const MAX_LEN: u64 = 4096;

/// A secret file that can't be made or must not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    #[error("the secret file {} can't be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the secret file {} can't be made", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[cfg(unix)]
    #[error("the secret file {} is open to other users, make it yours alone: chmod 600", path.display())]
    OpenToOthers { path: PathBuf },
    #[error("{} is no secret file, it has more than {MAX_LEN} bytes", path.display())]
    TooLong { path: PathBuf },
}

/// Returns the secret kept beside `database`, and makes it first if there is none.
pub(crate) fn load_or_create(database: &Path) -> Result<Secret, SecretFileError> {
    let path = with_suffix(database, ".secret");
    if let Some(secret) = load(&path)? {
        return Ok(secret);
    }
    match create(&path) {
        Ok(secret) => Ok(secret),
        // Another process was faster. Its secret is the one that stays.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            load(&path)?.ok_or(SecretFileError::Unwritable { path, source: error })
        }
        Err(source) => Err(SecretFileError::Unwritable { path, source }),
    }
}

/// A secret for a run that keeps nothing, as the text of 32 random bytes.
pub(crate) fn fresh() -> io::Result<Secret> {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(random::bytes()?);
    Ok(random::hex(&*bytes).into())
}

/// Reads a secret, without white space around it; `None` where there is no such file.
pub(crate) fn load(path: &Path) -> Result<Option<Secret>, SecretFileError> {
    let unreadable = |source| SecretFileError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Asked of the open file, so that nobody can exchange it in between.
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(SecretFileError::OpenToOthers { path: path.to_owned() });
        }
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_LEN + 1).read_to_end(&mut text).map_err(unreadable)?;
    // Cut off, it would make another key than the file does once it is read as a whole.
    if text.len() as u64 > MAX_LEN {
        return Err(SecretFileError::TooLong { path: path.to_owned() });
    }
    Ok(Some(text.trim_ascii().into()))
}

/// Writes the secret under a name of its own first and links it to the real one when it is whole:
/// the real name never stands for half a secret, nor replaces one that is there already.
fn create(path: &Path) -> io::Result<Secret> {
    let secret = fresh()?;
    let suffix = random::hex(&random::bytes::<8>()?);
    let draft = with_suffix(path, &format!(".{suffix}"));
    let linked = write_private(&draft, secret.expose()).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    linked.and(removed)?;
    sync_directory_of(path)?;
    Ok(secret)
}

fn write_private(path: &Path, secret: &[u8]) -> io::Result<()> {
    let mut file = private().open(path)?;
    file.write_all(secret)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Options that make a new file which nobody else can read, not even for a moment.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Makes the file's *name* durable: losing the secret would log every customer out.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(suffix);
    name.into()
}
