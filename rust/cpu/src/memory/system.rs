//! Memory from the operating system: huge-page mappings for large blocks, the allocator for small ones.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ALIGNMENT;

/// Blocks from here on are mappings of their own, aligned for huge pages.
const HUGE_PAGE: usize = 2 << 20;

/// `bytes` zeroed bytes at an address divisible by [`ALIGNMENT`]; `None` where there are none.
pub(super) fn allocate(bytes: usize) -> Option<NonNull<u8>> {
    if is_mapped(bytes) { map(bytes) } else { NonNull::new(allocate_small(bytes)?) }
}

/// Gives memory back.
///
/// # Safety
/// `pointer` came from [`allocate`] with the same `bytes`, and nobody uses it any longer.
pub(super) unsafe fn release(pointer: NonNull<u8>, bytes: usize) {
    if is_mapped(bytes) {
        // SAFETY: the caller's promise.
        unsafe { unmap(pointer, bytes) };
    } else if let Ok(layout) = Layout::from_size_align(bytes, ALIGNMENT) {
        // SAFETY: `allocate_small` used the same layout.
        unsafe { dealloc(pointer.as_ptr(), layout) };
    }
}

fn is_mapped(bytes: usize) -> bool {
    cfg!(target_os = "linux") && bytes >= HUGE_PAGE
}

fn allocate_small(bytes: usize) -> Option<*mut u8> {
    let layout = Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()?;
    // SAFETY: the layout is not empty.
    Some(unsafe { alloc_zeroed(layout) })
}

/// A mapping aligned to huge pages: one page more is mapped and the ends are cut off.
#[cfg(target_os = "linux")]
fn map(bytes: usize) -> Option<NonNull<u8>> {
    let wide = bytes.checked_add(HUGE_PAGE)?;
    // SAFETY: a fresh private mapping at an address of the system's choice touches nothing that exists.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            wide,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    let head = start.align_offset(HUGE_PAGE);
    let kept = round_to_page(bytes);
    let tail = round_to_page(wide) - head - kept;
    // SAFETY: head and tail lie within the mapping and hold nothing; the kept part lies between them.
    unsafe {
        let aligned = start.add(head);
        if head > 0 {
            libc::munmap(start, head);
        }
        if tail > 0 {
            libc::munmap(aligned.add(kept), tail);
        }
        // Advice alone: where huge pages are not to be had, small ones serve.
        libc::madvise(aligned, kept, libc::MADV_HUGEPAGE);
        NonNull::new(aligned.cast())
    }
}

#[cfg(target_os = "linux")]
unsafe fn unmap(pointer: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise; this is exactly what `map` kept.
    unsafe { libc::munmap(pointer.as_ptr().cast(), round_to_page(bytes)) };
}

#[cfg(target_os = "linux")]
fn round_to_page(bytes: usize) -> usize {
    bytes.next_multiple_of(page_size())
}

#[cfg(target_os = "linux")]
fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(not(target_os = "linux"))]
fn map(bytes: usize) -> Option<NonNull<u8>> {
    NonNull::new(allocate_small(bytes)?)
}

#[cfg(not(target_os = "linux"))]
unsafe fn unmap(pointer: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise; `map` took it from the allocator.
    unsafe { dealloc(pointer.as_ptr(), Layout::from_size_align_unchecked(bytes, ALIGNMENT)) };
}

/// Bytes that this process may use: the machine's memory, or less where its control group limits it.
pub(super) fn usable_memory() -> usize {
    static USABLE: AtomicUsize = AtomicUsize::new(0);
    match USABLE.load(Ordering::Relaxed) {
        0 => {
            let usable = physical_memory().min(group_limit().unwrap_or(usize::MAX));
            USABLE.store(usable, Ordering::Relaxed);
            usable
        }
        usable => usable,
    }
}

#[cfg(target_os = "linux")]
fn physical_memory() -> usize {
    // SAFETY: asks for a number of the system.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    usize::try_from(pages).map_or(usize::MAX, |pages| pages.saturating_mul(page_size()))
}

#[cfg(not(target_os = "linux"))]
fn physical_memory() -> usize {
    usize::MAX
}

/// The lowest memory limit on the way from this process's control group to the root, versions 1 and 2.
fn group_limit() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(limit_of_line).min()
}

/// The limit from one line `number:controllers:path` of the list of groups.
fn limit_of_line(line: &str) -> Option<usize> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (root, file) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return None;
    };
    // In a container the path is often that of the host: the root of the mount is looked at as well.
    let mut limits = Vec::new();
    let mut group = Some(std::path::Path::new(path));
    while let Some(path) = group {
        let place = std::path::Path::new(root).join(path.strip_prefix("/").unwrap_or(path)).join(file);
        limits.extend(std::fs::read_to_string(place).ok().and_then(|text| text.trim().parse::<usize>().ok()));
        group = path.parent();
    }
    limits.into_iter().min()
}
