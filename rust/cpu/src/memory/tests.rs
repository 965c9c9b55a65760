use super::*;
use std::sync::Mutex;

/// The statistics belong to the process: tests that look at them take turns.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn buffers_are_aligned_padded_and_initialized() {
    for bytes in [0, 1, 63, 64, 1_000, 4_096, 100_000, 3 << 20, (8 << 20) - 64, (8 << 20) - 63] {
        let mut buffer = HostBuffer::new(bytes).unwrap();
        assert_eq!(buffer.pointer().as_ptr() as usize % ALIGNMENT, 0);
        assert_eq!(buffer.as_slice().len(), bytes);
        buffer.as_mut_slice().fill(7);
        // SAFETY: the padding belongs to the buffer.
        unsafe { buffer.pointer().as_ptr().add(bytes).write_bytes(9, PADDING) };
        assert!(buffer.as_slice().iter().all(|&byte| byte == 7));
    }
}

#[test]
fn a_dropped_buffer_is_used_again() {
    let _turn = TURN.lock().unwrap();
    let bytes = 5_000_000;
    let first = HostBuffer::new(bytes).unwrap();
    let pointer = first.pointer();
    drop(first);
    assert!(cached_bytes() >= bytes);
    let again = HostBuffer::new(bytes - 1_000).unwrap();
    assert_eq!(again.pointer(), pointer);
    assert!(allocated_bytes() >= bytes);
}

#[test]
fn the_cache_keeps_its_limit_and_can_be_emptied() {
    let _turn = TURN.lock().unwrap();
    set_cache_limit(1 << 20);
    drop(HostBuffer::new(3 << 20).unwrap());
    assert!(cached_bytes() <= 1 << 20);
    set_cache_limit(1 << 30);
    drop(HostBuffer::new(3 << 20).unwrap());
    assert!(cached_bytes() >= 3 << 20);
    empty_cache();
}

#[test]
fn an_impossible_request_is_an_error() {
    for bytes in [usize::MAX, usize::MAX / 2, 1 << 50] {
        let error = HostBuffer::new(bytes).unwrap_err();
        assert_eq!(error.kind(), tenfold_ir::ErrorKind::Memory);
        assert!(error.to_string().starts_with("allocate: no memory left; got a request for"));
    }
}

#[test]
fn threads_share_the_cache() {
    std::thread::scope(|scope| {
        for seed in 0..4_u8 {
            scope.spawn(move || {
                for round in 0..500_usize {
                    let bytes = 100 + round * 37 % 5_000;
                    let mut buffer = HostBuffer::new(bytes).unwrap();
                    buffer.as_mut_slice().fill(seed);
                    assert!(buffer.as_slice().iter().all(|&byte| byte == seed));
                }
            });
        }
    });
}
