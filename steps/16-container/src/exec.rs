//! `exec`: one more program in a container that runs, confined as the first.
//!
//! The one who enters is what the container can attack. It has files of the
//! host open, and is itself a file of the host: `/proc/PID/exe`. So it is not
//! *dumpable*, and nobody in there may look at it, until it has become the
//! program (CVE-2016-9962, CVE-2019-5736).

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid};
use process::{Call, Environment, Error, Hint, Result};

use crate::attend::Owner;
use crate::confine::{self, Limits};
use crate::front::{self, Front};
use crate::group::{Place, is_frozen};
use crate::options::ProcessOptions;
use crate::record::Record;
use crate::store::{Entry, Store};
use crate::streams::{Caller, Inside, StreamOptions};
use crate::{inside, own_binary};

/// One more program.
#[derive(Debug, clap::Args)]
pub struct ExecOptions {
    /// Leave it in the background. What it writes nobody keeps
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    streams: StreamOptions,
    #[command(flatten)]
    environment: chroot::EnvironmentOptions,
    #[command(flatten)]
    process: ProcessOptions,
    /// The container, by name, id, or the beginning of an id
    container: String,
    #[command(flatten)]
    command: process::Command,
}

/// Runs it; gives its exit code.
pub fn exec(store: &Store, options: &ExecOptions) -> Result<u8> {
    options.streams.check(options.detach)?;
    let entry = store.find(&options.container)?;
    entry.command()?;
    own_binary::protect_from(entry.record.pid)?;
    let tty = options.streams.tty;
    match options.detach || tty {
        false => own(options, &entry, None),
        true => front::start(tty, |front| own(options, &entry, Some(front))),
    }
}

fn own(
    options: &ExecOptions,
    entry: &Entry,
    front: Option<Front>,
) -> Result<u8> {
    let container = entry.command()?;
    if is_frozen(&entry.record.groups) {
        return Err(Error::new("the container is paused")
            .with_hint("`unpause` lets it go on"));
    }
    let record = &entry.record;
    // What leads into its groups is opened out here: inside it is read-only.
    let doors = record.groups.iter().map(Place::door);
    let doors = doors.collect::<Result<Vec<_>>>()?;
    let limits = confine::limits_of(record.pid)?;
    let caller = if options.detach { Caller::Leaves } else { Caller::Lends };
    let (inside, mut streams) = options.streams.make(caller)?;
    inside.give_to(root_of(record.pid)?)?;

    jail::close_inherited_files()?; // while /proc is the host's
    prctl::set_dumpable(false).call("prctl(PR_SET_DUMPABLE, 0)")?;
    setns(&container, namespaces(record))
        .call("setns(pidfd, all namespaces)")
        .hint(Errno::EPERM, "the container belongs to somebody else")
        .hint(Errno::ESRCH, "the container has ended")?;
    // Of the namespaces, that of pids is for children.
    let child = pid::spawn(CloneFlags::empty(), |parent| {
        let entered = (&doors[..], &limits);
        let Err(error) = child(options, record, entered, &inside, parent);
        inside.failed(&error);
        Err(error)
    })?;
    drop((inside, doors));
    streams.take_made()?;
    let is_left = options.detach && streams.wait_until_started()?.is_none();
    let front = match front {
        Some(front) if is_left => front.let_go().map(|()| None)?,
        front => front, // It waits with us.
    };
    Owner::new(&child, streams, None, front, !options.detach)?.wait()
}

/// Who is root in there, as we know him.
fn root_of(pid: i32) -> Result<(Uid, Gid)> {
    let outside = |file| -> Result<u32> {
        Ok(user::Map::of(pid, file)?.outside_of(0).unwrap_or(u32::MAX))
    };
    let (user, group) = (outside("uid_map")?, outside("gid_map")?);
    Ok((Uid::from_raw(user), Gid::from_raw(group)))
}

/// Those that the container has for itself.
fn namespaces(record: &Record) -> CloneFlags {
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWCGROUP;
    match record.network.as_str() {
        "host" => all,
        _ => all | CloneFlags::CLONE_NEWNET,
    }
}

/// In the new process: the recipe of `inside`, without what is there already.
fn child(
    options: &ExecOptions,
    record: &Record,
    (doors, limits): (&[File], &Limits),
    streams: &Inside,
    parent: pid::Parent,
) -> Result<Infallible> {
    for mut door in doors {
        door.write_all(b"0").call("write(cgroup.procs, 0)").hint(
            Errno::EBUSY,
            "the container has made groups of its own, and no process may be \
             above them",
        )?;
    }
    user::become_root()?;
    limits.take()?; // whatever the caller's are
    let user = inside::user_of(&options.process)?;
    streams.enter((user.uid, user.gid))?;
    inside::change_directory(&options.process.workdir)?;
    // From here on there is only less: 11-capabilities, 12-seccomp, 13-lsm.
    confine::drop_capabilities()?;
    jail::forbid_new_privileges()?;

    let own = options.environment.environment(&user.home);
    let environment = completed_by(own, record);
    confine::become_user(&user)?;
    pid::die_with(parent)?; // the change of user would undo it
    process::exec(&options.command, &environment)
}

/// What the first program was given, unless this one is given otherwise.
fn completed_by(mut own: Environment, record: &Record) -> Environment {
    let is_usual = own
        .get(&OsString::from("PATH"))
        .is_some_and(|path| path.as_os_str() == process::DEFAULT_PATH);
    for (name, value) in &record.environment {
        match own.entry(name.into()) {
            std::collections::btree_map::Entry::Occupied(mut own)
                if name == "PATH" && is_usual =>
            {
                own.insert(value.into());
            }
            own => drop(own.or_insert_with(|| value.into())),
        }
    }
    own
}
