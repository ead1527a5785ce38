//! Groups of cgroups(7) whose tool was killed.

use process::Result;

use super::{Leftover, Place};

/// Those that no tool holds.
pub(super) fn find(_: &Place) -> Result<Vec<Leftover>> {
    let group = |path: std::path::PathBuf| Leftover {
        description: format!("group {}", path.display()),
        remove: Box::new(move || cgroups::remove_leftover(&path)),
    };
    Ok(cgroups::leftovers()?.into_iter().map(group).collect())
}
