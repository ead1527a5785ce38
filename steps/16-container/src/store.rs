//! Where the containers are written down: a directory for each, and a link
//! for each name.
//!
//! Nobody looks after it but the commands themselves. What a killed one has
//! left behind is recognised by a life that nobody has, and the next command
//! that lists the containers removes it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;
use process::{Call, Error, Hint, Result};

use crate::life::{self, Life, Sight, Witness};
use crate::record::{self, Record};
use crate::state::PAUSED;
use crate::{door, id, log};

/// For root.
const OF_ROOT: &str = "/run/workshop/containers";

/// The subdirectory of names.
const NAMES: &str = "names";

/// What there may be in the directory of a container.
const FILES: [&str; 7] = [
    record::FILE,
    record::NEW,
    PAUSED,
    door::FILE,
    log::FILE,
    log::OLD,
    life::FILE,
];

/// How often a name is made up if nobody has asked for one.
const TRIES: usize = 100;

/// All containers of a user.
#[derive(Clone, Debug)]
pub struct Store(pub(crate) PathBuf);

/// One that is written down.
#[derive(Debug)]
pub struct Entry {
    /// Its directory.
    pub path: PathBuf,
    /// What is known of it.
    pub record: Record,
    /// Whether it lives.
    pub witness: Witness,
}

/// The place of a container that is being made. Dropped, it is gone.
#[derive(Debug)]
pub struct Claim {
    pub(crate) store: Store,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) life: Life,
    is_kept: bool,
}

impl Store {
    /// Opens `path`, or the usual one.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let path = path.map_or_else(usual, Path::to_owned);
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path.join(NAMES));
        made.call(format_args!("mkdir({:?})", path.join(NAMES))).hint(
            Errno::EACCES,
            "choose a directory of your own: --state DIR",
        )?;
        must_be_ours(&path)?;
        // In a directory that everybody may write, such as /tmp, the one above
        // could be somebody else's.
        path.parent().map_or(Ok(()), must_be_ours)?;
        Ok(Self(path))
    }

    /// Takes a place for a new container, and begins its life.
    pub fn claim(&self, name: Option<&str>) -> Result<Claim> {
        let (id, path, life) = loop {
            let id = id::new()?;
            let path = self.0.join(&id);
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                    continue;
                }
                made => made.call(format_args!("mkdir({path:?})"))?,
            }
            if let Some(life) = Life::begin(&path)? {
                break (id, path, life);
            }
        };
        let mut claim = Claim {
            store: self.clone(),
            name: String::new(),
            is_kept: false,
            id,
            path,
            life,
        };
        claim.name = self.name(&claim.id, name)?;
        Ok(claim)
    }

    fn name(&self, id: &str, asked: Option<&str>) -> Result<String> {
        if let Some(name) = asked {
            return match self.link(name, id)? {
                true => Ok(name.into()),
                false => Err(Error::new(format_args!(
                    "there is a container named {name:?} already"
                ))
                .with_hint(format_args!("remove it first: rm {name}"))),
            };
        }
        for _ in 0..TRIES {
            let name = id::suggest_name()?;
            if self.link(&name, id)? {
                return Ok(name);
            }
        }
        Err(Error::new("every name is taken")
            .with_hint("give it one of your own: --name"))
    }

    /// Whether the name was free: symlink(2) finds out and takes it at once.
    fn link(&self, name: &str, id: &str) -> Result<bool> {
        let path = self.0.join(NAMES).join(name);
        let link = || match symlink(id, &path) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                Ok(false)
            }
            made => made.call(format_args!("symlink({path:?})")).map(|()| true),
        };
        if link()? {
            return Ok(true);
        }
        let Ok(other) = fs::read_link(&path) else { return link() };
        let other = self.0.join(other);
        if let Some(entry) = Entry::read(&other)?
            && !(entry.record.remove && entry.has_no_owner()?)
        {
            return Ok(false);
        }
        // Whoever had it was killed.
        match self.sweep(&other)? {
            true => {
                remove_file(&path)?;
                link()
            }
            false => Ok(false),
        }
    }

    /// Looks at all containers, one after the other: none is open any longer
    /// than that, for there may be thousands, and a process may have a thousand
    /// files. What has been left by those who were killed is removed on the way.
    pub fn each(
        &self,
        mut look: impl FnMut(Entry, Sight) -> Result<()>,
    ) -> Result<()> {
        let mut is_dirty = false;
        for path in self.directories("")? {
            let Some(entry) = Entry::read(&path)? else {
                is_dirty |= self.sweep(&path)?;
                continue;
            };
            let seen = entry.witness.look()?;
            match entry.record.remove && seen.owner.is_none() {
                true => self.forget(&path, &entry.record.name)?,
                false => look(entry, seen)?,
            }
        }
        match is_dirty {
            true => self.sweep_names(),
            false => Ok(()),
        }
    }

    /// Those of all containers whose id begins so, and of leftovers.
    pub(crate) fn directories(&self, id: &str) -> Result<Vec<PathBuf>> {
        let path = &self.0;
        let entries =
            fs::read_dir(path).call(format_args!("open({path:?})"))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.call(format_args!("getdents({path:?})"))?;
            let name = entry.file_name();
            let begins_so = name.as_bytes().starts_with(id.as_bytes());
            if name != NAMES && begins_so {
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    /// The container of this name, of this id, or of the one id that begins
    /// so.
    pub fn find(&self, word: &str) -> Result<Entry> {
        let named = fs::read_link(self.0.join(NAMES).join(word));
        let id = named.map_or(word.into(), |id| id.display().to_string());
        let is_id = |c: char| c.is_ascii_hexdigit();
        if !id.is_empty() && id.chars().all(is_id) {
            if let Some(entry) = Entry::read(&self.0.join(&id))? {
                return Ok(entry);
            }
            let paths = self.directories(&id)?.into_iter();
            let mut all =
                paths.filter_map(|path| Entry::read(&path).transpose());
            match (all.next(), all.next()) {
                (None, _) => {}
                (Some(only), None) => return only,
                (Some(_), Some(_)) => {
                    return Err(Error::new(format_args!(
                        "several containers have an id that begins with {word}"
                    ))
                    .with_hint("give more of its digits"));
                }
            }
        }
        Err(Error::new(format_args!("there is no container {word:?}"))
            .with_hint("`ps -a` lists them"))
    }

    /// Removes all that is known of a container. Its life must be over, or
    /// the caller's own.
    pub(crate) fn forget(&self, path: &Path, name: &str) -> Result<()> {
        let link = self.0.join(NAMES).join(name);
        // Somebody else may have the name by now, if this one lost it.
        if fs::read_link(&link).ok().as_deref()
            == path.file_name().map(Path::new)
        {
            remove_file(&link)?;
        }
        for file in FILES {
            remove_file(&path.join(file))?;
        }
        match fs::remove_dir(path) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            removed => removed.call(format_args!("rmdir({path:?})")),
        }
    }

    /// Removes the names of those that are no more: a name is given to a
    /// directory that is there.
    fn sweep_names(&self) -> Result<()> {
        let names = self.0.join(NAMES);
        let entries =
            fs::read_dir(&names).call(format_args!("open({names:?})"))?;
        for entry in entries {
            let name = entry.call(format_args!("getdents({names:?})"))?.path();
            let Ok(id) = fs::read_link(&name) else { continue };
            if !self.0.join(id).exists() {
                remove_file(&name)?;
            }
        }
        Ok(())
    }

    /// Removes what is no container, unless one is just being made there;
    /// whether it is gone.
    fn sweep(&self, path: &Path) -> Result<bool> {
        if let Some(witness) = Witness::of(path)?
            && witness.look()?.owner.is_some()
        {
            return Ok(false);
        }
        // It may have come to life since; then it finds its file gone, and
        // begins again elsewhere.
        match self.forget(path, "") {
            Err(error) if error.errno() == Some(Errno::ENOTEMPTY) => Ok(false),
            Err(error) if error.errno() == Some(Errno::ENOTDIR) => Ok(true),
            result => result.map(|()| true),
        }
    }
}

/// A file may be gone already.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        removed => removed.call(format_args!("unlink({path:?})")),
    }
}

impl Entry {
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some(witness) = Witness::of(path)? else { return Ok(None) };
        let record = Record::read(path)?;
        let path = path.to_owned();
        Ok(record.map(|record| Self { path, record, witness }))
    }

    /// Whether nobody waits for its end any more.
    fn has_no_owner(&self) -> Result<bool> {
        self.witness.look().map(|seen| seen.owner.is_none())
    }

    /// Keeps other commands from changing it: they wait.
    pub(crate) fn lock(&self) -> Result<Flock<File>> {
        let path = &self.path;
        let directory =
            File::open(path).call(format_args!("open({path:?})"))?;
        Flock::lock(directory, FlockArg::LockExclusive)
            .map_err(|(_, errno)| errno)
            .call(format_args!("flock({path:?})"))
    }
}

impl Claim {
    /// From now on it stays, until somebody forgets it.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Removes all that is known of it.
    pub(crate) fn forget(&self) -> Result<()> {
        self.store.forget(&self.path, &self.name)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_kept {
            // An error is being reported already.
            let _ = self.forget();
        }
    }
}

/// Nobody else may change what is in there, but root.
fn must_be_ours(path: &Path) -> Result<()> {
    let found = path.metadata().call(format_args!("stat({path:?})"))?;
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    let is_safe = mode & 0o022 == 0 || mode & 0o1000 != 0;
    match (owner == geteuid().as_raw() || owner == 0) && is_safe {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "{path:?} is not yours alone: its owner is {owner}, its mode \
             {mode:04o}"
        ))
        .with_hint("choose a directory of your own: --state DIR")),
    }
}

/// Root's is the machine's. Others have one that goes when they log out, or,
/// if nobody has made it for them, one in the directory of all.
pub(crate) fn usual() -> PathBuf {
    let uid = geteuid();
    if uid.is_root() {
        return OF_ROOT.into();
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(path) => Path::new(&path).join("workshop/containers"),
        None => format!("/tmp/workshop-{uid}/containers").into(),
    }
}
