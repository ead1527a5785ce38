//! In the new process: the recipe of all steps.

use std::convert::Infallible;
use std::path::Path;

use net::Network;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::unistd::{Uid, fchdir};
use process::{Call, Environment, Hint, Result};

use crate::confine;
use crate::layer;
use crate::options::{ProcessOptions, RunOptions};
use crate::streams::Inside;

/// What was decided outside.
pub(crate) struct Plan<'a> {
    pub(crate) options: &'a RunOptions,
    pub(crate) names: &'a uts::NameOptions,
    pub(crate) network: &'a Network,
    pub(crate) mounts: mount::MountOptions,
}

/// Becomes root, leaves the host's files behind, gives up what leads out, and
/// becomes the command.
pub(crate) fn child(
    plan: &Plan,
    streams: &Inside,
    group: &cgroups::Group,
    gate: &user::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let Err(error) = prepare_and_run(plan, streams, group, gate, parent);
    streams.failed(&error);
    Err(error)
}

fn prepare_and_run(
    plan: &Plan,
    streams: &Inside,
    group: &cgroups::Group,
    gate: &user::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let Plan { options, names, network, mounts } = plan;

    streams.leave_caller()?; // who need not wait until the gate is open
    group.enter()?; // from here on, all that it takes is counted
    // Outside: ids mapped, the cable plugged in, files handed.
    let handed = gate.wait(&parent)?;
    user::become_root()?; // or nothing below would belong to anybody
    network.bring_up()?; // it takes that root
    jail::close_inherited_files()?; // or `mount::enter` would be in vain
    jail::set_limits(&options.limits)?; // while root may still raise some
    let trees = cgroups::unshare()?; // its group: the top of what it sees
    uts::set_names(names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    let sources = user::received(handed, &options.rootfs, mounts)?;
    let (sources, mounts) = layer::put_on(sources, mounts)?; // above ROOTFS
    mount::enter(sources, &mounts)?;
    cgroups::mount_groups(&options.group, &trees)?; // in the /sys that is new

    let user = user_of(&options.process)?; // by the names that hold inside
    streams.enter((user.uid, user.gid))?; // the terminal is one of inside
    change_directory(&options.process.workdir)?;
    // From here on there is only less: 11-capabilities, 12-seccomp, 13-lsm.
    confine::drop_capabilities()?; // all that docker does without
    jail::forbid_new_privileges()?;

    let environment = options.environment.environment(&user.home);
    let init = &options.init;
    // To become another user undoes the wish to die with the parent. So it
    // comes after `become_root`, and once more after `become_user`; but not
    // below an init, with which the kernel ends all that there is.
    let again = match init.is_wanted() {
        true => None,
        false => Some(parent.try_clone()?),
    };
    pid::die_with(parent)?;
    pid::run(init, || {
        confine::become_user(&user)?;
        again.map_or(Ok(()), pid::die_with)?;
        exec(&options.command, &environment)
    })
}

/// As whom the command runs. Root's home is not what its number says.
pub(crate) fn user_of(options: &ProcessOptions) -> Result<jail::User> {
    let mut user = jail::find_user(&options.user)?;
    if user.uid == Uid::from_raw(0) {
        user.home = "/root".into();
    }
    Ok(user)
}

/// Goes there, by directories that lie inside. A path such as
/// `/proc/self/fd/7` may lead to a directory of the host that this process
/// still has open (CVE-2024-21626): the kernel follows no such link here.
pub(crate) fn change_directory(path: &Path) -> Result<()> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let directory = openat2(AT_FDCWD, path, how)
        .call(format_args!("openat2({path:?}, RESOLVE_NO_MAGICLINKS)"))
        .hint(Errno::ENOENT, "the container has no such directory: --workdir")
        .hint(
            Errno::ELOOP,
            "a link in /proc on the way leads to where no path does",
        )?;
    fchdir(&directory).call(format_args!("fchdir({path:?})"))
}

/// Becomes the command.
pub(crate) fn exec(
    words: &[std::ffi::OsString],
    environment: &Environment,
) -> Result<Infallible> {
    let command = process::Command { words: words.to_vec() };
    process::exec(&command, environment)
}
