//! One at a time mounts, or unmounts, below a root directory: flock(2).

use std::fs::File;

use process::{Call, Result};

/// The right to mount and unmount below `/`, until it is dropped.
///
/// Containers may have one root directory, and thus each other's mounts in the
/// host's table. Without a lock, one that ends could take for its own what
/// another mounts at that moment, or pull away what it mounts it on.
#[must_use = "the right ends with it"]
#[derive(Debug)]
pub struct RootLock {
    _root: File,
}

impl RootLock {
    /// Waits until nobody else has it.
    pub fn take() -> Result<Self> {
        let root = File::open("/").call("open(\"/\")")?;
        root.lock().call("flock(\"/\", LOCK_EX)")?;
        Ok(Self { _root: root })
    }
}
