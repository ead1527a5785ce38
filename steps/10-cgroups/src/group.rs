//! A group for one container: made, filled, removed.
//!
//! It is two directories. The upper one has the limits. In the lower one,
//! `inside`, are the processes, and it is the top of what they see. So who
//! may write to all that he sees, and who can mount it anew, still reaches
//! none of the limits.

use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid, chown, getpid, write as write_to};
use process::{Call, Error, Hint, Result};

use crate::hierarchy::{Hierarchy, Version, hierarchies};
use crate::limit::{Limit, Setting};
use crate::options::{Enabled, GroupOptions};
use crate::write::write;
use crate::{devices, kill, memory, priority, sweep, systemd, v1, v2};

/// The name of the directory with the processes.
pub const INSIDE: &str = "inside";

/// What the name of the other begins with; 12 hexadecimal digits follow.
pub(crate) const PREFIX: &str = "workshop-";

/// The group of a container, one in each hierarchy. Dropped, it is gone.
#[derive(Debug, Default)]
pub struct Group {
    places: Vec<Place>,
    /// That of version 2, in which the container is born.
    born_in: Option<File>,
    /// By which a process puts itself where the container's are: opened while
    /// the groups are the tool's, since they may be given away.
    doors: Vec<(PathBuf, File)>,
}

/// A directory of the group, and the hierarchy that it is in.
#[derive(Debug)]
struct Place {
    hierarchy: Hierarchy,
    path: PathBuf,
    /// Held while this process lives: by that others know that the group is
    /// in use. The kernel lets go of it whatever happens, where a file with
    /// the number of a process would be left behind.
    _lock: Flock<File>,
}

impl Group {
    /// Makes a group, and sets the limits.
    pub fn create(options: &GroupOptions) -> Result<Self> {
        let limits = options.limits()?;
        if options.cgroups == Enabled::Disabled {
            return Self::none(options);
        }
        let name = format!("{PREFIX}{}", random_name()?);
        if options.cgroup_parent.is_none() {
            systemd::enter_scope(&name, options.weight())?;
        }
        let hierarchies = hierarchies()?;
        if hierarchies.is_empty() {
            return Err(Error::new("no hierarchy of groups is mounted")
                .with_hint("mount -t cgroup2 none /sys/fs/cgroup"));
        }
        let mut group = Self::default();
        let luck = std::process::id() as usize;
        for hierarchy in hierarchies {
            let parent = match &options.cgroup_parent {
                Some(path) => below(&hierarchy.top, path),
                None => systemd::above_leaf(&hierarchy.own),
            };
            match hierarchy.version {
                _ if group.places.is_empty() => sweep::sweep(&parent, luck)?,
                Version::V2 => sweep::sweep_alone(&parent, luck)?,
                Version::V1 => {}
            }
            group.add(hierarchy, &parent, &name)?;
        }
        for limit in &limits {
            group.set(limit)?;
        }
        // Before there are groups below, which version 1 would not change.
        devices::restrict(&group, &options.devices)?;
        group.make_inside()?;
        for (place, setting) in limits.iter().filter_map(|l| group.find(l)) {
            place.set_inside(&setting)?;
        }
        Ok(group)
    }

    /// No group at all, which limits nothing.
    pub fn none(options: &GroupOptions) -> Result<Self> {
        let limits = options.limits()?;
        let others = [
            (options.cgroup_parent.is_some(), "--cgroup-parent"),
            (options.writable_cgroups, "--writable-cgroups"),
        ];
        let others = others.into_iter().filter(|(is, _)| *is);
        let mut all = limits.iter().map(Limit::option);
        match all.next().or(others.map(|(_, option)| option).next()) {
            None => Ok(Self::default()),
            Some(option) => Err(Error::new(format_args!(
                "{option} takes a group, and --cgroups is disabled"
            ))
            .with_hint("leave out one of the two")),
        }
    }

    /// Makes the upper directory in one hierarchy.
    fn add(
        &mut self,
        hierarchy: Hierarchy,
        parent: &Path,
        name: &str,
    ) -> Result<()> {
        if hierarchy.version == Version::V2 {
            v2::hand_on(parent)?;
        }
        let path = parent.join(name);
        let lock = make_and_lock(&path)?;
        let place = Place { hierarchy, path, _lock: lock };
        let result = place.fill(parent, &place.path);
        self.places.push(place); // To be removed, whatever the result.
        result
    }

    /// Makes the lower directory in each.
    fn make_inside(&mut self) -> Result<()> {
        for place in &self.places {
            let inside = place.path.join(INSIDE);
            match place.hierarchy.version {
                Version::V1 => {
                    make(&inside)?;
                    place.fill(&place.path, &inside)?;
                }
                Version::V2 => {
                    v2::hand_on(&place.path)?;
                    make(&inside)?;
                    self.born_in = Some(open(&inside)?);
                }
            }
            let door = inside.join(door_of(place.hierarchy.version));
            let file = File::options().write(true).open(&door);
            let file = file.call(format_args!("open({door:?}, O_WRONLY)"))?;
            self.doors.push((door, file));
        }
        Ok(())
    }

    /// Writes it to its file. For one of them version 2 has a program instead.
    fn set(&self, limit: &Limit) -> Result<()> {
        match (self.find(limit), limit, self.unified()) {
            (Some((place, setting)), ..) => {
                limit.check(&setting)?;
                place.set(limit, &setting)
            }
            (None, Limit::NetPriority(interface, number), Some(group)) => {
                priority::set(group, interface, *number)
            }
            _ => Err(no_controller(limit)),
        }
    }

    /// Where the controller of this limit is, and what to write there.
    fn find(&self, limit: &Limit) -> Option<(&Place, Setting)> {
        self.places.iter().find_map(|place| {
            let setting = match place.hierarchy.version {
                Version::V1 => v1::file(limit),
                Version::V2 => v2::file(limit),
            }?;
            let has = place.hierarchy.has(setting.controller);
            has.then_some((place, setting))
        })
    }

    /// The directory that the container is to be born in, if the machine has
    /// version 2: so no instruction of it runs outside.
    pub fn to_be_born_in(&self) -> Option<BorrowedFd<'_>> {
        self.born_in.as_ref().map(AsFd::as_fd)
    }

    /// What others call it: `Running::find` knows it by that.
    pub fn name(&self) -> Option<&str> {
        let path = &self.places.first()?.path;
        path.file_name()?.to_str()
    }

    /// Puts the calling process into each group that it was not born in: what
    /// it starts before that stays outside.
    ///
    /// No other process does it. Before one is moved, the kernel has to know
    /// that it neither forks nor executes meanwhile, and for that waits until
    /// no processor may be in the middle of it: milliseconds. Who moves itself,
    /// and has one thread, does neither.
    pub fn enter(&self) -> Result<()> {
        for (path, door) in &self.doors {
            if is_inside(path)? {
                continue;
            }
            // 0 is whoever writes it.
            write_to(door, b"0")
                .call(format_args!("write({path:?}, 0)"))
                .hint(
                    Errno::ENOSPC,
                    "the group has no CPUs or no memory nodes yet: give the \
                     group above some, by its cpuset.cpus and cpuset.mems",
                )?;
        }
        Ok(())
    }

    /// Gives the lower directories to the root of the container, if it is to
    /// make groups of its own. The limits stay out of its reach, above.
    pub fn delegate(
        &self,
        options: &GroupOptions,
        (user, group): (Uid, Gid),
    ) -> Result<()> {
        if !options.writable_cgroups {
            return Ok(());
        }
        for place in &self.places {
            let inside = place.path.join(INSIDE);
            // What cgroups(7), "Delegating a hierarchy", names; version 1 has
            // the first two and `tasks`.
            for file in [
                ".",
                "cgroup.procs",
                "tasks",
                "cgroup.threads",
                "cgroup.subtree_control",
            ] {
                let path = inside.join(file);
                match chown(&path, Some(user), Some(group)) {
                    Err(Errno::ENOENT) => {} // It is of the other version.
                    result => result.call(format_args!("chown({path:?})"))?,
                }
            }
        }
        Ok(())
    }

    /// Says on standard error what the kernel has killed for want of memory.
    /// That a command was killed, its exit code tells; by whom, nothing does.
    pub fn report_out_of_memory(&self) -> Result<()> {
        match self.directory("memory") {
            Some((version, path)) => memory::report(version, path),
            None => Ok(()),
        }
    }

    /// Its upper directory in each hierarchy.
    pub fn directories(&self) -> impl Iterator<Item = (&Hierarchy, &Path)> {
        self.places.iter().map(|place| (&place.hierarchy, &*place.path))
    }

    /// Kills who is left, and removes the group with all that is below it.
    pub fn remove(mut self) -> Result<()> {
        self.take_down()
    }

    fn take_down(&mut self) -> Result<()> {
        while let Some(place) = self.places.pop() {
            kill::remove(&place.path)?;
        }
        Ok(())
    }

    /// The version and the upper directory of the tree with this controller.
    pub(crate) fn directory(
        &self,
        controller: &str,
    ) -> Option<(Version, &Path)> {
        let mut places = self.places.iter();
        let place = places.find(|p| p.hierarchy.has(controller))?;
        Some((place.hierarchy.version, &place.path))
    }

    /// The upper directory of version 2.
    pub(crate) fn unified(&self) -> Option<&Path> {
        let mut places = self.places.iter();
        let is_v2 = |place: &&Place| place.hierarchy.version == Version::V2;
        places.find(is_v2).map(|place| &*place.path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // An error is being reported already; what is left the next start
        // removes, or `workshop clean`.
        let _ = self.take_down();
    }
}

impl Place {
    /// A new group of version 1 lacks CPUs.
    fn fill(&self, parent: &Path, group: &Path) -> Result<()> {
        let is_v1 = self.hierarchy.version == Version::V1;
        match is_v1 && self.hierarchy.has("cpuset") {
            true => v1::fill_cpuset(parent, group),
            false => Ok(()),
        }
    }

    fn set(&self, limit: &Limit, setting: &Setting) -> Result<()> {
        let Setting { file, value, .. } = setting;
        write(&self.path, file, value)?;
        match (self.hierarchy.version, limit) {
            (Version::V2, Limit::CpusetCpus(list)) => self.must_have_cpus(list),
            _ => Ok(()),
        }
    }

    /// Again where the processes are, if it does not hold from above.
    fn set_inside(&self, setting: &Setting) -> Result<()> {
        let Setting { controller, file, value } = setting;
        match self.hierarchy.version {
            Version::V1 if !v1::is_inherited(controller) => {
                write(&self.path.join(INSIDE), file, value)
            }
            Version::V1 | Version::V2 => Ok(()),
        }
    }

    /// Version 2 takes any list, and ignores what the group above lacks.
    fn must_have_cpus(&self, asked: &str) -> Result<()> {
        let file = self.path.join("cpuset.cpus.effective");
        let has =
            fs::read_to_string(&file).call(format_args!("read({file:?})"))?;
        let file = self.path.join("cpuset.cpus");
        let set =
            fs::read_to_string(&file).call(format_args!("read({file:?})"))?;
        match has == set {
            true => Ok(()),
            false => Err(Error::new(format_args!(
                "cpuset: cpuset.cpus: {asked}: the group has the CPUs {}",
                has.trim()
            ))
            .with_hint("the others are not in this machine, or not for us")),
        }
    }
}

/// Names the files in which it would be, had the machine their controllers.
fn no_controller(limit: &Limit) -> Error {
    let name = |setting: Option<Setting>| match setting {
        Some(s) => format!("{} of the controller {}", s.file, s.controller),
        None => "no file at all".into(),
    };
    let (one, two) = (name(v1::file(limit)), name(v2::file(limit)));
    Error::new(format_args!(
        "{}: no group here can be limited so: it takes {two} in version 2, \
         {one} in version 1",
        limit.option()
    ))
    .with_hint(match limit {
        Limit::NetClass(_) => {
            "version 2 has no classes: nftables asks for the group itself, \
             `socket cgroupv2 level 1 GROUP`, which --cgroup-parent names"
        }
        _ => {
            "`cargo workshop doctor` says which controllers there are; a \
             kernel may lack one, and the group above may not hand it on"
        }
    })
}

/// `path` in the hierarchy that is mounted at `top`.
fn below(top: &Path, path: &Path) -> PathBuf {
    top.join(path.strip_prefix("/").unwrap_or(path))
}

fn make(path: &Path) -> Result<()> {
    DirBuilder::new()
        .create(path)
        .call(format_args!("mkdir({path:?})"))
        .hint(Errno::ENOENT, "--cgroup-parent names a group that is there")
        .hint(
            Errno::EROFS,
            "the groups are read-only here, as in a container: --cgroups \
             disabled goes without one",
        )
        .hint(
            Errno::EACCES,
            "the group above belongs to somebody else: it must be delegated \
             to you, which `systemd-run --user --scope -p Delegate=yes \
             COMMAND` does, or run it as root; --cgroups disabled goes \
             without a group",
        )
        .hint(Errno::EAGAIN, "cgroup.max.descendants of a group above")
        .hint(
            Errno::ENOMEM,
            "--memory is less than what a group itself takes: 6m suffices",
        )
}

fn open(path: &Path) -> Result<File> {
    File::open(path).call(format_args!("open({path:?})"))
}

/// The file that moves whoever writes 0 to it. In version 1 it is that which
/// moves one thread.
pub fn door_of(version: Version) -> &'static str {
    match version {
        Version::V1 => "tasks",
        Version::V2 => "cgroup.procs",
    }
}

/// Whether the calling process is among those of this file: it may have been
/// born there.
fn is_inside(file: &Path) -> Result<bool> {
    let numbers =
        fs::read_to_string(file).call(format_args!("read({file:?})"))?;
    Ok(numbers.lines().any(|line| line == getpid().to_string()))
}

/// Makes a group that is in use. Who sweeps locks it first, so between mkdir
/// and flock it may be gone, and is made again.
fn make_and_lock(path: &Path) -> Result<Flock<File>> {
    loop {
        make(path)?;
        let Ok(file) = File::open(path) else { continue };
        let inode = file.metadata().call("fstat(group)")?.ino();
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| errno)
            .call(format_args!("flock({path:?})"))?;
        if fs::metadata(path).is_ok_and(|found| found.ino() == inode) {
            return Ok(lock);
        }
    }
}

/// 12 hexadecimal digits that nobody else has.
fn random_name() -> Result<String> {
    let mut bytes = [0_u8; 6];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .call("read(\"/dev/urandom\")")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
