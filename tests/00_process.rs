//! 00-process: the tool stands between its caller and the command, and
//! neither notices.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use assert_cmd::assert::OutputAssertExt;
use nix::errno::Errno;
use nix::pty::openpty;
use support::{eventually, field, program, refuses, status_of};
use workshop::host::{Host, Ids};

/// The tool with a command.
fn process(command: &[&str]) -> Command {
    let mut tool = Command::new(program("00-process"));
    tool.args(command);
    tool
}

/// The tool with a shell script.
fn shell(script: &str) -> Command {
    process(&["sh", "-c", script])
}

/// A script in a file of its own, with no more than the given first line.
fn script_file(name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let directory = env!("CARGO_TARGET_TMPDIR");
    let path = format!("{directory}/{name}");
    fs::write(&path, text).expect("a file");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, executable).expect("a mode");
    path
}

// --- Exit codes -----------------------------------------------------------

#[test]
fn the_commands_exit_code_is_passed_on() {
    shell("exit 0").assert().code(0);
    shell("exit 7").assert().code(7);
    shell("exit 255").assert().code(255);
}

#[test]
fn death_by_signal_n_is_128_plus_n() {
    shell("kill -KILL $$").assert().code(137);
    shell("kill -TERM $$").assert().code(143);
    // A real-time signal, which has no name in many libraries.
    let number = libc::SIGRTMIN() + 3;
    shell(&format!("kill -{number} $$")).assert().code(128 + number);
}

#[test]
fn no_such_program_is_127() {
    refuses(process(&["no-such-program"]), 127, "ENOENT");
    refuses(process(&["/no/such/program"]), 127, "ENOENT");
    refuses(process(&[""]), 127, "execve(\"\"): ENOENT");
    refuses(process(&["/etc/passwd/program"]), 127, "ENOTDIR");
}

#[test]
fn what_cannot_be_executed_is_126() {
    refuses(process(&["/etc/passwd"]), 126, "EACCES");
    refuses(process(&["/tmp"]), 126, "hint: it is a directory");
}

#[test]
fn a_script_needs_its_interpreter() {
    let none = script_file("no-interpreter", "exit 0\n");
    refuses(process(&[&none]), 126, "ENOEXEC");
    let missing = script_file("lost-interpreter", "#!/no/such/shell -e\n");
    refuses(process(&[&missing]), 127, "\"/no/such/shell -e\"");
}

#[test]
fn a_usage_error_is_125_and_help_is_0() {
    process(&[]).assert().code(125);
    process(&["--no-such-option"]).assert().code(125);
    process(&["--help"]).assert().code(0);
    process(&["--version"]).assert().code(0);
}

#[test]
fn options_behind_the_command_are_the_commands() {
    let output = process(&["echo", "--help", "-x"]).output().expect("echo");
    assert_eq!(output.stdout, b"--help -x\n");
}

#[test]
fn an_argument_with_a_nul_byte_is_refused() {
    let command =
        process::Command { words: vec!["echo".into(), "a\0b".into()] };
    let Err(error) = process::exec(&command, &process::Environment::new());
    assert_eq!(error.errno(), Some(Errno::EINVAL));
    assert!(error.to_string().contains("NUL"), "{error}");
}

#[test]
fn a_program_with_threads_may_not_fork() {
    // The test harness has started several.
    let refusal = process::spawn(|_| unreachable!()).expect_err("a refusal");
    assert_eq!(refusal.errno(), Some(Errno::EINVAL));
}

#[test]
fn a_limit_on_processes_is_explained() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        // Root of the machine is exempt from the limit.
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    // As a user whom nobody else is: the limit counts all processes of a user,
    // on the whole machine. By descriptor, since that user may not be able to
    // reach the path.
    let uid = 40_000 + std::process::id() % 20_000;
    let script = "exec 9< \"$0\"; ulimit -u 1
                  exec setpriv --reuid \"$1\" /proc/self/fd/9 true";
    let mut tool = host.command("bash");
    tool.args(["-c", script]).arg(program("00-process")).arg(uid.to_string());
    refuses(tool, 125, "fork(): EAGAIN");
}

// --- Standard input, output and error, and the environment ------------------

#[test]
fn input_output_and_error_stay_apart() {
    let mut tool = assert_cmd::Command::from_std(shell("cat; echo no >&2"));
    // More than a pipe holds.
    let text = "some text\n".repeat(100_000);
    tool.write_stdin(text.as_str()).assert().stdout(text).stderr("no\n");
}

#[test]
fn the_environment_is_the_callers() {
    let mut tool = shell("echo $GREETING");
    tool.env("GREETING", "hello").assert().stdout("hello\n");
}

#[test]
fn signals_are_set_as_the_caller_had_them() {
    let show = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"];
    let expected = Command::new(show[0]).args(&show[1..]).output();
    let expected = expected.expect("grep").stdout;
    // SIGPIPE among them, which a Rust program ignores: `yes` would not end.
    process(&show).assert().stdout(expected);
}

#[test]
fn a_signal_that_the_caller_ignores_stays_ignored() {
    let tool = program("00-process");
    let script = "trap '' CHLD HUP
                  exec \"$0\" grep SigIgn /proc/self/status";
    let output = Command::new("bash").args(["-c", script]).arg(tool).output();
    let text = String::from_utf8(output.expect("bash").stdout).expect("text");
    let mask = u64::from_str_radix(&field(&text, "SigIgn"), 16).expect("hex");
    let ignored = |signal: i32| mask & 1 << (signal - 1) != 0;
    assert!(ignored(libc::SIGCHLD) && ignored(libc::SIGHUP), "{mask:x}");
    assert!(!ignored(libc::SIGTERM), "{mask:x}");
}

// --- Signals --------------------------------------------------------------

/// A running tool, which does not outlive a test that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the tool, and waits until its command says that it is ready.
fn start(mut tool: Command) -> Running {
    let tool = tool.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut tool = Running(tool);
    let mut ready = [0; 6];
    let stdout = tool.0.stdout.as_mut().expect("a pipe");
    stdout.read_exact(&mut ready).expect("a line");
    assert_eq!(&ready, b"ready\n");
    tool
}

fn signal(pid: &str, number: i32) {
    let pid = pid.parse().expect("a pid");
    // SAFETY: kill(2) touches no memory; the process is a child's child, and
    // the child has not been told to bury it.
    assert_eq!(unsafe { libc::kill(pid, number) }, 0);
}

fn kill(tool: &Running, signal: i32) {
    // SAFETY: kill(2) touches no memory; the child has not been waited for.
    let result = unsafe { libc::kill(tool.0.id() as i32, signal) };
    assert_eq!(result, 0);
}

/// The command of a tool that has been started.
fn command_of(tool: &Running) -> String {
    let pid = tool.0.id();
    let children =
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.expect("a process").trim().to_owned()
}

fn state(pid: &str) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "State").chars().next()
}

#[test]
fn signals_to_the_tool_reach_the_command() {
    for signal in [
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGUSR1,
        libc::SIGWINCH,
        libc::SIGRTMIN() + 3,
    ] {
        let script = format!(
            "trap 'exit 42' {signal}; echo ready; while :; do sleep 0.01; done"
        );
        let mut tool = start(process(&["bash", "-c", &script]));
        kill(&tool, signal);
        let status = status_of(&mut tool.0);
        assert_eq!(status.code(), Some(42), "signal {signal}");
    }
}

#[test]
fn a_stopped_command_stops_the_tool_and_both_go_on() {
    let mut tool = shell("echo ready; read line");
    tool.stdin(Stdio::piped());
    let tool = start(tool);
    let command = command_of(&tool);
    // What Ctrl-Z does to it. SIGTSTP itself would not stop a process that no
    // shell could wake again: "orphaned process groups", setpgid(2).
    signal(&command, libc::SIGSTOP);
    let stopped = |pid: &str| state(pid) == Some('T');
    eventually("both stop", || {
        stopped(&command) && stopped(&tool.0.id().to_string())
    });
    kill(&tool, libc::SIGCONT);
    eventually("both go on", || {
        !stopped(&command) && !stopped(&tool.0.id().to_string())
    });
}

/// The tool with a terminal of its own, as a login shell would start it.
fn on_a_terminal(script: &str) -> (Child, fs::File) {
    let terminal = openpty(None, None).expect("a terminal");
    let side = |end: &OwnedFd| end.try_clone().expect("a descriptor");
    let mut tool = shell(script);
    tool.stdin(side(&terminal.slave))
        .stdout(side(&terminal.slave))
        .stderr(side(&terminal.slave));
    let number = terminal.slave.as_raw_fd();
    let take_terminal = move || {
        nix::unistd::setsid()?;
        // SAFETY: TIOCSCTTY takes a number and touches no memory.
        Errno::result(unsafe { libc::ioctl(number, libc::TIOCSCTTY, 0) })?;
        Ok(())
    };
    // SAFETY: both calls above are async-signal-safe.
    unsafe { tool.pre_exec(take_terminal) };
    (tool.spawn().expect("it starts"), fs::File::from(terminal.master))
}

/// Reads from the terminal until `text` has come.
fn read_until(terminal: &mut fs::File, text: &str) {
    let mut seen = String::new();
    let mut buffer = [0; 256];
    while !seen.contains(text) {
        let Ok(n) = terminal.read(&mut buffer) else {
            panic!("{text:?} did not come, only {seen:?}");
        };
        seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
}

#[test]
fn a_key_of_the_terminal_interrupts_the_command_once() {
    let (mut tool, mut terminal) = on_a_terminal(
        "n=0; trap 'n=$((n + 1))' INT; echo ready
         while [ $n = 0 ]; do sleep 0.01; done
         sleep 0.2; echo interrupts: $n",
    );
    read_until(&mut terminal, "ready");
    terminal.write_all(b"\x03").expect("a key");
    read_until(&mut terminal, "interrupts: 1\r\n");
    assert_eq!(status_of(&mut tool).code(), Some(0));
}

#[test]
fn the_command_has_the_terminal() {
    let (mut tool, mut terminal) =
        on_a_terminal("test -t 0 && test -t 1 && test -t 2 && echo all three");
    read_until(&mut terminal, "all three");
    assert_eq!(status_of(&mut tool).code(), Some(0));
}

// --- What is left behind ----------------------------------------------------

#[test]
fn a_killed_tool_takes_the_command_along() {
    let mut tool = start(shell("echo ready; exec sleep 1000"));
    let command = command_of(&tool);
    assert!(state(&command).is_some());
    kill(&tool, libc::SIGKILL);
    let status = status_of(&mut tool.0);
    assert_eq!(status.signal(), Some(libc::SIGKILL));
    eventually("the command ends", || {
        // Nobody may have buried it yet.
        matches!(state(&command), None | Some('Z'))
    });
}

#[test]
fn what_the_command_started_outlives_a_killed_tool() {
    // The kernel's parent-death signal reaches the child alone. A pid
    // namespace ends with its first process, which 03-pid makes use of.
    let script = "sleep 1000 & echo $! >&2; echo ready; wait";
    let mut tool = shell(script);
    tool.stderr(Stdio::piped());
    let mut tool = start(tool);
    kill(&tool, libc::SIGKILL);
    status_of(&mut tool.0);
    let mut line = [0; 16];
    let stderr = tool.0.stderr.as_mut().expect("a pipe");
    let n = stderr.read(&mut line).expect("a line");
    let grandchild = String::from_utf8_lossy(&line[..n]).trim().to_owned();
    assert!(state(&grandchild).is_some());
    let pid: i32 = grandchild.parse().expect("a pid");
    // SAFETY: kill(2) touches no memory; the process is the one just seen.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

#[test]
fn no_zombie_is_left() {
    let script = "\"$0\" true; \"$0\" sh -c 'kill -9 $$'
                  grep -l 'State:.Z' /proc/[0-9]*/status";
    let host = Host::start().expect("a pretend host");
    let mut shell = host.command("bash");
    shell.args(["-c", script]).arg(program("00-process"));
    shell.assert().stdout("");
}

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("00-process");
}
