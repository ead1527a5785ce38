//! An older kernel, as a program sees it: some system calls are not there.

use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{sock_filter, sock_fprog};

/// The calls in which a mount is a descriptor, from open_tree(2) on, and
/// mount_setattr(2): Linux 5.2 to 5.12.
pub const MOUNT_API: [u32; 7] = [428, 429, 430, 431, 432, 433, 442];
/// clone3(2): Linux 5.3.
pub const CLONE3: u32 = 435;
/// openat2(2): Linux 5.6.
pub const OPENAT2: u32 = 437;

/// Has `command`, and all that it starts, find these calls missing: ENOSYS.
///
/// By a seccomp filter, as in a container whose runtime is older than its
/// kernel: seccomp(2). It doesn't look for what kind of machine a call is
/// made, since from 424 on all machines count alike.
pub fn without_calls(command: &mut Command, calls: &[u32]) {
    refusing_calls(command, calls, libc::ENOSYS);
}

/// Has them find these calls refused with `errno`.
pub fn refusing_calls(command: &mut Command, calls: &[u32], errno: i32) {
    let answer = |what, errno: i32| instruction(RETURN, what | errno as u32);
    let mut program = vec![instruction(LOAD, NUMBER)];
    for call in calls {
        // The next one, if it is this call, or the one behind that.
        let is_call = instruction(IF_EQUAL, *call);
        program.push(sock_filter { jf: 1, ..is_call });
        program.push(answer(libc::SECCOMP_RET_ERRNO, errno));
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW, 0));
    // SAFETY: between fork and execve it makes system calls and nothing else.
    unsafe { command.pre_exec(move || install(&mut program)) };
}

/// Has it find user namespaces forbidden, as the seccomp filter of docker(1)
/// does: clone(2) may not make one, and clone3(2), whose flags a filter can't
/// see, is missing.
pub fn without_user_namespaces(command: &mut Command) {
    let new_user = libc::CLONE_NEWUSER as u32;
    let answer = |errno: i32| {
        instruction(RETURN, libc::SECCOMP_RET_ERRNO | errno as u32)
    };
    let mut program = vec![
        instruction(LOAD, NUMBER),
        sock_filter { jf: 1, ..instruction(IF_EQUAL, CLONE3) },
        answer(libc::ENOSYS),
        sock_filter { jf: 3, ..instruction(IF_EQUAL, libc::SYS_clone as u32) },
        instruction(LOAD, FIRST_ARGUMENT),
        sock_filter { jf: 1, ..instruction(IF_SET, new_user) },
        answer(libc::EPERM),
        instruction(RETURN, libc::SECCOMP_RET_ALLOW),
    ];
    // SAFETY: between fork and execve it makes system calls and nothing else.
    unsafe { command.pre_exec(move || install(&mut program)) };
}

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_SET: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
/// Where the number of the call is in `struct seccomp_data`.
const NUMBER: u32 = 0;
/// And the lower half of its first argument.
const FIRST_ARGUMENT: u32 = 16;

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn install(program: &mut [sock_filter]) -> std::io::Result<()> {
    let program =
        sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel reads as many instructions as there are.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program),
        ]
    };
    match results {
        [0, 0] => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
