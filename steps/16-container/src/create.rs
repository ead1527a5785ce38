//! A container made, let go, waited for, and taken down: the steps of all
//! chapters.
//!
//! [`create`] makes all that the container needs outside, and leaves its first
//! process at a gate. [`Created::start`] opens the gate. Between the two others
//! may do as they like: that is what runtimes and daemons ask for.
//! [`Created::wait`] owns it to its end, and takes down what was made.

use std::path::Path;

use nix::sched::CloneFlags;
use process::Result;

use crate::attend::Owner;
use crate::door::Door;
use crate::front::Front;
use crate::group;
use crate::inside::{self, Plan};
use crate::life::{Event, boot, now, start_of};
use crate::log::Log;
use crate::options::{Prepared, RunOptions};
use crate::record::Record;
use crate::store::{Claim, Store};
use crate::streams::{Caller, Outside};
use crate::timing::Timing;

/// And a user namespace, to which these belong, and most often a network
/// namespace.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWNS);

/// A container that was made: its first process waits at the gate. Dropped, it
/// is gone, with all that was made for it.
pub struct Created {
    /// What is known of it.
    pub record: Record,
    claim: Claim,
    child: pid::Child,
    gate: user::Gate,
    sources: Option<mount::Sources>,
    group: cgroups::Group,
    connections: Connections,
    streams: Outside,
    log: Option<Log>,
    door: Option<Door>,
}

type Connections = (Option<net::Plugged>, Option<vxlan::Connection>);

/// Makes a container that is to be started later, by [`Created::start`] or from
/// another process, by [`start`](crate::start). What it writes goes to its log.
pub fn create(store: &Store, prepared: &Prepared) -> Result<Created> {
    make(store, prepared, Caller::HasLeft, &mut Timing::start())
}

/// Outside: makes the group, starts the first process in it, says who is who,
/// plugs its cables in, opens what it can't find, and writes all of this down.
pub(crate) fn make(
    store: &Store,
    Prepared { options, ids }: &Prepared,
    caller: Caller,
    timing: &mut Timing,
) -> Result<Created> {
    let claim = store.claim(options.name.as_deref())?;
    let (inside, streams) = options.streams.make(caller)?;
    let log = (caller != Caller::Lends).then(|| Log::create(&claim.path));
    let door = (caller == Caller::HasLeft).then(|| Door::make(&claim.path));
    let (log, door) = (log.transpose()?, door.transpose()?);
    let network = options.network()?;
    network.join()?; // if it is there already
    let mounts = options.net.mounts(&network, &options.mounts)?;
    let mounts = options.group.mounts(mounts);
    let names = options.names.clone().or_hostname(&claim.id);
    inside.give_to(ids.root())?;
    timing.note("planned");

    let group = group::create(&options.group)?;
    timing.note("group");
    let gate = user::Gate::new()?;
    let plan = Plan { options, names: &names, network: &network, mounts };
    let namespaces = NAMESPACES | network.namespaces();
    let born_in = group.to_be_born_in();
    let child = user::spawn_into(born_in, namespaces, |parent| {
        inside::child(&plan, &inside, &group, &gate, parent)
    })?;
    drop(inside); // or others would have it who are started from here on
    timing.note("cloned");
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
    Ok(Created {
        record,
        claim,
        child,
        gate,
        sources,
        group,
        connections,
        streams,
        log,
        door,
    })
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
    /// Lets the first process go, and waits until it has left the host's files
    /// behind and become the command. Only then is the container said to run,
    /// and others may enter. If it can't, gives the code that it ends with.
    pub fn start(&mut self) -> Result<Option<u8>> {
        self.gate.open(self.sources.take().as_ref())?;
        self.streams.take_made()?;
        let failed = self.streams.wait_until_started()?;
        if failed.is_none() {
            self.claim.life.note(Event::Started { at: now() })?;
        }
        Ok(failed)
    }

    /// Waits until somebody in another process has it started, or kills it.
    pub fn wait_for_start(&mut self) -> Result<()> {
        let Some(door) = self.door.take() else { return Ok(()) };
        // Who has asked is still there, and hears whether it was started.
        match door.wait(self.child.pidfd())? {
            true => self.start().map(drop),
            false => Ok(()),
        }
    }

    /// Waits for its end, and keeps its log meanwhile; takes down what was made
    /// for it, and writes down its exit code, which it gives.
    pub fn wait(mut self) -> Result<u8> {
        let code = self.attend(None, false)?;
        self.finish(code, false).map(|()| code)
    }

    /// Waits for its end. `front` waits with us; who watches sees what it
    /// writes.
    pub(crate) fn attend(
        &mut self,
        front: Option<Front>,
        is_watched: bool,
    ) -> Result<u8> {
        let (streams, log) =
            (std::mem::take(&mut self.streams), self.log.take());
        Owner::new(&self.child, streams, log, front, is_watched)?.wait()
    }

    /// Takes down what was made for it, when it has ended with this code, and
    /// writes that down; or forgets it, as if it had never been there.
    pub(crate) fn finish(mut self, code: u8, forget: bool) -> Result<()> {
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
