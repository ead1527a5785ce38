//! The outside half: plant the canaries, see what happens to the host, and
//! leave nothing behind.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, gethostname};
use process::{Call, Error, Result};
use serde::Serialize;

use crate::callers::Callers;
use crate::directory::{Directory, set_mode};
use crate::keeper::{Keeper, Settings};
use crate::loop_device::LoopDevice;
use crate::outcome::{Outcome, Report};
use crate::service::Service;
use crate::spec::{SECRET_LENGTH, Spec, to_hex};
use crate::{
    devices, groups, handles, host, ipc, kernel, mounts, network, shares,
    users, volume,
};

/// "nobody", whom nothing belongs to.
const NOBODY: (u32, u32) = (65534, 65534);

/// Where the canaries go, and whose they are.
#[derive(Debug, clap::Args)]
pub struct PlantOptions {
    /// The sandbox's root directory; without it, the sandbox has the host's
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// The user of the canary process; nobody, if there is such a user
    #[arg(long = "as", value_name = "UID[:GID]", value_parser = parse_ids)]
    pub user: Option<(u32, u32)>,
}

fn parse_ids(text: &str) -> std::result::Result<(u32, u32), String> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => Ok((uid, gid)),
        _ => Err("the form is UID or UID:GID, both numbers".into()),
    }
}

/// What the witness saw happen to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// The attack that does this.
    pub attack: &'static str,
    /// What happened.
    pub evidence: String,
}

/// The canaries. Dropped, they are gone, and so is what happened to the host.
#[derive(Debug)]
pub struct Canary {
    /// Where they are.
    pub spec: Spec,
    /// What an attack shows that has been there.
    pub secret: String,
    /// The attacks that have nothing to attack here, and why.
    pub unplanted: Vec<Report>,
    pub(crate) id: String,
    host_name: OsString,
    keeper: Keeper,
    _optional: Optional,
    volume: Directory,
    inside: Directory,
    _outside: Directory,
}

/// Plants them all.
pub fn plant(options: &PlantOptions) -> Result<Canary> {
    let id = format!("canary-{}", to_hex(&random::<4>()?));
    let secret = format!("{id}:{}", to_hex(&random::<16>()?));
    let host_name = gethostname().call("gethostname()")?;
    let mut spec = Spec::default();
    spec.set("id", &id)?;

    let outside = plant_outside(&id, &secret, &mut spec)?;
    let inside = plant_inside(&id, options, &outside, &mut spec)?;
    let volume = volume::plant(&inside.path)?;
    let (optional, unplanted) = plant_optional(
        &secret, options, &outside, &inside, &volume, &mut spec,
    )?;
    // Last: nobody may put a symbolic link where we are about to write.
    set_mode(&inside.path, 0o1777)?;
    plant_memory(&secret, &mut spec)?;
    let callers = Callers::plant(&volume.path, &secret)?;
    let keeper =
        plant_process(&id, &secret, options, &outside, &callers, &mut spec)?;
    Ok(Canary {
        spec,
        secret,
        unplanted,
        id,
        host_name,
        keeper,
        _optional: optional,
        volume,
        inside,
        _outside: outside,
    })
}

/// A directory of the host, with a file that everybody may read: what is to
/// protect it is that nobody gets there.
fn plant_outside(id: &str, secret: &str, spec: &mut Spec) -> Result<Directory> {
    let parent = std::env::temp_dir();
    let parent =
        fs::canonicalize(&parent).call(format_args!("realpath({parent:?})"))?;
    let directory = Directory::make(parent.join(format!("attacks-{id}")))?;
    let file = directory.path.join("secret");
    fs::write(&file, secret).call(format_args!("write({file:?})"))?;
    set_mode(&file, 0o644)?;
    set_mode(&directory.path, 0o755)?;
    spec.set("file", file.display())?;
    Ok(directory)
}

/// A directory in the sandbox to attack from, which everybody may write.
fn plant_inside(
    id: &str,
    options: &PlantOptions,
    outside: &Directory,
    spec: &mut Spec,
) -> Result<Directory> {
    let name = format!("attacks-{id}");
    let (path, seen_as) = match &options.rootfs {
        Some(rootfs) => (rootfs.join(&name), Path::new("/").join(&name)),
        None => (outside.path.join("inside"), outside.path.join("inside")),
    };
    spec.set("inside", seen_as.display())?;
    let directory = Directory::make(path)?;
    let mount_point = directory.path.join("mount");
    fs::create_dir(&mount_point)
        .call(format_args!("mkdir({mount_point:?})"))?;
    Ok(directory)
}

/// What goes when the planter goes, if it could be planted.
#[derive(Debug, Default)]
struct Optional {
    disk: Option<LoopDevice>,
    slow: Option<LoopDevice>,
    group: Option<groups::Planted>,
}

/// What can't be planted everywhere. Gives what has to be kept, and the attacks
/// that can't be tried for want of something.
fn plant_optional(
    secret: &str,
    options: &PlantOptions,
    outside: &Directory,
    inside: &Directory,
    volume: &Directory,
    spec: &mut Spec,
) -> Result<(Optional, Vec<Report>)> {
    let seen_as: PathBuf = spec.get("inside")?;
    let seen = |name: &Path| seen_as.join(name).display().to_string();
    let handle = handles::plant(&outside.path.join("secret"));
    let has_rootfs = options.rootfs.is_some();
    let mut optional = Optional::default();
    let device = devices::plant(spec, secret, &inside.path, has_rootfs)
        .map(|planted| optional.disk.insert(planted).device);
    let node = match &device {
        Ok(device) => devices::plant_node("disk", *device, &inside.path),
        Err(why) => Err(Error::new(why)),
    };
    let slow = shares::plant_disk(spec, &inside.path)
        .map(|planted| optional.slow = Some(planted));
    let group = groups::plant(spec, &inside.path).map(|(planted, name)| {
        optional.group = Some(planted);
        name
    });
    let agent = groups::plant_release_agent(spec, &inside.path);
    let helper = users::plant(&inside.path);
    let kept = volume::plant_for_group(&volume.path, secret);
    let kernel = kernel::plant(spec, &inside.path)
        .map(|(attack, file)| (attack, attack, file.map(str::to_owned)));
    let mut unplanted = Vec::new();
    for (attack, key, value) in [
        ("open-by-handle", "handle", handle.map(|handle| handle.to_string())),
        ("mknod-disk", "disk", device.map(|device| device.to_string())),
        ("device-node", "node", node.map(|()| seen("disk".as_ref()))),
        ("disk-hog", "slow", slow.map(|()| seen(shares::SLOW.as_ref()))),
        ("cpu-hog", "cpus", shares::plant_cpus()),
        ("leave-group", "group", group),
        ("release-agent", "release-agent", agent),
        ("set-uid", "helper", helper.map(|name| seen(name.as_ref()))),
        ("kept-group", "group-file", kept.map(|name| seen(name.as_ref()))),
    ]
    .into_iter()
    .chain(kernel)
    {
        match value {
            Ok(value) => spec.set(key, value)?,
            Err(why) => {
                let why = format!("not even outside: {why}");
                unplanted.push(Report::new(attack, (Outcome::Untried, why)));
            }
        }
    }
    Ok((optional, unplanted))
}

fn plant_memory(secret: &str, spec: &mut Spec) -> Result<()> {
    let secret: &[u8; SECRET_LENGTH] =
        secret.as_bytes().try_into().map_err(Error::new)?;
    spec.set("shm", ipc::plant(secret)?)
}

fn plant_process(
    id: &str,
    secret: &str,
    options: &PlantOptions,
    outside: &Directory,
    callers: &Callers,
    spec: &mut Spec,
) -> Result<Keeper> {
    let (uid, gid) = options.user.unwrap_or(NOBODY);
    let keeper = Keeper::start(&Settings {
        id,
        directory: &outside.path,
        user: &jail::User {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            home: "/".into(),
        },
        may_stay: options.user.is_none(),
        listener: &network::plant(id)?,
        callers,
        service: &Service::plant(id, secret, spec)?,
        secret,
    })?;
    spec.set("uid", uid)?;
    spec.set("gid", gid)?;
    spec.set("pid", keeper.pid)?;
    // fork(2) leaves everything where it was: the process has the secret at
    // the same address as we.
    spec.set("address", secret.as_ptr().addr())?;
    Ok(keeper)
}

impl Canary {
    /// The planted volume for a step that has volumes, `HOST:INSIDE`.
    pub(crate) fn volume(&self) -> Result<String> {
        let inside: PathBuf = self.spec.get("inside")?;
        let inside = inside.join(volume::NAME);
        Ok(format!("{}:{}", self.volume.path.display(), inside.display()))
    }

    /// A device node of the disk that is worth limiting, for whoever can.
    pub(crate) fn disk(&self) -> String {
        self.inside.path.join(shares::SLOW).display().to_string()
    }

    /// Looks what has happened to the host since the last time, and undoes
    /// it.
    pub fn witness(&mut self) -> Result<Vec<Sighting>> {
        // All are undone before one is looked at: the failure of the first
        // must not leave the others.
        let name = host::undo(&self.id, &self.host_name);
        let mounts = mounts::undo(&self.id);
        let arrived = self.keeper.what_arrived();
        let written = volume::was_written(&self.volume.path);
        let program = volume::has_program(&self.volume.path);
        let mut seen = Vec::new();
        let (name, mounts, arrived) = (name?, mounts?, arrived?);
        let signal = "the canary process received SIGUSR1".to_owned();
        let forged = "a forged source was taken for real".to_owned();
        let root = "the service was called by user 0".to_owned();
        for (attack, evidence) in [
            ("rename-host", name),
            ("leave-mount", mounts),
            ("signal-process", arrived.signal.then_some(signal)),
            ("forged-source", arrived.forged.then_some(forged)),
            ("host-uid", arrived.root.then_some(root)),
            ("write-volume", written?),
            ("plant-set-uid", program?),
        ] {
            seen.extend(evidence.map(|evidence| Sighting { attack, evidence }));
        }
        Ok(seen)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // Before the directories: what is mounted there would be in the way.
        if let Err(error) = self.witness() {
            eprintln!("attacks: {error}");
        }
    }
}

/// Bytes that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .call("read(\"/dev/urandom\")")?;
    Ok(bytes)
}
