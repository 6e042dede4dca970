//! What happens where memory ends. Rust would print and abort; the caller may want to end otherwise.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, Ordering};

pub type Handler = unsafe extern "C" fn();

static HANDLER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

pub fn set_handler(handler: Option<Handler>) {
    let pointer = handler.map_or(std::ptr::null_mut(), |handler| handler as *mut ());
    HANDLER.store(pointer, Ordering::Release);
}

/// The system's allocator, which asks the handler before it fails.
pub struct Allocator;

impl Allocator {
    fn checked(memory: *mut u8) -> *mut u8 {
        let handler = HANDLER.load(Ordering::Acquire);
        if memory.is_null() && !handler.is_null() {
            // SAFETY: only set_handler stores here, and what it stores is a Handler.
            unsafe { std::mem::transmute::<*mut (), Handler>(handler)() };
        }
        memory
    }
}

// SAFETY: every call goes to the system's allocator as it is; the handler does not unwind.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        Self::checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        Self::checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: promised by the caller.
        Self::checked(unsafe { System.realloc(memory, layout, new_size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}
