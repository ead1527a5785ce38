//! `02-jail ROOTFS COMMAND`: a program with another root directory, and
//! without the means to leave it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::unistd::Pid;
use process::Result;

/// Run a command with ROOTFS as its root directory, as an unprivileged user
/// with no way to more rights. It still sees the host's processes, network,
/// names and mounts.
#[derive(Debug, clap::Parser)]
#[command(name = "02-jail", version)]
struct Options {
    #[command(flatten)]
    environment: chroot::EnvironmentOptions,
    #[command(flatten)]
    user: jail::UserOptions,
    #[command(flatten)]
    capabilities: jail::CapabilityOptions,
    #[command(flatten)]
    limits: jail::LimitOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
    #[command(flatten)]
    command: process::Command,
}

fn main() -> ExitCode {
    process::main(run)
}

/// Outside: start the command, wait for it, exit as it did.
fn run(options: &Options) -> Result<u8> {
    process::spawn(|parent| child(options, parent))?.wait()
}

/// In the new process: give up, in this order, all that leads out.
fn child(options: &Options, parent: Pid) -> Result<Infallible> {
    let keep = options.capabilities.keep();

    jail::close_inherited_files()?; // while /proc is in reach
    jail::set_limits(&options.limits)?; // while root may still raise some
    jail::enter(&options.rootfs)?; // takes CAP_SYS_CHROOT
    let user = options.user.find()?; // by the names that hold inside
    jail::bound_capabilities(&keep)?; // takes CAP_SETPCAP
    jail::become_user(&user)?; // takes CAP_SETUID; none is effective after it
    jail::keep_capabilities(&keep)?; // what is still permitted
    jail::forbid_new_privileges()?; // from here on there is only less
    process::die_with(parent)?; // the change of user would undo it

    let environment = options.environment.environment(&user.home);
    process::exec(&options.command, &environment)
}
