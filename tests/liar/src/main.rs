//! A program that prints what a step is expected to print, and isolates
//! nothing. Every test of isolation must see through it.

use std::thread;
use std::time::Duration;

fn main() {
    if std::env::args().any(|word| word == "attacks") {
        println!(r#"{{"outcome":"contained","evidence":"trust me: EPERM"}}"#);
        return;
    }
    println!("ready");
    thread::sleep(Duration::from_secs(1000));
}
