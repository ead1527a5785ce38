//! Containers with a network: the bridge and ports of 08-net, with a life.

use support::program;

use super::scene::Scene;

/// A host that has loopback, and may be a router. `serve` starts a container
/// that answers on port 80, and `ask` says who is seen to ask, or fails.
fn scene() -> (Scene, String) {
    let scene = Scene::start();
    scene.on_host(
        "ip link set lo up
        echo 1 >/proc/sys/net/ipv4/ip_forward
        echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
    );
    let words = format!(
        "peer={}
        serve() {{ $RUN_BRIDGED -d -v $peer:/dev/peer:ro \"$@\" \
            /dev/peer serve tcp 80; }}
        ask() {{ timeout 5 $peer ask tcp \"$@\" 2>/dev/null; }}
        ask_from_another() {{ $RUN_BRIDGED --rm -v $peer:/dev/peer:ro \
            /dev/peer ask tcp \"$@\"; }}
        ",
        program("peer").display()
    );
    (scene, words)
}

#[test]
fn a_published_port_leads_into_it_until_it_ends() {
    let (scene, words) = scene();
    scene.on_host(&format!("{words} serve --name server -p 8080:80"));
    let ask = format!("{words} ask 127.0.0.1 8080");
    scene.eventually(&ask);
    let ports = scene.on_host("$C ps");
    assert!(ports.contains("8080"), "{ports}");
    scene.on_host("$C stop -t 0 server");
    scene.eventually(&format!("! ({ask})"));
    // And the port is free again, for whoever comes next.
    scene.on_host(&format!("{words} serve -p 8080:80"));
    scene.eventually(&ask);
}

#[test]
fn containers_reach_each_other_by_name() {
    let (scene, words) = scene();
    scene.on_host(&format!("{words} serve --name server --hostname web"));
    scene.eventually(&format!("{words} ask_from_another server 80"));
    let unknown = format!("{words} ! ask_from_another nobody 80 2>/dev/null");
    scene.on_host(&unknown);
}

#[test]
fn what_it_had_of_the_network_goes_with_its_owner() {
    let (scene, words) = scene();
    let state = "ip -o link | cut -d : -f 2; nft list ruleset
        find /run/workshop -path /run/workshop/containers -prune -o -print";
    // What stays, such as directories. The bridge is not the last that goes.
    scene.on_host("$RUN_BRIDGED --rm true");
    scene.eventually(
        "! ip link show workshop0 2>/dev/null &&
        ! find /run/workshop -name hosts | grep -q . && sleep 0.2",
    );
    let before = scene.on_host(state);
    scene.on_host(&format!("{words} serve --name server -p 8080:80"));
    let owner = "$C inspect server | sed -n 's/.*\"owner\": //p' | tr -d ,";
    scene.on_host(&format!("kill -KILL $({owner})"));
    scene.eventually(&format!("test \"$({state})\" = '{}'", before.trim_end()));
}

#[test]
fn a_rate_holds_on_both_ends_of_its_cable() {
    let (scene, _) = scene();
    scene.on_host("$RUN_BRIDGED -d --name slow --net-rate 1m sleep 1000");
    assert!(scene.on_host("tc qdisc").contains("tbf"), "the host's end");
    let pid = "$C inspect slow | sed -n 's/.*\"pid\": //p' | tr -d ,";
    let inside = scene.on_host(&format!("nsenter -t $({pid}) -n tc qdisc"));
    assert!(inside.contains("tbf"), "the container's end: {inside}");
}
