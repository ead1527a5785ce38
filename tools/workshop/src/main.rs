//! The learner's and teacher's command.
fn main() {
    let h = workshop::host::Host::start().unwrap();
    println!("{:?}", h);
    let o = h.command("sh").args(["-c","id; hostname; cat /proc/self/setgroups; cat /proc/self/uid_map; ps ax"]).output().unwrap();
    println!("{o:?}");
}
