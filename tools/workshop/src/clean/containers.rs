//! Containers of which nobody knows how they have ended. Those that run, or
//! have ended in order, are no leftovers: `16-container rm` forgets them.

use container::Store;
use process::Result;

use super::{Leftover, Place};

pub(super) fn find(_: &Place) -> Result<Vec<Leftover>> {
    let Some(store) = Store::usual() else { return Ok(Vec::new()) };
    let leftovers = store.leftovers()?.into_iter();
    Ok(leftovers
        .map(|path| {
            let store = store.clone();
            Leftover {
                description: format!("container {}", path.display()),
                remove: Box::new(move || store.remove_leftover(&path)),
            }
        })
        .collect())
}
