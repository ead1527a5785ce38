//! What is exchanged is in the end as it was.

use crate::host::{Host, hosts, text};

/// What a shell prints that has a directory and a link to exchange, and
/// knows as `is_as_before` whether they are in their places.
fn printed(host: &Host, script: &str) -> String {
    let prepared = format!(
        "cd $(mktemp -d); mkdir directory; ln -s / link
        is_as_before() {{ [ ! -L directory ] && [ -L link ]; }}
        both_were_seen() {{
            until [ -L directory ]; do :; done
            until [ -d directory ] && [ ! -L directory ]; do :; done
        }}
        {script}"
    );
    text(host.command("timeout").args(["20", "sh", "-c", &prepared]))
}

/// How often the last line says that it exchanged.
fn count(printed: &str) -> u64 {
    let line = printed.lines().last().unwrap();
    let words: Vec<_> = line.split(' ').collect();
    let ["exchanged", count, "times"] = words[..] else { panic!("{printed}") };
    count.parse().unwrap()
}

#[test]
fn signals_end_it_after_an_even_number() {
    for host in hosts() {
        for signal in ["TERM", "INT"] {
            let script = format!(
                "attacks exchange directory link >count & exchange=$!
                both_were_seen; kill -{signal} $exchange
                wait $exchange && is_as_before && cat count"
            );
            let count = count(&printed(&host, &script));
            assert!(count > 0 && count.is_multiple_of(2), "{count}");
        }
    }
}

#[test]
fn it_ends_with_its_parent() {
    for host in hosts() {
        let script = "(
                attacks exchange directory link >count &
                both_were_seen
            )
            until [ -s count ]; do sleep 0.02; done
            is_as_before && cat count";
        assert!(count(&printed(&host, script)) > 0);
    }
}

#[test]
fn it_ends_in_time() {
    for host in hosts() {
        let script =
            "attacks exchange directory link --for 0.1 && is_as_before";
        assert!(count(&printed(&host, script)) > 0);
    }
}

#[test]
fn what_can_not_be_exchanged_is_named_with_a_hint() {
    let cases = [
        ("directory missing", "ENOENT", "both must be there"),
        ("directory directory/inner", "EINVAL", "one is inside the other"),
        ("directory mounted/inner", "EXDEV", "one file system"),
        ("directory mounted", "EBUSY", "something is mounted"),
    ];
    for host in hosts() {
        for (paths, errno, hint) in cases {
            let said = printed(
                &host,
                &format!(
                    "mkdir mounted directory/inner
                    mount -n -t tmpfs none mounted; mkdir mounted/inner
                    attacks exchange {paths} --for 1 2>&1; echo status $?"
                ),
            );
            for part in [errno, "hint: ", hint, "status 1\n"] {
                assert!(said.contains(part), "{part:?} is not in {said}");
            }
        }
    }
}
