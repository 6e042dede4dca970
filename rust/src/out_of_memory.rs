//! What happens where memory ends.
//!
//! Rust has no way back from an allocation that fails: it prints and aborts, and an allocator must not unwind. So each call
//! puts a block aside before it begins. Where the system has no memory any more, allocations come out of that block, the
//! call ends as it would have, and what it made is dropped: the caller gets an error. A call that cannot put its block
//! aside does not begin. Only where the block itself is used up is there nothing left but the handler, and then to abort.
//! Why, and how large the blocks are: docs/adr/0024-memory-that-ends-in-rust.md.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

pub type Handler = unsafe extern "C" fn();

static HANDLER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

pub fn set_handler(handler: Option<Handler>) {
    let pointer = handler.map_or(std::ptr::null_mut(), |handler| handler as *mut ());
    HANDLER.store(pointer, Ordering::Release);
}

const ALIGNMENT: usize = 16;

/// Blocks that were allocated from, as [beginning, end): where memory is given back, they are looked up.
const MOST_BLOCKS: usize = 64;
static BLOCKS: [(AtomicUsize, AtomicUsize, AtomicUsize); MOST_BLOCKS] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0)) }; MOST_BLOCKS];
/// Whether there are any, so that nobody looks otherwise.
static ANY_BLOCKS: AtomicBool = AtomicBool::new(false);

/// The block that a thread's call has put aside.
#[derive(Clone, Copy)]
struct Active {
    start: usize,
    size: usize,
    used: usize,
    /// Its place in BLOCKS, once it was allocated from.
    place: Option<usize>,
}

const INACTIVE: Active = Active { start: 0, size: 0, used: 0, place: None };

thread_local! {
    // Without a destructor, so that the allocator may look at it at any time.
    static ACTIVE: Cell<Active> = const { Cell::new(INACTIVE) };
    static KEPT: RefCell<Block> = const { RefCell::new(Block { start: 0, size: 0 }) };
}

/// Memory of the system's allocator, given back with the thread.
struct Block {
    start: usize,
    size: usize,
}

impl Block {
    fn layout(size: usize) -> Layout {
        // SAFETY: a power of two, and sizes are far below the largest one.
        unsafe { Layout::from_size_align_unchecked(size, ALIGNMENT) }
    }

    fn new(size: usize) -> Option<Self> {
        // SAFETY: the size is not 0.
        let start = unsafe { System.alloc(Self::layout(size)) };
        (!start.is_null()).then_some(Block { start: start as usize, size })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.size > 0 {
            // SAFETY: it is of this layout, and nothing lies in it any more.
            unsafe { System.dealloc(self.start as *mut u8, Self::layout(self.size)) }
        }
    }
}

/// Whether this thread's call has run out of memory, and had better end.
pub fn has_run_out() -> bool {
    ACTIVE.get().place.is_some()
}

/// Runs `body` with a block of `wanted` bytes put aside, or of as few as `least`; None: memory ended, before or within.
pub fn with_reserve<T>(wanted: usize, least: usize, body: impl FnOnce() -> T) -> Option<T> {
    if ACTIVE.get().size > 0 {
        return Some(body());
    }
    let none = || Block { start: 0, size: 0 };
    let mut block = KEPT.try_with(|kept| kept.replace(none())).unwrap_or_else(|_| none());
    let mut size = wanted.max(ALIGNMENT);
    while block.size < size {
        match Block::new(size) {
            Some(new) => block = new,
            None if size / 2 < least => return None,
            None => size /= 2,
        }
    }
    drop(std::hint::black_box(Block::new(FOREIGN_BYTES))?);
    ACTIVE.set(Active { start: block.start, size: block.size, ..INACTIVE });
    let result = body();
    let Some(place) = ACTIVE.get().place else {
        ACTIVE.set(INACTIVE);
        // Blocks of ordinary texts stay with the thread.
        if block.size <= KEPT_BYTES {
            // The thread is about to end where there is no place for it any more.
            let _ = KEPT.try_with(|kept| kept.replace(block));
        }
        return Some(result);
    };
    drop(result);
    ACTIVE.set(INACTIVE);
    if BLOCKS[place].2.load(Ordering::Acquire) == 0 {
        release(place);
    } else {
        // Something lives on in it, such as a cache's entry.
        std::mem::forget(block);
    }
    None
}

const KEPT_BYTES: usize = 8 << 20;

/// What the system has to have free beside the block: Oniguruma, which is C, makes a few small allocations for each search
/// and reads them without a look. Below what malloc gives back to the system, so that it stays with the thread.
const FOREIGN_BYTES: usize = 96 << 10;

fn register(start: usize, size: usize) -> Option<usize> {
    ANY_BLOCKS.store(true, Ordering::SeqCst);
    let free = |block: &&(AtomicUsize, AtomicUsize, AtomicUsize)| {
        block.0.compare_exchange(0, start, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    };
    let place = BLOCKS.iter().enumerate().find(|(_, block)| free(block)).map(|(place, _)| place)?;
    BLOCKS[place].2.store(0, Ordering::SeqCst);
    BLOCKS[place].1.store(start + size, Ordering::SeqCst);
    Some(place)
}

fn release(place: usize) {
    BLOCKS[place].1.store(0, Ordering::SeqCst);
    BLOCKS[place].0.store(0, Ordering::SeqCst);
}

/// The block that memory lies in.
fn find(memory: *mut u8) -> Option<usize> {
    if !ANY_BLOCKS.load(Ordering::Relaxed) {
        return None;
    }
    let address = memory as usize;
    let holds = |block: &(AtomicUsize, AtomicUsize, AtomicUsize)| {
        let start = block.0.load(Ordering::SeqCst);
        // Another block may take the place meanwhile: then the two ends are not of one.
        (start..block.1.load(Ordering::SeqCst)).contains(&address) && block.0.load(Ordering::SeqCst) == start
    };
    BLOCKS.iter().position(holds)
}

/// From this thread's block; null where it has none, or no room.
fn allocate_aside(layout: Layout) -> *mut u8 {
    let mut active = ACTIVE.get();
    let begin = (active.start + active.used).next_multiple_of(layout.align().max(ALIGNMENT));
    let end = begin.saturating_add(layout.size());
    if active.size == 0 || end > active.start + active.size {
        return std::ptr::null_mut();
    }
    if active.place.is_none() {
        active.place = register(active.start, active.size);
    }
    let Some(place) = active.place else { return std::ptr::null_mut() };
    active.used = end - active.start;
    ACTIVE.set(active);
    BLOCKS[place].2.fetch_add(1, Ordering::SeqCst);
    begin as *mut u8
}

/// The system's allocator, behind which this thread's block stands.
pub struct Allocator;

impl Allocator {
    fn or_aside(memory: *mut u8, layout: Layout) -> *mut u8 {
        if !memory.is_null() {
            return memory;
        }
        let memory = allocate_aside(layout);
        let handler = HANDLER.load(Ordering::Acquire);
        if memory.is_null() && !handler.is_null() {
            // SAFETY: only set_handler stores here, and what it stores is a Handler.
            unsafe { std::mem::transmute::<*mut (), Handler>(handler)() };
        }
        memory
    }
}

// SAFETY: memory is the system allocator's, or of a block that is nobody else's; the handler does not unwind.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        Self::or_aside(unsafe { System.alloc(layout) }, layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            return memory;
        }
        let memory = Self::or_aside(memory, layout);
        if !memory.is_null() {
            // SAFETY: it has the layout's size.
            unsafe { memory.write_bytes(0, layout.size()) };
        }
        memory
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if find(memory).is_none() {
            // SAFETY: promised by the caller.
            let new = unsafe { System.realloc(memory, layout, new_size) };
            if !new.is_null() {
                return new;
            }
        }
        // SAFETY: the caller promises a size that is not too large; the old memory is of `layout`.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(memory, new, layout.size().min(new_size));
                self.dealloc(memory, layout);
            }
            new
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        match find(memory) {
            Some(place) => drop(BLOCKS[place].2.fetch_sub(1, Ordering::SeqCst)),
            // SAFETY: promised by the caller.
            None => unsafe { System.dealloc(memory, layout) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_finds_memory_gives_its_result() {
        assert_eq!(with_reserve(1 << 16, 1 << 16, || vec![7; 1000].len()), Some(1000));
        assert!(!has_run_out());
    }

    #[test]
    fn a_call_that_cannot_put_its_block_aside_does_not_begin() {
        // More than any address space has.
        let too_much = 1 << 62;
        assert_eq!(with_reserve(too_much, too_much, || unreachable!("it began")), None::<()>);
    }

    #[test]
    fn a_call_within_another_one_uses_its_block() {
        let within = || with_reserve(1 << 62, 1 << 62, || ACTIVE.get().size);
        assert_eq!(with_reserve(1 << 16, 1 << 16, within).flatten(), Some(1 << 16));
    }

    #[test]
    fn what_was_made_in_the_block_is_dropped_and_the_block_is_free_again() {
        let blocks = || BLOCKS.iter().filter(|block| block.0.load(Ordering::SeqCst) != 0).count();
        let result = with_reserve(1 << 16, 1 << 16, || {
            let layout = Layout::array::<u8>(100).expect("a small size");
            let memory = allocate_aside(layout);
            assert!(!memory.is_null() && has_run_out());
            assert_eq!(find(memory), ACTIVE.get().place);
            // SAFETY: it is of this layout, and the allocator finds it in the block.
            unsafe {
                memory.write_bytes(b'x', 100);
                let moved = Allocator.realloc(memory, layout, 200);
                assert_eq!(std::slice::from_raw_parts(moved, 100), [b'x'; 100]);
                Allocator.dealloc(moved, Layout::array::<u8>(200).expect("a small size"));
            }
        });
        assert_eq!(result, None);
        assert!(!has_run_out());
        assert_eq!(blocks(), 0);
    }

    #[test]
    fn a_block_that_is_used_up_gives_no_more() {
        let body = || allocate_aside(Layout::array::<u8>((1 << 16) + 1).expect("a small size")).is_null();
        assert_eq!(with_reserve(1 << 16, 1 << 16, body), Some(true));
    }
}
