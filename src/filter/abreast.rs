//! The same work on many values, on all cores: making rules ready is what popgate's start waits for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `work` makes of each value, in their order. Long work had better come first.
pub(crate) fn abreast<T: Sync, R: Send>(values: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let some = || {
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            match values.get(number) {
                Some(value) => made.push((number, work(value))),
                None => return made,
            }
        }
    };
    let mut made = thread::scope(|scope| {
        let others = cores.min(values.len()).saturating_sub(1);
        let others: Vec<_> = (0..others).map(|_| scope.spawn(some)).collect();
        let mut made = some();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays() {
        let values: Vec<usize> = (0..1000).collect();
        let doubled: Vec<_> = values.iter().map(|value| value * 2).collect();
        assert_eq!(abreast(&values, |value| value * 2), doubled);
        assert!(abreast(&[] as &[usize], |value| *value).is_empty());
    }
}
