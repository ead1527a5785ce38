//! What a container in the background has written.

use super::scene::Scene;

#[test]
fn each_stream_comes_out_where_it_went_in() {
    let scene = Scene::start();
    scene.on_host(
        "$RUN -d --name c sh -c 'echo out; echo err >&2; printf end'
        $C wait c; $C logs c >/run/out 2>/run/err",
    );
    assert_eq!(scene.on_host("cat /run/out"), "out\nend");
    assert_eq!(scene.on_host("cat /run/err"), "err\n");
    let first = "$C logs -t c 2>/dev/null | head -n 1";
    let line = scene.on_host(first);
    let (time, rest) = line.split_once(' ').expect("a time");
    assert_eq!(rest, "out\n");
    assert!(time.ends_with('Z') && time.len() == 24, "{time}");
}

#[test]
fn who_follows_sees_it_come_until_the_end() {
    let scene = Scene::start();
    let count = "i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo $i
        sleep 0.01; done";
    let shown = scene.on_host(&format!(
        "$RUN -d --name c sh -c '{count}' >/dev/null; $C logs -f c"
    ));
    let expected: String = (1..=50).map(|n| format!("{n}\n")).collect();
    assert_eq!(shown, expected);
}

#[test]
fn a_log_has_an_end_and_it_is_the_last_that_is_kept() {
    let scene = Scene::start();
    scene.on_host(
        "$RUN -d --name c sh -c 'yes 0123456789 | head -n 200000; echo last'
        $C wait c",
    );
    let size = scene.on_host(
        "cat /run/workshop/containers/*/log* | wc -c; ls \
            /run/workshop/containers/*/ | grep -c '^log'",
    );
    let size: Vec<_> = size.split_whitespace().collect();
    let bytes: u64 = size[0].parse().expect("a number");
    assert!((1 << 20..=2 << 20).contains(&bytes), "{bytes}");
    assert_eq!(size[1], "2");
    assert_eq!(scene.on_host("$C logs -n 1 c"), "last\n");
}

#[test]
fn any_bytes_can_be_written() {
    let scene = Scene::start();
    let write = r"printf '\000\377\r\n\033[1m\n'";
    scene.on_host(&format!("$RUN -d --name c sh -c \"{write}\"; $C wait c"));
    let shown = scene.on_host("$C logs c | od -An -tx1");
    let bytes: Vec<_> = shown.split_whitespace().collect();
    assert_eq!(bytes, ["00", "ff", "0d", "0a", "1b", "5b", "31", "6d", "0a"]);
}

#[test]
fn who_stays_sees_it_and_there_is_a_log_all_the_same() {
    let scene = Scene::start();
    let shown = scene.on_host(
        "set +e; $RUN --name c sh -c 'echo out; echo err >&2; exit 3' \
            2>/run/err; echo $?; cat /run/err",
    );
    assert_eq!(without_note(&shown), "out\n3\nerr\n");
    let log = scene.on_host("$C logs c 2>/run/err; cat /run/err");
    assert_eq!(log, "out\nerr\n");
    let rm =
        "$RUN --rm --name d sh -c 'echo out; echo err >&2' 2>&1; $C ps -aq";
    let shown = without_note(&scene.on_host(rm));
    assert_eq!(shown.lines().count(), 3, "c alone is left");
}

/// What was shown, but for what the tool says of its layer before Linux 6.6,
/// an error and its hint.
fn without_note(shown: &str) -> String {
    const NOTE: &str = "16-container: a directory that is removed can't be";
    let mut lines: Vec<_> = shown.lines().collect();
    if let Some(at) = lines.iter().position(|line| line.starts_with(NOTE)) {
        assert!(lines[at + 1].starts_with("hint: "), "{shown}");
        lines.drain(at..at + 2);
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_written_without_end_ends_when_nobody_reads_it() {
    let scene = Scene::start();
    for options in ["--rm", "--name c"] {
        let run = format!("$RUN {options} yes 2>/dev/null | head -n 1");
        assert_eq!(scene.on_host(&run), "y\n", "{options}");
    }
    let follow = "$RUN -d --name d yes >/dev/null; $C logs -f d | head -n 1";
    assert_eq!(scene.on_host(follow), "y\n");
}
