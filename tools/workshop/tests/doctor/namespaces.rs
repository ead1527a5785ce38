//! Which namespaces there are, and who may make them.

use workshop::doctor::Status::{Ok as Fine, Problem, Warning};

use crate::fixture::{STATUS, USER, machine};

#[test]
fn each_kind_of_namespace_must_be_there() {
    let fixture = machine(&[]).without(&["proc/self/ns/time"]);
    fixture.expect("namespaces", Problem, "lacks time");
}

#[test]
fn namespaces_may_be_limited() {
    machine(&[("proc/sys/user/max_net_namespaces", "0\n")]).expect(
        "namespace-limits",
        Problem,
        "user.max_net_namespaces=0",
    );
    let limits = &[
        "proc/sys/user/max_user_namespaces",
        "proc/sys/user/max_net_namespaces",
    ];
    machine(&[]).without(limits).expect("namespace-limits", Warning, "unknown");
}

#[test]
fn user_namespaces_may_be_for_root_only() {
    let switch = ("proc/sys/kernel/unprivileged_userns_clone", "0\n");
    machine(&[switch]).expect("user-namespaces", Warning, "only root");
    let user = (STATUS, USER);
    machine(&[switch, user]).expect("user-namespaces", Problem, "only root");
    machine(&[user]).without(&["proc/self/ns/user"]).expect(
        "user-namespaces",
        Problem,
        "has none",
    );
}

#[test]
fn ubuntu_24_04_restricts_user_namespaces() {
    let path = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    let user = (STATUS, USER);
    machine(&[(path, "1\n"), user]).expect("apparmor", Problem, path_name());
    machine(&[(path, "1\n")]).expect("apparmor", Warning, path_name());
    machine(&[(path, "0\n"), user]).expect("apparmor", Fine, "not restrict");
}

fn path_name() -> &'static str {
    "kernel.apparmor_restrict_unprivileged_userns=1"
}
