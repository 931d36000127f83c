//! What is done with a capture once it is read, on several cores. The outcome never depends on how many there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this gain nothing: the rules have about as much to do as the slowest of them.
const MOST: usize = 4;

/// Both outcomes, worked out at the same time where there may be more than one thread.
pub(crate) fn join<A: Send, B>(
    threads: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B,
) -> (A, B) {
    if threads < 2 {
        return (a(), b());
    }
    thread::scope(|scope| {
        let other = scope.spawn(a);
        let b = b();
        (finished(other), b)
    })
}

/// What `work` makes of each item, in the order of the items.
pub(crate) fn map<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let share = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.map_while(|number| Some((number, work(items.get(number)?)))).collect::<Vec<_>>()
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len()).min(MOST)).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        others.into_iter().for_each(|other| done.extend(finished(other)));
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, made)| made).collect()
}

fn finished<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_items_however_many_threads_there_are() {
        let items: Vec<u64> = (0..1000).collect();
        for threads in 1..5 {
            assert_eq!(map(threads, &items, |item| item * 2), (0..2000).step_by(2).collect::<Vec<_>>());
            assert_eq!(join(threads, || 1, || 2), (1, 2));
        }
        assert!(map(3, &[], |item: &u8| *item).is_empty());
    }
}
