//! A guest: a virtual machine with a kernel of its own and the machine's tree.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use process::{Call, Error, Result};

use super::kernels::{Bootable, directory, script};
use super::{accelerator, architecture, exit};
use crate::repository::{self, lock_file};

/// What a guest is to do, and what came of it: a directory.
///
/// The guest sees it at the same path.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) directory: PathBuf,
    /// Keeps others from the same directory.
    _lock: fs::File,
}

/// A running guest. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Guest {
    qemu: Companion,
    /// What serves the guest's root, as long as it runs.
    _share: Companion,
}

/// A program that ends when it is dropped, or when this program is killed.
#[derive(Debug)]
struct Companion(Child);

/// Enough for the tests, of which a part lies in files in memory.
const MEMORY: &str = "2048M";

impl Job {
    /// Makes the directory anew, with a script for the guest to run.
    pub(crate) fn new(name: &str, run: &str) -> Result<Self> {
        let lock = lock_file(&directory(&format!("{name}.lock")))?;
        let directory = directory(name);
        // It is not there the first time.
        let _ = fs::remove_dir_all(&directory);
        let job = Self { directory, _lock: lock };
        let machine = job.at("machine");
        fs::create_dir_all(&machine)
            .call(format_args!("mkdir({machine:?})"))?;
        let this = repository::programs()?.join("workshop");
        let link = job.at("workshop");
        std::os::unix::fs::symlink(this, &link)
            .call(format_args!("symlink({link:?})"))?;
        job.write("run", run)?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(job.at("run"), executable).call("chmod(run)")?;
        let disk = create(&job, "disk")?.set_len(64 << 20);
        disk.call("ftruncate(disk)")?;
        Ok(job)
    }

    /// A file of the job's.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file of the job's.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.at(name);
        fs::write(&path, text).call(format_args!("open({path:?})"))
    }

    /// What the guest's kernel said, above all when it failed.
    pub(crate) fn console(&self) -> String {
        let text = fs::read(self.at("console")).unwrap_or_default();
        String::from_utf8_lossy(&text).replace('\r', "")
    }
}

impl Guest {
    /// Starts it. `options` are more for QEMU, which runs in the job's
    /// directory.
    pub(crate) fn boot(
        kernel: &Bootable,
        job: &Job,
        systemd: bool,
        options: &[String],
    ) -> Result<Self> {
        let share = share(job)?;
        let qemu = qemu(kernel, job, systemd)?
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(create(job, "qemu.log")?)
            .spawn()
            .call("execve(\"qemu\")")?;
        Ok(Self { qemu: Companion(qemu), _share: share })
    }

    /// What its script prints.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.qemu.0.stdout.take()
    }

    /// Gives the exit status of its script, if it came that far; the guest
    /// has closed its output.
    pub(crate) fn status(&mut self) -> Result<Option<u8>> {
        let status = self.qemu.0.wait().call("wait(qemu)")?;
        Ok(exit::told(status.code()))
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn companion(job: &Job, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    // Paths of sockets, which must be short, are relative to it.
    command.current_dir(&job.directory);
    command
}

fn create(job: &Job, name: &str) -> Result<fs::File> {
    let path = job.at(name);
    fs::File::create(&path).call(format_args!("open({path:?})"))
}

/// Serves the machine's tree, at a socket in the job's directory.
fn share(job: &Job) -> Result<Companion> {
    let share = companion(job, "unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(script("share"))
        .arg("share")
        .arg(job.at("machine"))
        .arg(repository::top())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(create(job, "share.log")?)
        .spawn()
        .call("execve(\"unshare\")")?;
    let mut share = Companion(share);
    let start = Instant::now();
    while !job.at("share").exists() {
        let ended = share.0.try_wait().call("wait(unshare)")?.is_some();
        if ended || start.elapsed() > Duration::from_secs(10) {
            return Err(no_share(job));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(share)
}

fn no_share(job: &Job) -> Error {
    let said = fs::read_to_string(job.at("share.log")).unwrap_or_default();
    Error::new(format_args!("virtiofsd does not serve: {}", said.trim()))
        .with_hint("it takes the machine's own root")
}

/// The call of QEMU. The results come on its standard output.
fn qemu(kernel: &Bootable, job: &Job, systemd: bool) -> Result<Command> {
    let here = architecture::here()?;
    let mut qemu = companion(job, here.qemu);
    qemu.args(["-machine", &format!("{},memory-backend=memory", here.machine)])
        .args(accelerator::words(here, kernel))
        .args(["-smp", "2", "-m", MEMORY])
        // The guest reads files in memory that it shares with virtiofsd.
        .arg("-object")
        .arg(format!("memory-backend-memfd,id=memory,size={MEMORY},share=on"))
        .args(["-nodefaults", "-display", "none", "-no-reboot"])
        .args(["-device", here.exit_device])
        .args(["-serial", "file:console"])
        .args(["-chardev", "socket,id=share,path=share"])
        .args(["-device", "vhost-user-fs-pci,chardev=share,tag=machine"])
        .args(["-drive", "file=disk,if=none,id=disk,format=raw"])
        .args(["-device", "nvme,drive=disk,serial=scratch"])
        // Not `stdio`, for which the end of input is the end of output.
        .args(["-chardev", "file,id=results,path=/dev/stdout"])
        .args(["-device", "virtio-serial-pci"])
        .args(["-device", "virtserialport,chardev=results,name=results"])
        .arg("-kernel")
        .arg(kernel.directory.join("vmlinuz"))
        .arg("-initrd")
        .arg(kernel.directory.join("initramfs"))
        .args(["-append", &command_line(kernel, job, systemd)?]);
    Ok(qemu)
}

/// The guest's kernel's command line. The first fault ends the guest. Without
/// random addresses QEMU translates a program once, and not whenever it starts,
/// which takes half the time. And the kernel need not clear memory that it takes
/// for itself, which takes a tenth.
fn command_line(kernel: &Bootable, job: &Job, systemd: bool) -> Result<String> {
    let mut line = format!(
        "console={} quiet oops=panic panic=-1 norandmaps \
         init_on_alloc=0 net.ifnames=0 \
         security=apparmor \
         workshop.job={} workshop.scripts={} workshop.modules={}",
        architecture::here()?.console,
        word(&job.directory)?,
        word(&repository::top().join("vm"))?,
        word(&kernel.directory.join("lib/modules"))?,
    );
    if systemd {
        line += " workshop.systemd";
    }
    Ok(line)
}

/// A path as a word.
fn word(path: &Path) -> Result<&str> {
    let text = path.to_str().filter(|text| !text.contains(char::is_whitespace));
    text.ok_or_else(|| {
        Error::new(format_args!("{path:?} would be several words"))
            .with_hint("move the kit to a path without blanks")
    })
}
