//! A terminal of its own, and the user's terminal meanwhile.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;

use support::{eventually, status_of};

use super::scene::Scene;

/// Somebody who sits before a terminal.
struct User {
    keys: File,
    /// The terminal, as the tool has it.
    tty: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    tool: Child,
}

impl User {
    /// Starts a shell on the host that has this terminal.
    fn sits_before(scene: &Scene, script: &str) -> Self {
        let (keys, tty) = pair(30, 100);
        let mut shell = scene.host.command("setsid");
        // Whoever runs the tests may ignore Ctrl-C.
        shell.args(["--wait", "--ctty", "env", "--default-signal"]);
        shell.args(["sh", "-euc", script]);
        scene.set_variables(&mut shell);
        let end = || Stdio::from(tty.try_clone().expect("a descriptor"));
        shell.stdin(end()).stdout(end()).stderr(end());
        let tool = shell.spawn().expect("it starts");
        let (send, screen) = channel();
        let mut reader = keys.try_clone().expect("a descriptor");
        spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keys, tty, screen, seen: String::new(), tool }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// Waits until this stands on the screen, behind what was seen before.
    fn sees(&mut self, text: &str) {
        eventually(&format!("{text:?} on the screen"), || {
            while let Ok(bytes) = self.screen.try_recv() {
                self.seen += &String::from_utf8_lossy(&bytes);
            }
            match self.seen.find(text) {
                Some(at) => {
                    self.seen.drain(..at + text.len());
                    true
                }
                None => false,
            }
        });
    }

    /// What stty(1) would change.
    fn settings(&self) -> (u32, u32, u32, u32) {
        // SAFETY: zeros are a value of a structure of numbers.
        let mut now: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: tcgetattr(3) writes one structure, to a place that we own.
        let result = unsafe { libc::tcgetattr(self.tty.as_raw_fd(), &mut now) };
        assert_eq!(result, 0, "tcgetattr");
        (now.c_iflag, now.c_oflag, now.c_cflag, now.c_lflag)
    }
}

/// A terminal with so many rows and columns.
fn pair(rows: u16, columns: u16) -> (File, File) {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: openpty(3) writes two descriptors, and reads the size.
    let result = unsafe {
        libc::openpty(
            &mut ours,
            &mut theirs,
            std::ptr::null_mut(),
            std::ptr::null(),
            &size,
        )
    };
    assert_eq!(result, 0, "openpty");
    [ours, theirs]
        .map(|fd| {
            // SAFETY: it is new, and nobody else knows of it.
            unsafe { File::from_raw_fd(fd) }
        })
        .into()
}

fn resize(user: &User, rows: u16, columns: u16) {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCSWINSZ reads the structure.
    let result =
        unsafe { libc::ioctl(user.keys.as_raw_fd(), libc::TIOCSWINSZ, &size) };
    assert_eq!(result, 0, "TIOCSWINSZ");
}

#[test]
fn it_is_one_of_the_containers_own() {
    let scene = Scene::start();
    let show = "tty; stat -c %d /dev/pts; echo typed: $(head -n 1)";
    let script = format!("$RUN --rm -it sh -c '{show}'; stat -c %d /dev/pts");
    let mut user = User::sits_before(&scene, &script);
    user.sees("/dev/pts/0\r\n");
    user.types("hello\r");
    user.sees("typed: hello");
    assert_eq!(status_of(&mut user.tool).code(), Some(0));
}

#[test]
fn its_window_is_as_large_as_the_users() {
    let scene = Scene::start();
    let show = "trap \"echo now \\$(stty size)\" WINCH; echo size $(stty size)
        while :; do sleep 0.05; done";
    let script = format!("$RUN --rm -it sh -c '{show}'");
    let mut user = User::sits_before(&scene, &script);
    user.sees("size 30 100");
    resize(&user, 11, 22);
    user.sees("now 11 22");
    scene.on_host("$C rm -f $($C ps -q)");
}

#[test]
fn the_users_terminal_is_raw_meanwhile_and_then_as_before() {
    let scene = Scene::start();
    let ends = [
        "exit 0",
        "kill -KILL $$",
        "no-such-program",
        "exec sleep 1000", // Somebody else ends it.
    ];
    for end in ends {
        let script = "echo here; set +e
            $RUN --rm -it --init sh -c 'echo ready; read -r x; COMMAND'
            echo ended; sleep 1000";
        let script = script.replace("COMMAND", end);
        let mut user = User::sits_before(&scene, &script);
        let before = user.settings();
        user.sees("ready");
        assert_ne!(user.settings(), before, "keys are passed on one by one");
        user.types("\r");
        if end.contains("sleep") {
            scene.eventually("$C top $($C ps -q) | grep -q 'sleep 1000'");
            scene.on_host("$C rm -f $($C ps -q)");
        }
        user.sees("ended");
        assert_eq!(user.settings(), before, "after {end:?}");
        user.tool.kill().expect("a shell");
        status_of(&mut user.tool);
    }
}

#[test]
fn the_users_terminal_is_as_before_even_if_one_of_the_two_is_killed() {
    let scene = Scene::start();
    for which in ["$(pgrep -o 16-container)", "$(pgrep -n 16-container)"] {
        let script = "set +e; echo here
            $RUN --rm -it sh -c 'echo ready; sleep 1000'
            sleep 1000";
        let mut user = User::sits_before(&scene, script);
        let before = user.settings();
        user.sees("ready");
        scene.on_host(&format!("kill -KILL {which}"));
        eventually("the settings are as before", || user.settings() == before);
        scene.eventually("! pgrep 16-container");
        assert_eq!(scene.on_host("$C ps -aq"), "");
        user.tool.kill().expect("a shell");
        status_of(&mut user.tool);
    }
}

#[test]
fn two_keys_leave_it_alone_and_it_goes_on() {
    let scene = Scene::start();
    let script = "$RUN --name c -it sh -c 'echo ready; read -r x; echo $x
        sleep 1000'; echo left $?; sleep 1000";
    let mut user = User::sits_before(&scene, script);
    let before = user.settings();
    user.sees("ready");
    user.types("abc\x10\x10d\r"); // Only one of them is no order.
    user.sees("d");
    user.types("\x10\x11");
    user.sees("left 0");
    assert_eq!(user.settings(), before);
    user.tool.kill().expect("a shell");
    status_of(&mut user.tool);
    scene.on_host("$C ps | grep -q 'Up.*c$'; $C logs c | grep -q ready");
    scene.on_host("$C rm -f c");
    assert_eq!(scene.files(), "");
}

#[test]
fn a_program_that_comes_later_can_have_one_too() {
    let scene = Scene::start();
    scene.on_host("$RUN -d --name c sleep 1000");
    let script = "set +e; $C exec -it c sh -c 'tty; stty size; read -r x
        exit 5'; echo ended $?; sleep 1000";
    let mut user = User::sits_before(&scene, script);
    let before = user.settings();
    user.sees("/dev/pts/0\r\n30 100\r\n");
    user.types("\r");
    user.sees("ended 5");
    assert_eq!(user.settings(), before);
    user.tool.kill().expect("a shell");
    status_of(&mut user.tool);
}

#[test]
fn without_one_the_users_terminal_stays_out_of_reach() {
    let scene = Scene::start();
    let show = "ls -l /proc/self/fd; tty; echo done";
    let script = format!("set +e; $RUN --rm sh -c '{show}' 2>&1; echo end");
    let mut user = User::sits_before(&scene, &script);
    user.sees("end");
    // Typed by a container, it would be run by the user's shell.
    let script = format!("set +e; $RUN --rm -i sh -c '{show}'; echo end");
    let mut user = User::sits_before(&scene, &script);
    user.sees("0 -> pipe:");
    user.sees("1 -> pipe:");
    user.sees("2 -> pipe:");
    user.sees("not a tty");
    user.sees("end");
}

#[test]
fn nobody_inside_writes_to_the_users_terminal() {
    let scene = Scene::start();
    scene.on_host("$RUN -d --name c sleep 1000");
    // Who has it can also type, and the user's shell obeys (TIOCSTI).
    let write = "(echo canary >/dev/tty) 2>/dev/null || echo out of reach";
    for tool in ["$RUN --rm", "$RUN --rm -i", "$C exec", "$C exec -i"] {
        let which = if tool.contains("exec") { "c" } else { "" };
        let script = format!("{tool} {which} sh -c '{write}'");
        let mut user = User::sits_before(&scene, &script);
        user.sees("out of reach");
        assert_eq!(status_of(&mut user.tool).code(), Some(0));
    }
}

#[test]
fn the_end_of_what_is_typed_is_passed_on() {
    let scene = Scene::start();
    let script = "$RUN --rm -i sh -c 'echo ready; cat; echo over'; echo end";
    let mut user = User::sits_before(&scene, script);
    user.sees("ready");
    user.types("line\r\x04"); // Ctrl-D.
    user.sees("line\r\nline\r\nover");
    user.sees("end");
}

#[test]
fn ctrl_c_ends_a_container_without_a_terminal() {
    let scene = Scene::start();
    let script = "set +e
        $RUN --rm sh -c 'trap \"exit 3\" INT; echo ready
            while :; do sleep 0.05; done'
        echo code $?";
    let script = format!("trap : INT; {script}");
    let mut user = User::sits_before(&scene, &script);
    user.sees("ready");
    user.types("\x03");
    user.sees("code 3");
}
