//! Made, listed, stopped, waited for, removed.

use serde_json::Value;
use support::{InTime, refuses};

use super::scene::{Scene, text};

/// A container that ends when it is asked to, with its own exit code.
const POLITE: &str = "'trap \"exit 7\" TERM; echo ready
    while :; do sleep 0.05; done'";

pub(crate) fn status(scene: &Scene, name: &str) -> String {
    let json = scene.on_host(&format!("$C inspect {name}"));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    json[0]["state"]["status"].as_str().expect("a state").into()
}

#[test]
fn it_ends_as_its_command_does() {
    let scene = Scene::start();
    for (command, code) in [
        ("true", 0),
        ("sh -c 'exit 3'", 3),
        ("sh -c 'kill -KILL $$; sleep 9' ", 0),
        ("no-such-program", 127),
        ("/etc/passwd", 126),
    ] {
        let script = format!("$RUN --rm {command}; echo $?");
        // Number 1 is spared from its own signals.
        if command.contains("KILL") {
            let script = format!("$RUN --rm --init {command}");
            let output = scene.shell(&script).in_time();
            assert_eq!(output.status.code(), Some(137), "{output:?}");
            continue;
        }
        let script = format!("set +e; {script}");
        let shown = scene.on_host(&script);
        assert_eq!(shown.trim(), code.to_string(), "{command}");
    }
    let own = scene.options().join(" ");
    let missing = format!("$C run {own} --rootfs /no/such true");
    refuses(scene.shell(&missing), 125, "ENOENT");
    assert_eq!(scene.files(), "");
}

#[test]
fn in_the_background_it_outlives_whoever_started_it() {
    let scene = Scene::start();
    let id = scene.on_host("$RUN -d --name web sleep 1000");
    assert_eq!(id.trim().len(), 12);
    let listed = scene.on_host("$C ps");
    let line = listed.lines().nth(1).expect("a container");
    assert!(line.starts_with(id.trim()), "{line}");
    assert!(line.contains("\"sleep 1000\"") && line.contains("Up "), "{line}");
    assert!(line.ends_with("web"), "{line}");
    // Nobody but the owner is its parent.
    assert_eq!(status(&scene, "web"), "running");
    assert_eq!(scene.on_host("$C ps -q"), id);
    assert_eq!(scene.on_host("$C rm -f web; $C ps -aq"), "web\n");
    assert_eq!(scene.files(), "");
}

#[test]
fn stopped_it_may_end_by_itself_and_else_is_killed() {
    let scene = Scene::start();
    scene.on_host(&format!("$RUN -d --name polite sh -c {POLITE}"));
    scene.eventually("$C logs polite | grep -q ready");
    scene.on_host("$C stop polite");
    assert_eq!(scene.on_host("$C wait polite"), "7\n");
    assert_eq!(status(&scene, "polite"), "exited");
    assert!(scene.on_host("$C ps -a").contains("Exited (7)"));
    // Number 1 does not even get a signal that it has no handler for.
    scene.on_host("$RUN -d --name rude sleep 1000");
    scene.on_host("$C stop -t 0 rude");
    assert_eq!(scene.on_host("$C wait rude"), "137\n");
    scene.on_host("$C stop rude"); // It is.
    scene.on_host("$C rm polite rude");
    assert_eq!(scene.files(), "");
}

#[test]
fn a_signal_is_sent_by_name_or_number() {
    let scene = Scene::start();
    let script = "'trap \"exit 1\" USR1; trap \"exit 2\" 34
        echo ready; while :; do sleep 0.05; done'";
    for (signal, code) in [("USR1", "1\n"), ("sigusr1", "1\n")] {
        scene.on_host(&format!("$RUN -d --name c sh -c {script}"));
        scene.eventually("$C logs c | grep -q ready");
        scene.on_host(&format!("$C kill -s {signal} c"));
        assert_eq!(scene.on_host("$C wait c; $C rm c >/dev/null"), code);
    }
    scene.on_host("$RUN -d --name c sleep 1000");
    assert_eq!(scene.on_host("$C kill c; $C wait c"), "c\n137\n");
    refuses(scene.shell("$C kill c"), 125, "is not running");
    refuses(scene.shell("$C exec c true"), 125, "is not running");
}

#[test]
fn who_waits_for_one_that_is_forgotten_still_hears_its_code() {
    let scene = Scene::start();
    let shown = scene.on_host(&format!(
        "$RUN -d --rm --name c sh -c {POLITE} >/dev/null
        until $C logs c | grep -q ready; do :; done
        $C wait c & waiter=$!
        until ls -l /proc/$waiter/fd | grep -q life; do :; done
        $C kill -s TERM c; wait"
    ));
    assert_eq!(shown, "c\n7\n");
    scene.eventually("! $C inspect c 2>/dev/null");
    assert_eq!(scene.files(), "");
}

#[test]
fn an_id_can_be_shortened_as_long_as_it_is_one() {
    let scene = Scene::start();
    let id = scene.on_host("$RUN -d --name one sleep 1000");
    let short = &id[..6];
    let name = format!("$C inspect {short} | grep -c '\"name\": \"one\"'");
    assert_eq!(scene.on_host(&name), "1\n");
    // Seventeen ids: two of them begin alike.
    scene
        .on_host("i=0; while [ $i -lt 16 ]; do $RUN -d true; i=$((i+1)); done");
    let all = scene.on_host("$C ps -aq");
    let first = |digit| all.lines().filter(move |id| id.starts_with(digit));
    let digit = all.lines().map(|id| &id[..1]).find(|d| first(*d).count() > 1);
    let digit = digit.expect("17 ids and 16 digits");
    refuses(scene.shell(&format!("$C inspect {digit}")), 125, "begins with");
    refuses(scene.shell("$C inspect nobody"), 125, "no container \"nobody\"");
    scene.on_host("$C rm -f $($C ps -aq)");
    assert_eq!(scene.files(), "");
}

#[test]
fn a_name_belongs_to_one_at_a_time() {
    let scene = Scene::start();
    scene.on_host("$RUN -d --name web sleep 1000");
    let again = "$RUN -d --name web true";
    refuses(scene.shell(again), 125, "there is a container named \"web\"");
    scene.on_host("$C rm -f web");
    scene.on_host(&format!("{again}; $C wait web"));
    let output = scene.shell("$RUN --name ../x true").in_time();
    assert!(String::from_utf8_lossy(&output.stderr).contains("it takes"));
    scene.on_host("$C rm web");
    assert_eq!(scene.files(), "");
}

#[test]
fn one_that_runs_is_not_removed_by_mistake() {
    let scene = Scene::start();
    scene.on_host("$RUN -d --name web sleep 1000");
    refuses(scene.shell("$C rm web"), 125, "the container web is running");
    assert_eq!(status(&scene, "web"), "running");
}

#[test]
fn what_was_done_is_said_by_the_name_that_was_given() {
    let scene = Scene::start();
    let id = scene.on_host("$RUN -d --name web sleep 1000");
    let short = format!("{}\n", &id[..8]);
    for verb in ["kill -s CONT", "stop -t 0", "rm"] {
        assert_eq!(scene.on_host(&format!("$C {verb} {short}")), short);
    }
    if scene.has_groups() {
        scene.on_host("$RUN -d --name web sleep 1000");
        let both = scene.on_host("$C pause web; $C unpause web");
        assert_eq!(both, "web\nweb\n");
    }
    scene.on_host("$C rm -f web 2>/dev/null || true");
    // One that fails keeps none of the others from it.
    scene.on_host("for n in a b; do $RUN -d --name $n sh -c 'exit 3'; done");
    let script = "set +e; $C wait a b; $C rm a nobody b 2>/run/err; echo $?";
    assert_eq!(scene.on_host(script), "3\n3\na\nb\n125\n");
    assert!(scene.on_host("cat /run/err").contains("container \"nobody\""));
    assert_eq!(scene.files(), "");
}

#[test]
fn in_the_background_it_keeps_no_file_of_who_has_started_it() {
    let scene = Scene::start();
    // A pipe, whose reader ends when nobody has the other end any more.
    let script = "mkfifo /run/fifo; cat /run/fifo & exec 9>/run/fifo
        START; exec 9>&-; wait; echo ended";
    for start in [
        "$RUN -d --name c sleep 1000 >/dev/null",
        "$C exec -d c sleep 1000",
        "$CREATE sleep 1000 >/dev/null",
    ] {
        let script = script.replace("START", start);
        assert_eq!(scene.on_host(&script), "ended\n", "{start}");
        scene.on_host("rm /run/fifo");
    }
}

#[test]
fn paused_it_stands_still() {
    let scene = Scene::start();
    if !scene.has_groups() {
        support::skip!("groups must be delegated", "sudo");
    }
    let count = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done";
    scene.on_host(&format!("$RUN -d --name c sh -c '{count}'"));
    scene.eventually("$C logs c | grep -q 5");
    scene.on_host("$C pause c");
    assert!(scene.on_host("$C ps").contains("(Paused)"));
    let lines = "$C logs c | wc -l";
    let before = scene.on_host(&format!("sleep 0.2; {lines}"));
    assert_eq!(scene.on_host(&format!("sleep 0.3; {lines}")), before);
    refuses(scene.shell("$C exec c true"), 125, "is paused");
    scene.on_host("$C unpause c");
    scene.eventually(&format!("[ $({lines}) -gt {} ]", before.trim()));
    // Who stands still can be removed all the same.
    scene.on_host("$C pause c; $C rm -f c");
    assert_eq!(scene.files(), "");
}

#[test]
fn whether_it_is_paused_the_kernel_says() {
    let scene = Scene::start();
    if !scene.has_groups() {
        support::skip!("groups must be delegated", "sudo");
    }
    scene.on_host("$RUN -d --name c sleep 1000");
    let mark = "/run/workshop/containers/$($C ps -q)/paused";
    scene.on_host(&format!("touch {mark}"));
    assert_eq!(status(&scene, "c"), "running", "a mark alone says nothing");
    scene.on_host("$C pause c");
    assert_eq!(status(&scene, "c"), "paused");
    // Nor does whoever stands still without one keep anybody waiting.
    scene.on_host(&format!("rm {mark}; $C stop -t 0 c; $C rm c"));
    assert_eq!(scene.files(), "");
}

#[test]
fn of_several_commands_at_once_each_finds_what_there_is() {
    let scene = Scene::start();
    // All want the same name, and all that there is removed.
    let script = "
        one() {
            $RUN -d --name same sleep 1000 >/dev/null 2>&1 || true
            $C stop -t 0 same >/dev/null 2>&1 || true
            $C rm -f same >/dev/null 2>&1 || true
            $C ps -a >/dev/null || echo ps failed
        }
        for i in 1 2 3 4; do
            for j in 1 2 3 4 5; do one & done
            wait
        done
        $C rm -f same 2>/dev/null || true";
    assert_eq!(scene.on_host(script), "");
    assert_eq!(scene.files(), "");
}

#[test]
fn a_killed_owner_takes_its_container_along_and_the_list_says_so_at_once() {
    let scene = Scene::start();
    let mut who = vec!["--init", "-u 0"];
    if scene.has_users() {
        who.push("-u 7"); // Somebody else.
    }
    who.into_iter().for_each(|who| kill_owner(&scene, who));
}

fn kill_owner(scene: &Scene, options: &str) {
    // In no group: whoever makes the next one kills who is left in a group
    // without an owner, and so would hide that somebody is.
    let group = if scene.has_groups() { "--cgroups disabled" } else { "" };
    scene.on_host(&format!(
        "$RUN -d --name web {options} {group} \
            sh -c 'sleep 1000 & sleep 1000'"
    ));
    let owner = owner_of(scene, "web");
    let listed = scene.on_host(&format!(
        "kill -KILL {owner}; while [ -e /proc/{owner} ]; do :; done
        $C ps -a"
    ));
    assert!(listed.contains("Lost (its owner was killed)"), "{listed}");
    assert_eq!(scene.on_host("$C ps -q"), "");
    scene.eventually("! ps ax | grep -v grep | grep -q 'sleep 1000'");
    assert_eq!(scene.on_host("$C wait web"), "137\n");
    scene.on_host("$C rm web");
    assert_eq!(scene.files(), "");
}

pub(crate) fn owner_of(scene: &Scene, name: &str) -> i64 {
    let json = scene.on_host(&format!("$C inspect {name}"));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    json[0]["state"]["owner"].as_i64().expect("an owner")
}

#[test]
fn a_killed_tool_takes_its_container_along() {
    let scene = Scene::start();
    scene.on_host(
        "$RUN --rm --name web sleep 1000 & tool=$!
        until $C ps | grep -q web; do :; done
        kill -KILL $tool; wait $tool || true
        $C ps -a | grep web && exit 1
        until ! ps ax | grep -v grep | grep -q 'sleep 1000'; do :; done",
    );
    assert_eq!(scene.files(), "", "a forgotten one is forgotten by `ps`");
}

#[test]
fn after_the_machine_was_restarted_the_records_say_so() {
    let scene = Scene::start();
    scene.on_host(
        "$RUN -d --name web sleep 1000
        cp -r /run/workshop/containers /run/saved
        $C rm -f web
        cd /run/saved
        sed -i 's/\"boot\": \".*\"/\"boot\": \"another\"/' */record.json",
    );
    let listed = scene.on_host("$C --state /run/saved ps -a");
    assert!(listed.contains("Lost (the machine was restarted)"), "{listed}");
    scene.on_host("$C --state /run/saved rm web");
    assert_eq!(scene.on_host("$C --state /run/saved ps -aq"), "");
}

#[test]
fn a_record_of_another_version_is_not_guessed_at() {
    let scene = Scene::start();
    scene.on_host(
        "$RUN -d --name web true; $C wait web
        sed -i 's/\"version\": 1,/\"version\": 99,/' \
            /run/workshop/containers/*/record.json",
    );
    refuses(scene.shell("$C inspect web"), 125, "has version 99");
}

#[test]
fn lists_are_for_programs_too() {
    let scene = Scene::start();
    scene.on_host("$RUN -d --name web sleep 1000");
    let parse = |script: &str| -> Value {
        serde_json::from_str(&scene.on_host(script)).expect("JSON")
    };
    let listed = parse("$C ps --format json");
    assert_eq!(listed[0]["name"], "web");
    assert_eq!(listed[0]["state"], "running");
    let processes = parse("$C top web --format json");
    assert_eq!(processes[0]["cmd"], "sleep 1000");
    let usage = parse("$C stats web --format json");
    assert_eq!(usage[0]["name"], "web");
    if scene.has_groups() {
        assert!(usage[0]["memory_bytes"].as_u64() > Some(0), "{usage}");
        assert_eq!(usage[0]["pids"], 1, "{usage}");
    }
}

#[test]
fn a_shell_can_complete_the_commands() {
    let scene = Scene::start();
    for shell in ["bash", "zsh", "fish"] {
        let script =
            text(&scene.shell(&format!("$C completion {shell}")).in_time());
        assert!(script.contains("inspect"), "{shell}");
    }
}
