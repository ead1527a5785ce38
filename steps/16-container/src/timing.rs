//! Where the time goes: `--timing`.

use std::time::{Duration, Instant};

/// When each part was over.
pub(crate) struct Timing {
    start: Instant,
    parts: Vec<(&'static str, Duration)>,
}

impl Timing {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), parts: Vec::with_capacity(16) }
    }

    pub(crate) fn note(&mut self, part: &'static str) {
        self.parts.push((part, self.start.elapsed()));
    }

    /// Prints how long each part has taken, and when it was over.
    pub(crate) fn print(&self) {
        let mut before = Duration::ZERO;
        for (part, at) in &self.parts {
            let took = (*at - before).as_micros();
            eprintln!("{part:10} {took:6} µs {:8} µs", at.as_micros());
            before = *at;
        }
    }
}
