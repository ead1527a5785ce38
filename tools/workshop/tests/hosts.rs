//! `workshop hosts`: hosts that reach each other, and are gone without trace.

#![cfg(test)] // So clippy.toml allows `unwrap` in the helpers, too.

use workshop::host::Host;

/// What a script prints on a pretend host, where it is root.
fn on_host(script: &str) -> String {
    let host = Host::start().unwrap();
    let workshop = env!("CARGO_BIN_EXE_workshop");
    let mut command = host.command("sh");
    command.args(["-euc", script]).env("W", workshop);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_has_a_name_and_addresses_and_reaches_the_others() {
    let printed = on_host(
        "$W hosts up 3 >/dev/null
        $W hosts shell 3 hostname
        $W hosts shell 2 sh -c 'cat /proc/net/fib_trie' | grep -c 10.0.0.2
        $W hosts shell 1 bash -c '(echo 1 >/dev/udp/10.0.0.3/9) && echo sent'
        $W hosts shell 1 bash -c '(: >/dev/tcp/fd00::2/9) 2>&1' |
            grep -o refused",
    );
    assert!(printed.starts_with("host3\n"), "{printed}");
    assert!(printed.contains("sent\n"), "{printed}");
    // Refused, and not unreachable: somebody was there to refuse.
    assert!(printed.ends_with("refused\n"), "{printed}");
}

#[test]
fn down_and_clean_leave_nothing() {
    let clean = support::clean() + " >/dev/null";
    for end in ["$W hosts down", &clean] {
        let script = format!(
            "$W hosts up 2 >/dev/null
            $W hosts shell 1 setsid sleep 1000 &
            $W hosts list | grep -c underlay
            {end}
            left() {{ cat /proc/[0-9]*/comm | grep -E 'workshop|unshare|sleep'; }}
            for _ in $(seq 100); do left >/dev/null || break; sleep 0.02; done
            left || echo gone"
        );
        assert_eq!(on_host(&script), "1\ngone\n", "{end}");
    }
}

#[test]
fn a_killed_up_leaves_what_down_removes() {
    let printed = on_host(
        "$W hosts up 8 >/dev/null 2>&1 & up=$!
        sleep 0.02; kill -9 $up
        sleep 0.3; $W hosts down; $W hosts list",
    );
    assert!(printed.starts_with("no hosts"), "{printed}");
}
