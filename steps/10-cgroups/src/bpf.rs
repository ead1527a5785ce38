//! What has no file in version 2: a program that the kernel asks.
//!
//! Each time a process of the group opens a device, or makes a node, the kernel
//! runs a program of ours with the question in `struct bpf_cgroup_dev_ctx`, and
//! its result is the answer: 1 for yes. The program is in eBPF, the machine
//! language of a machine that the kernel plays: ten registers, instructions of
//! eight bytes (bpf(2)). Another one is asked about each packet that the group
//! sends, and may give it a priority.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use process::{Call, Hint, Result};

use crate::devices::Rule;

/// An instruction: code, registers (the lower four bits are the target's),
/// how far to jump or where to look, and a number.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(crate) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    number: i32,
}

/// Codes, from <linux/bpf_common.h>.
const LOAD: u8 = 0x61; // 32 bits from memory
const COPY: u8 = 0xbc; // 32 bits from another register
const SET: u8 = 0xb7; // a number
const AND: u8 = 0x54;
const UNLESS_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;
const STORE: u8 = 0x63; // 32 bits to memory

/// Where the question is in the context, which register 1 points to.
const ACCESS: i16 = 0; // what << 16 | kind
const MAJOR: i16 = 4;
const MINOR: i16 = 8;

/// Where in `struct __sk_buff`, if it is about a packet.
const PRIORITY: i16 = 32;
const INTERFACE: i16 = 40;

/// From <linux/bpf.h>.
const BLOCK: i32 = 1;
const CHARACTER: i32 = 2;

fn instruction(code: u8, to: u8, from: u8, number: i32) -> Instruction {
    Instruction { code, registers: from << 4 | to, offset: 0, number }
}

/// For each rule: is it this kind, may all of that be done, is it this
/// device? Then yes; else the next rule. At the end no.
pub(crate) fn assemble(rules: &[Rule]) -> Vec<Instruction> {
    let load =
        |to, offset| Instruction { offset, ..instruction(LOAD, to, 1, 0) };
    // 2: the kind; 3: what is to be done; 4 and 5: the device.
    let mut program = vec![
        load(2, ACCESS),
        instruction(AND, 2, 0, 0xffff),
        load(3, ACCESS),
        instruction(0x74, 3, 0, 16), // shifted right
        load(4, MAJOR),
        load(5, MINOR),
    ];
    for rule in rules {
        let block = rule_to_code(rule);
        let length = block.len();
        program.extend(block.into_iter().enumerate().map(|(i, line)| {
            // Every comparison that fails leads behind the block.
            match line.code {
                UNLESS_EQUAL => {
                    Instruction { offset: (length - i - 1) as i16, ..line }
                }
                _ => line,
            }
        }));
    }
    program.push(instruction(SET, 0, 0, 0));
    program.push(instruction(EXIT, 0, 0, 0));
    program
}

fn rule_to_code(rule: &Rule) -> Vec<Instruction> {
    let kind = if rule.kind == 'b' { BLOCK } else { CHARACTER };
    let bit = |c| match c {
        'm' => 1,
        'r' => 2,
        _ => 4,
    };
    let allowed: i32 = rule.access.chars().map(bit).fold(0, |a, b| a | b);
    let mut code = vec![
        instruction(UNLESS_EQUAL, 2, 0, kind),
        instruction(COPY, 6, 3, 0),
        instruction(AND, 6, 0, !allowed), // What is asked for beyond that:
        instruction(UNLESS_EQUAL, 6, 0, 0), // nothing.
    ];
    for (register, number) in [(4, rule.major), (5, rule.minor)] {
        if let Some(number) = number {
            code.push(instruction(UNLESS_EQUAL, register, 0, number as i32));
        }
    }
    code.push(instruction(SET, 0, 0, 1));
    code.push(instruction(EXIT, 0, 0, 0));
    code
}

/// What leaves by this interface gets the priority; and all may leave.
pub(crate) fn prioritize(interface: u32, priority: u32) -> Vec<Instruction> {
    let at = |offset, line| Instruction { offset, ..line };
    vec![
        at(INTERFACE, instruction(LOAD, 2, 1, 0)),
        at(2, instruction(UNLESS_EQUAL, 2, 0, interface as i32)),
        instruction(SET, 3, 0, priority as i32),
        at(PRIORITY, instruction(STORE, 1, 3, 0)),
        instruction(SET, 0, 0, 1),
        instruction(EXIT, 0, 0, 0),
    ]
}

/// `union bpf_attr` for BPF_PROG_LOAD, as far as we need it.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The same for BPF_PROG_ATTACH.
#[repr(C)]
struct Attach {
    target: i32,
    program: i32,
    kind: u32,
    flags: u32,
}

const BPF_PROG_LOAD: i32 = 5;
const BPF_PROG_ATTACH: i32 = 8;
/// The programs of the groups above are asked too, and all must say yes.
const BPF_F_ALLOW_MULTI: u32 = 2;

/// When the kernel asks: the type of the program, and its place at the group.
#[derive(Debug)]
pub(crate) struct Hook {
    name: &'static str,
    program: u32,
    place: u32,
}

/// BPF_PROG_TYPE_CGROUP_DEVICE and BPF_CGROUP_DEVICE.
pub(crate) const DEVICES: Hook =
    Hook { name: "devices", program: 15, place: 6 };

/// BPF_PROG_TYPE_CGROUP_SKB and BPF_CGROUP_INET_EGRESS.
pub(crate) const PACKETS: Hook =
    Hook { name: "--net-priority", program: 8, place: 1 };

/// Has the kernel ask the program about all that the group does.
pub(crate) fn attach(
    group: &Path,
    hook: &Hook,
    program: &[Instruction],
) -> Result<()> {
    let Hook { name, .. } = hook;
    let load = Load {
        kind: hook.program,
        count: program.len() as u32,
        instructions: program.as_ptr().addr() as u64,
        license: c"MIT".as_ptr().addr() as u64,
        ..Load::default()
    };
    let program = bpf(BPF_PROG_LOAD, &load)
        .call(format_args!("{name}: bpf(BPF_PROG_LOAD)"))
        .hint(Errno::EPERM, "it takes root: CAP_BPF and CAP_NET_ADMIN")?;
    // SAFETY: the kernel has just opened it, and nobody else knows of it.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    let open = File::open(group).call(format_args!("open({group:?})"))?;
    let attach = Attach {
        target: open.as_raw_fd(),
        program: program.as_raw_fd(),
        kind: hook.place,
        flags: BPF_F_ALLOW_MULTI,
    };
    bpf(BPF_PROG_ATTACH, &attach)
        .map(drop)
        .call(format_args!("{name}: bpf(BPF_PROG_ATTACH, {group:?})"))
        .hint(
            Errno::EPERM,
            "the program of a group above does not allow others below it",
        )
}

/// nix has no bpf(2).
fn bpf<T>(command: i32, attribute: &T) -> nix::Result<i32> {
    let (at, size) = (std::ptr::from_ref(attribute), size_of::<T>());
    // SAFETY: the kernel reads `size` bytes, and what they point to: the
    // program and the licence, which outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, at, size) };
    Errno::result(result).map(|fd| fd as i32)
}
