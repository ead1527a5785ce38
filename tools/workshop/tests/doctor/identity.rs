//! Who asks, and what that user may do.

use workshop::doctor::Status::{Ok as Fine, Problem, Warning};

use crate::fixture::{ROOT, STATUS, USER, machine};

#[test]
fn root_of_a_user_namespace_is_not_root() {
    machine(&[(STATUS, USER)]).expect("user", Warning, "ann");
    machine(&[("proc/self/uid_map", "0 1000 1\n")]).expect(
        "user",
        Warning,
        "user namespace",
    );
}

#[test]
fn missing_capabilities_of_root_are_named() {
    let of = |mask: &str| {
        let status = format!("Uid:\t0\t0\t0\t0\nCapEff:\t{mask}\n");
        machine(&[(STATUS, &status)])
    };
    of("000001fffeffffff").expect("capabilities", Warning, "CAP_SYS_RESOURCE");
    of("000001ffffdfffff").expect("capabilities", Problem, "CAP_SYS_ADMIN");
    // CAP_WAKE_ALARM, of which the kit has no need; then docker's fourteen.
    of("000001f7ffffffff").expect("capabilities", Warning, "WAKE_ALARM");
    of("00000000a80425fb").expect("capabilities", Problem, "CAP_NET_ADMIN");
    let user = machine(&[(STATUS, USER)]);
    user.expect("capabilities", Fine, "ordinary user");
}

#[test]
fn a_user_needs_subordinate_ids() {
    let user = (STATUS, USER);
    machine(&[user]).expect("subordinate-ids", Fine, "65536 users");
    machine(&[user, ("etc/subuid", "bob:1:65536\n")]).expect(
        "subordinate-ids",
        Warning,
        "ann has 0 users",
    );
    machine(&[user, ("etc/subgid", "1000:1:40000\n1000:50000:30000\n")])
        .expect("subordinate-ids", Fine, "70000 groups");
}

#[test]
fn newuidmap_is_needed() {
    let lacks =
        |status| machine(&[(STATUS, status)]).without(&["usr/bin/newgidmap"]);
    lacks(USER).expect("newuidmap", Warning, "not installed");
    lacks(ROOT).expect("newuidmap", Warning, "not installed");
}
