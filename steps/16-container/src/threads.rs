//! The same for many, on all processors.

use std::thread::{available_parallelism, scope};

use process::{Error, Result};

/// With fewer, a thread costs more than it saves.
const FEWEST: usize = 32;

/// What `make` makes of each, in their order.
pub(crate) fn map<'a, T: Sync, U: Send>(
    all: &'a [T],
    make: impl Fn(&'a T) -> Result<U> + Sync,
) -> Result<Vec<U>> {
    let threads = available_parallelism().map_or(1, usize::from);
    let size = all.len().div_ceil(threads).max(FEWEST);
    let make =
        |some: &'a [T]| some.iter().map(&make).collect::<Result<Vec<U>>>();
    let Some((first, others)) = all.split_at_checked(size) else {
        return make(all);
    };
    scope(|scope| {
        let others: Vec<_> = others
            .chunks(size)
            .map(|some| scope.spawn(|| make(some)))
            .collect();
        let mut made = make(first)?;
        for other in others {
            let other = other.join();
            made.extend(other.map_err(|_| Error::new("a thread panicked"))??);
        }
        Ok(made)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_made_in_their_order() {
        for count in [0, 1, FEWEST, FEWEST + 1, 1000] {
            let all: Vec<_> = (0..count).collect();
            assert_eq!(map(&all, |number| Ok(*number)).unwrap(), all);
        }
    }

    #[test]
    fn a_failure_is_that_of_all() {
        let all: Vec<_> = (0..1000).collect();
        let fail = |number: &usize| match number {
            700 => Err(Error::new("700")),
            _ => Ok(()),
        };
        assert_eq!(map(&all, fail).unwrap_err().to_string(), "700");
    }
}
