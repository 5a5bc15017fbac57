//! The system's allocator, and how often this thread has asked it for memory.

#![expect(
    unsafe_code,
    reason = "an allocator can only be wrapped with unsafe; every call is handed through as it came"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// How often this thread asked for memory.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// Counts and hands through.
struct Counting;

/// The allocator of this test program.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method hands its arguments to the system's allocator unchanged and returns what that returned; the counter
// is a thread-local without a destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, octets: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        count();
        // SAFETY: `octets` came from the system's allocator with `layout`, as the caller promises.
        unsafe { System.realloc(octets, layout, len) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(octets, layout) }
    }
}

/// One more.
fn count() {
    // A thread that is going away has no counter any more, and nobody asks for it.
    ASKED.try_with(|asked| asked.set(asked.get() + 1)).ok();
}

/// How often `work` asks for memory.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn what_allocates_is_seen() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(Box::new([0_u8; 100])))),
        1
    );
    assert_eq!(allocations(|| ()), 0);
}
