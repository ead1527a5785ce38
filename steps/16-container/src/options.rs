//! What the user asks of a container: by docker's names, each defined in the
//! step that teaches it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, FromArgMatches};
use net::Network;
use nix::unistd::geteuid;
use process::{Error, Result};

use crate::id::parse_name;
use crate::own_binary;
use crate::streams::StreamOptions;

/// A container to be made.
#[derive(Debug, clap::Args)]
#[command(mut_arg("vni", |vni| vni.required(false)))] // Few have tenants.
#[command(mut_arg("hostname", |name| {
    name.help("The host name inside; without it, its id")
}))]
pub struct RunOptions {
    /// Leave it in the background, and print its id
    #[arg(short, long)]
    pub detach: bool,
    #[command(flatten)]
    pub(crate) streams: StreamOptions,
    /// Forget it when it has ended
    #[arg(long)]
    pub rm: bool,
    /// What it is called, beside its id
    #[arg(long, value_parser = parse_name)]
    pub name: Option<String>,
    #[command(flatten)]
    pub(crate) names: uts::NameOptions,
    #[command(flatten)]
    pub(crate) environment: chroot::EnvironmentOptions,
    #[command(flatten)]
    pub(crate) process: ProcessOptions,
    #[command(flatten)]
    pub(crate) init: pid::InitOptions,
    #[command(flatten)]
    pub(crate) sysctls: ipc::SysctlOptions,
    #[command(flatten)]
    pub(crate) mounts: mount::MountOptions,
    #[command(flatten)]
    pub(crate) ids: user::IdOptions,
    #[command(flatten)]
    pub(crate) net: net::NetOptions,
    #[command(flatten)]
    pub(crate) vxlan: Option<vxlan::VxlanOptions>,
    #[command(flatten)]
    pub(crate) group: cgroups::GroupOptions,
    #[command(flatten)]
    pub(crate) limits: jail::LimitOptions,
    /// The directory that becomes its `/`. It is not changed: what the
    /// container writes goes to a layer above, which ends with it
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: PathBuf,
    /// Print how long each part of it has taken
    #[arg(long)]
    pub(crate) timing: bool,
    /// The program to run and its arguments
    #[arg(
        trailing_var_arg = true,
        value_name = "COMMAND",
        default_value = "sh"
    )]
    pub(crate) command: Vec<OsString>,
}

/// What is the same for the first program and for those that come later.
#[derive(Clone, Debug, clap::Args)]
pub struct ProcessOptions {
    /// Run as this user, by number or by a name in the container's
    /// /etc/passwd
    #[arg(short, long, value_name = "USER[:GROUP]", default_value = "0")]
    pub(crate) user: String,
    /// The directory to begin in
    #[arg(short, long, value_name = "DIR", default_value = "/")]
    pub(crate) workdir: PathBuf,
}

/// What was asked for, and is possible as far as one can see.
pub struct Prepared<'a> {
    pub(crate) options: &'a RunOptions,
    pub(crate) ids: user::Ids,
}

impl RunOptions {
    /// The options as words of a command line.
    pub fn of(words: &[&str]) -> Result<Self> {
        let command = clap::Command::new("run").no_binary_name(true);
        let matches = Self::augment_args(command).try_get_matches_from(words);
        matches
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(Error::new)
    }

    /// Looks whether this can be together, and says who is who.
    ///
    /// Call it before anything else is done: if a container could write to the
    /// program that makes it, the program begins anew, as a copy of itself.
    pub fn prepare(&self) -> Result<Prepared<'_>> {
        self.streams.check(self.detach)?;
        // An ordinary user is always one of them; and as a copy we would say
        // once more what there is to be said of the others.
        let me = geteuid();
        own_binary::protect(|uid| !me.is_root() && uid == me.as_raw())?;
        let ids = self.ids.choose()?;
        own_binary::protect(|uid| ids.has_user(uid))?;
        Ok(Prepared { options: self, ids })
    }

    /// The network of the container: that of the tenant alone, if there is
    /// one.
    pub(crate) fn network(&self) -> Result<Network> {
        let network = match self.vxlan {
            None => self.net.choose()?,
            Some(_) => self.net.choose_or(Network::None)?,
        };
        self.vxlan.iter().try_for_each(|vxlan| vxlan.check(&network))?;
        Ok(network)
    }
}
