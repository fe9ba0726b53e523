//! The allocator of a guest: talc, in memory that the guest has from the start, and what it grows by.
#![allow(unsafe_code, reason = "a global allocator is made of it")]

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use talc::base::binning::Binning;
use talc::base::{CHUNK_UNIT, Talc};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Bytes that a guest has from the start. Memory that grows has its protection changed, and changed back once the guest has ended:
/// most of what a short call costs. Until they are touched, these cost nothing.
const FIRST: usize = 256 << 10;
/// Bytes of a page of a WebAssembly memory.
const PAGE: usize = 64 << 10;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Heap, WasmBinning> = TalcSyncCell::new_wasm(Heap { end: None, is_begun: false });

static mut BEGINNING: [MaybeUninit<u8>; FIRST] = [MaybeUninit::uninit(); FIRST];

/// Where the allocator gets its memory.
#[derive(Debug)]
struct Heap {
    /// Where the memory that was grown last ends.
    end: Option<NonNull<u8>>,
    is_begun: bool,
}

// SAFETY: it calls no allocator, and uses no type that does.
unsafe impl Source for Heap {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.is_begun {
            talc.source.is_begun = true;
            // SAFETY: nothing else has its address.
            unsafe { talc.claim((&raw mut BEGINNING).cast(), FIRST) };
            // Should it be too small, this is asked again.
            return Ok(());
        }
        // What talc itself needs of a heap, a tag at each end and one of a chunk, is less than this.
        let bytes = layout.size().saturating_add(layout.align()).saturating_add(4 * CHUNK_UNIT);
        let pages = bytes.div_ceil(PAGE);
        let before = std::arch::wasm32::memory_grow::<0>(pages);
        if before == usize::MAX {
            return Err(());
        }
        // The last page of all ends where addresses do.
        let base = std::ptr::without_provenance_mut::<u8>(before * PAGE);
        let end = base.wrapping_add(pages * PAGE);
        let end = if end.is_null() { std::ptr::without_provenance_mut(usize::MAX) } else { end };
        talc.source.end = match talc.source.end {
            // SAFETY: the memory up to `end` has just been made, next to that of this heap.
            Some(last) if last.as_ptr() == base => Some(unsafe { talc.extend(last, end) }),
            // SAFETY: the memory has just been made.
            _ => unsafe { talc.claim(base, pages * PAGE) },
        };
        Ok(())
    }
}
