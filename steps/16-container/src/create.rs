//! A container made, let go, and taken down: the steps of all chapters.
//!
//! `create` makes all that the container needs outside, and leaves its first
//! process at a gate. `start` opens the gate. `finish` takes down what
//! `create` has made. Between them others may do as they like: that is what a
//! runtime or a daemon asks for.

use std::path::Path;

use nix::sched::CloneFlags;
use process::Result;

use crate::group;
use crate::inside::{self, Plan};
use crate::life::{Event, boot, now, start_of};
use crate::options::RunOptions;
use crate::record::Record;
use crate::store::{Claim, Store};
use crate::streams::Inside;
use crate::timing::Timing;

/// And a user namespace, to which these belong, and most often a network
/// namespace.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWNS);

/// A container that was made: its first process waits at the gate.
pub struct Created {
    /// What is known of it.
    pub record: Record,
    pub(crate) claim: Claim,
    pub(crate) child: pid::Child,
    gate: user::Gate,
    sources: Option<mount::Sources>,
    group: cgroups::Group,
    connections: Connections,
}

type Connections = (Option<net::Plugged>, Option<vxlan::Connection>);

/// Outside: makes the group, starts the first process in it, says who is who,
/// plugs its cables in, opens what it can't find, and writes all of this down.
pub(crate) fn create(
    store: &Store,
    options: &RunOptions,
    ids: &user::Ids,
    streams: Inside,
    timing: &mut Timing,
) -> Result<Created> {
    let claim = store.claim(options.name.as_deref())?;
    let network = options.network()?;
    network.join()?; // if it is there already
    let mounts = options.net.mounts(&network, &options.mounts)?;
    let mounts = options.group.mounts(mounts);
    let names = options.names.clone().or_hostname(&claim.id);
    streams.give_to(ids.root())?;
    timing.note("planned");

    let group = group::create(&options.group)?;
    timing.note("group");
    let gate = user::Gate::new()?;
    let plan = Plan { options, names: &names, network: &network, mounts };
    let namespaces = NAMESPACES | network.namespaces();
    let born_in = group.to_be_born_in();
    let child = user::spawn_into(born_in, namespaces, |parent| {
        inside::child(&plan, &streams, &gate, parent)
    })?;
    drop(streams); // or others would have them who are started from here on
    timing.note("cloned");
    group.adopt(child.pid())?; // from here on, all that it takes is counted
    timing.note("adopted");
    ids.write(&child)?; // from here on there is a root inside
    group.delegate(&options.group, ids.root())?;
    timing.note("ids");
    let name = Some(claim.name.as_str());
    let connection = network.connect(&options.net, &child, name)?;
    let make = |vxlan| vxlan::Connection::make(vxlan, child.pidfd());
    let tenant = options.vxlan.as_ref().map(make).transpose()?;
    cgroups::shape(&options.group, &network, child.pidfd())?; // both cables
    timing.note("network");
    let (rootfs, mounts) = (&options.rootfs, &plan.mounts);
    let sources = user::sources(rootfs, mounts, &options.ids, ids, &child)?;

    let mut record = record_of(options, &claim, &child, &names)?;
    record.network = network.to_string();
    record.groups = group::places(&group);
    record.write(&claim.path)?;
    timing.note("written");
    let connections = (connection, tenant);
    Ok(Created { record, claim, child, gate, sources, group, connections })
}

fn record_of(
    options: &RunOptions,
    claim: &Claim,
    child: &pid::Child,
    names: &uts::NameOptions,
) -> Result<Record> {
    let pid = child.pid().as_raw();
    let text = |word: &std::ffi::OsString| word.display().to_string();
    Ok(Record {
        id: claim.id.clone(),
        name: claim.name.clone(),
        created: now(),
        boot: boot()?,
        pid,
        start: start_of(pid)?.unwrap_or_default(),
        command: options.command.iter().map(text).collect(),
        rootfs: options.rootfs.display().to_string(),
        hostname: names.hostname().unwrap_or_default().into(),
        user: options.process.user.clone(),
        ports: options
            .net
            .published()
            .iter()
            .map(ToString::to_string)
            .collect(),
        environment: environment_of(options),
        tty: options.streams.tty,
        remove: options.rm,
        ..Record::default()
    })
}

fn environment_of(options: &RunOptions) -> Vec<(String, String)> {
    let all = options.environment.environment(Path::new("/"));
    let text = |word: std::ffi::OsString| word.display().to_string();
    let pairs = all.into_iter().map(|(name, value)| (text(name), text(value)));
    pairs.filter(|(name, _)| name != "HOME" && name != "TERM").collect()
}

impl Created {
    /// Lets the first process go: it leaves the host's files behind, and
    /// becomes the command.
    pub fn start(&mut self) -> Result<()> {
        self.gate.open(self.sources.take().as_ref())?;
        self.claim.life.note(Event::Started { at: now() })
    }

    /// Takes down what was made for it, when it has ended with this code, and
    /// writes that down; or forgets it, as if it had never been there.
    pub fn finish(mut self, code: u8, forget: bool) -> Result<()> {
        drop(self.connections); // until here their rules held
        self.group.report_out_of_memory()?;
        self.group.remove()?;
        self.claim.life.note(Event::Ended { at: now(), code })?;
        match forget || self.record.remove {
            true => self.claim.forget(),
            false => {
                self.claim.keep();
                Ok(())
            }
        }
    }
}
