//! The hosts that `workshop hosts up` made.

use process::Result;

use super::{Leftover, Place};
use crate::hosts;

pub(super) fn find(_: &Place) -> Result<Vec<Leftover>> {
    let all = hosts::running()?;
    let leftover = |holder: hosts::Holder| Leftover {
        description: holder.name(),
        remove: Box::new(move || holder.end()),
    };
    Ok(all.into_iter().map(leftover).collect())
}
