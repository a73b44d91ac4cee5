//! Waiting for clocks and descriptors.

use crate::harness::*;
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};
use wasm_aot_wasi::{DirAccess, Errno, GuestMemory, Input, Output, VirtualClocks, WasiCtx};

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

fn clock(userdata: u64, id: u32, timeout: u64, absolute: bool) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[16..20].copy_from_slice(&id.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40] = absolute.into();
    bytes
}

fn ready(userdata: u64, kind: u8, fd: u32) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = kind;
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes
}

fn read(userdata: u64, fd: u32) -> [u8; 48] {
    ready(userdata, 1, fd)
}

fn write(userdata: u64, fd: u32) -> [u8; 48] {
    ready(userdata, 2, fd)
}

/// userdata, errno, type, bytes, hangup
fn decode(event: &[u8; 32]) -> (u64, u16, u8, u64, bool) {
    (
        u64::from_le_bytes(event[..8].try_into().unwrap()),
        u16::from_le_bytes(event[8..10].try_into().unwrap()),
        event[10],
        u64::from_le_bytes(event[16..24].try_into().unwrap()),
        event[24] & 1 != 0,
    )
}

fn poll(guest: &mut Guest, subscriptions: &[[u8; 48]]) -> Vec<(u64, u16, u8, u64, bool)> {
    guest
        .poll(subscriptions)
        .unwrap()
        .iter()
        .map(decode)
        .collect()
}

fn millis(n: u64) -> u64 {
    n * 1_000_000
}

#[test]
fn a_timeout_takes_as_long_as_it_says() {
    let mut guest = Guest::new(WasiCtx::builder());
    for id in [REALTIME, MONOTONIC] {
        for absolute in [false, true] {
            let start = Instant::now();
            let base = if absolute { guest.now(id).unwrap() } else { 0 };
            let events = poll(&mut guest, &[clock(5, id, base + millis(30), absolute)]);
            assert_eq!(events, [(5, 0, 0, 0, false)]);
            let took = start.elapsed();
            assert!(
                took >= Duration::from_millis(29),
                "{took:?}, clock {id}, {absolute}"
            );
            assert!(
                took < Duration::from_secs(10),
                "{took:?}, clock {id}, {absolute}"
            );
        }
    }
}

#[test]
fn a_deadline_in_the_past_is_over_at_once() {
    let mut guest = Guest::new(WasiCtx::builder());
    let start = Instant::now();
    let long = clock(1, MONOTONIC, u64::MAX, false);
    for past in [clock(2, MONOTONIC, 0, false), clock(2, REALTIME, 1, true)] {
        assert_eq!(poll(&mut guest, &[long, past]), [(2, 0, 0, 0, false)]);
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn several_timeouts_end_with_the_first_of_them() {
    let mut guest = Guest::new(WasiCtx::builder());
    let subscriptions = [
        clock(1, MONOTONIC, millis(60_000), false),
        clock(2, MONOTONIC, millis(10), false),
        clock(3, REALTIME, millis(10), false),
    ];
    let events = poll(&mut guest, &subscriptions);
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| event.0 != 1));
}

#[test]
fn virtual_time_passes_without_waiting() {
    let start = Instant::now();
    let mut guest = Guest::new(WasiCtx::builder().clocks(VirtualClocks::new(0, 0)));
    let hour = millis(3_600_000);
    assert_eq!(
        poll(&mut guest, &[clock(1, MONOTONIC, hour, false)]),
        [(1, 0, 0, 0, false)]
    );
    assert_eq!(guest.now(MONOTONIC), Ok(hour));
    let at = clock(1, REALTIME, 2 * hour, true);
    assert_eq!(poll(&mut guest, &[at]), [(1, 0, 0, 0, false)]);
    assert_eq!(guest.now(REALTIME), Ok(2 * hour));
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_pipe_is_readable_when_something_is_in_it() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::file(reader)));
    let subscriptions = [read(1, 0), clock(2, MONOTONIC, millis(20), false)];
    assert_eq!(poll(&mut guest, &subscriptions), [(2, 0, 0, 0, false)]);
    writer.write_all(b"abc").unwrap();
    assert_eq!(poll(&mut guest, &subscriptions), [(1, 0, 1, 3, false)]);
    assert_eq!(guest.read(0, 10), Ok(b"abc".to_vec()));
    drop(writer);
    assert_eq!(poll(&mut guest, &subscriptions), [(1, 0, 1, 0, true)]);
    assert_eq!(guest.read(0, 10), Ok(vec![]));
}

#[test]
fn waiting_ends_when_something_arrives() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::file(reader)));
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        writer.write_all(b"x").unwrap();
        writer
    });
    let events = poll(
        &mut guest,
        &[read(1, 0), clock(2, MONOTONIC, millis(60_000), false)],
    );
    assert_eq!(events, [(1, 0, 1, 1, false)]);
    drop(sender.join().unwrap());
}

#[test]
fn a_full_pipe_is_not_writable_and_a_broken_one_hangs_up() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdout(Output::file(writer)));
    assert_eq!(poll(&mut guest, &[write(1, 1)]), [(1, 0, 2, 1, false)]);
    guest.ctx.fd_fdstat_set_flags(1, NONBLOCK).unwrap();
    while guest.write(1, &[0; 65536]).is_ok() {}
    let subscriptions = [write(1, 1), clock(2, MONOTONIC, millis(10), false)];
    assert_eq!(poll(&mut guest, &subscriptions), [(2, 0, 0, 0, false)]);
    drop(reader);
    assert_eq!(poll(&mut guest, &subscriptions), [(1, 0, 2, 1, true)]);
}

#[test]
fn a_regular_file_is_always_ready_and_says_what_is_left() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "12345").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let fd = guest
        .open(ROOT, "file", 0, 0, RIGHT_READ | RIGHT_WRITE, 0)
        .unwrap();
    let subscriptions = [
        read(1, fd),
        write(2, fd),
        clock(3, MONOTONIC, millis(60_000), false),
    ];
    assert_eq!(
        poll(&mut guest, &subscriptions),
        [(1, 0, 1, 5, false), (2, 0, 2, 1, false)]
    );
    guest.seek(fd, 5, 0).unwrap();
    assert_eq!(poll(&mut guest, &subscriptions[..1]), [(1, 0, 1, 0, true)]);
}

#[test]
fn streams_of_the_host_are_always_ready() {
    let mut guest = Guest::new(WasiCtx::builder());
    let events = poll(&mut guest, &[read(1, 0), write(2, 1), write(3, 2)]);
    assert_eq!(
        events
            .iter()
            .map(|event| (event.0, event.1))
            .collect::<Vec<_>>(),
        [(1, 0), (2, 0), (3, 0)]
    );
}

#[test]
fn a_descriptor_that_cannot_be_waited_for_is_an_event_with_an_error() {
    let tmp = tempfile::tempdir().unwrap();
    let builder = WasiCtx::builder();
    let mut guest = Guest::new(builder.preopen_dir(&tmp, "/", DirAccess::ReadOnly).unwrap());
    let badf = Errno::Badf.raw();
    let subscriptions = [
        clock(0, MONOTONIC, millis(60_000), false),
        read(1, 99),
        read(2, ROOT),
        write(3, 0),
        read(4, 1),
    ];
    let events = poll(&mut guest, &subscriptions);
    assert_eq!(
        events,
        [
            (1, badf, 1, 0, false),
            (2, badf, 1, 0, false),
            (3, badf, 2, 0, false),
            (4, badf, 1, 0, false)
        ]
    );
    let cpu_time = clock(1, 2, 0, false);
    assert_eq!(
        poll(&mut guest, &[cpu_time]),
        [(1, Errno::Notsup.raw(), 0, 0, false)]
    );
    let unknown = clock(1, 9, 0, false);
    assert_eq!(
        poll(&mut guest, &[unknown]),
        [(1, Errno::Inval.raw(), 0, 0, false)]
    );
}

#[test]
fn malformed_calls_are_refused() {
    let mut guest = Guest::new(WasiCtx::builder());
    assert_eq!(
        guest.poll(&[]),
        Err(Errno::Inval),
        "waiting for nothing never ends"
    );
    assert_eq!(guest.poll(&[ready(1, 3, 0)]), Err(Errno::Inval));
    let mut flags = clock(1, MONOTONIC, 0, false);
    flags[40] = 2;
    assert_eq!(guest.poll(&[flags]), Err(Errno::Inval));
    let end = guest.memory.len() as u32;
    let mut call = |subscriptions, events, count, nevents| {
        guest.with(|ctx, mem| ctx.poll_oneoff(mem, subscriptions, events, count, nevents))
    };
    assert_eq!(call(end - 47, 0, 1, 4096), Err(Errno::Fault));
    assert_eq!(call(0, end - 31, 1, 4096), Err(Errno::Fault));
    assert_eq!(call(0, 8192, 1, end - 3), Err(Errno::Fault));
    assert_eq!(call(0, 0, u32::MAX, 0), Err(Errno::Nomem));
}

#[test]
fn subscriptions_and_events_may_share_their_place() {
    let mut ctx = WasiCtx::builder().build().unwrap();
    let mut memory = vec![0; 4096];
    let subscriptions = [read(1, 0), write(2, 1), write(3, 2)];
    memory[..144].copy_from_slice(subscriptions.as_flattened());
    assert_eq!(
        ctx.poll_oneoff(&mut GuestMemory::new(&mut memory), 0, 0, 3, 1000),
        Ok(())
    );
    assert_eq!(memory[1000], 3);
    assert_eq!([memory[0], memory[32], memory[64]], [1, 2, 3]);
}
