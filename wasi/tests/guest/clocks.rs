//! Time and randomness, the system's and supplied ones.

use crate::harness::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasm_aot_wasi::{ClockId, GuestMemory};
use wasm_aot_wasi::{Clocks, Errno, Random, SeededRandom, VirtualClocks, WasiCtx};

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

#[test]
fn the_system_clocks_are_those_of_the_host() {
    let mut guest = Guest::new(WasiCtx::builder());
    let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Duration::from_nanos(guest.now(REALTIME).unwrap());
    assert!(now >= host && now - host < Duration::from_secs(60));
    let earlier = guest.now(MONOTONIC).unwrap();
    assert!(guest.now(MONOTONIC).unwrap() >= earlier);
    for cpu_time in [2, 3] {
        assert!(guest.now(cpu_time).unwrap() > 0);
    }
    assert_eq!(guest.now(4), Err(Errno::Inval));
    assert_eq!(guest.now(u32::MAX), Err(Errno::Inval));
}

#[test]
fn every_clock_has_a_resolution() {
    let mut guest = Guest::new(WasiCtx::builder());
    for clock in 0..4 {
        guest
            .with(|ctx, mem| ctx.clock_res_get(mem, clock, 8))
            .unwrap();
        assert!(guest.u64(8) > 0, "clock {clock}");
    }
    assert_eq!(
        guest.with(|ctx, mem| ctx.clock_res_get(mem, 4, 8)),
        Err(Errno::Inval)
    );
}

#[test]
fn virtual_clocks_move_by_their_step_only() {
    let run = || {
        let mut guest = Guest::new(WasiCtx::builder().clocks(VirtualClocks::new(5_000, 10)));
        [REALTIME, MONOTONIC, REALTIME, MONOTONIC].map(|clock| guest.now(clock).unwrap())
    };
    assert_eq!(run(), [5_000, 10, 5_020, 30]);
    assert_eq!(run(), run());
}

#[test]
fn seeded_randomness_repeats_and_depends_on_the_seed() {
    let run = |seed| {
        let mut guest = Guest::new(WasiCtx::builder().random(SeededRandom::new(seed)));
        [guest.random(5).unwrap(), guest.random(100).unwrap()].concat()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn system_randomness_fills_the_whole_buffer_and_nothing_else() {
    let mut guest = Guest::new(WasiCtx::builder());
    guest
        .with(|ctx, mem| ctx.random_get(mem, 1000, 100_000))
        .unwrap();
    for part in guest.bytes(1000, 100_000).chunks(1000) {
        assert!(part.iter().any(|byte| *byte != 0));
    }
    assert!(
        guest.memory[..1000]
            .iter()
            .chain(&guest.memory[101_000..])
            .all(|byte| *byte == 0)
    );
    let all = guest.memory.len() as u32;
    assert_eq!(
        guest.with(|ctx, mem| ctx.random_get(mem, 1, all)),
        Err(Errno::Fault)
    );
}

#[test]
fn a_host_can_supply_and_refuse_either() {
    struct Stopped;
    impl Clocks for Stopped {
        fn now(&mut self, clock: ClockId) -> Result<u64, Errno> {
            if clock == ClockId::Realtime {
                Ok(42)
            } else {
                Err(Errno::Notsup)
            }
        }
        fn resolution(&mut self, _: ClockId) -> Result<u64, Errno> {
            Ok(7)
        }
    }
    struct None;
    impl Random for None {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), Errno> {
            Err(Errno::Nosys)
        }
    }
    let mut guest = Guest::new(WasiCtx::builder().clocks(Stopped).random(None));
    assert_eq!(guest.now(REALTIME), Ok(42));
    assert_eq!(guest.now(MONOTONIC), Err(Errno::Notsup));
    assert_eq!(guest.random(1), Err(Errno::Nosys));
}

#[test]
fn arguments_and_environment_are_what_the_builder_said() {
    let builder = WasiCtx::builder()
        .args(["prog", "", "b c"])
        .env("A", "1")
        .env("B", "x=y");
    let mut guest = Guest::new(builder.env("A", "2"));
    guest
        .with(|ctx, mem| ctx.args_sizes_get(mem, 0, 4))
        .unwrap();
    assert_eq!((guest.u32(0), guest.u32(4)), (3, 10));
    guest.with(|ctx, mem| ctx.args_get(mem, 16, 100)).unwrap();
    assert_eq!(guest.bytes(100, 10), b"prog\0\0b c\0");
    assert_eq!([16, 20, 24].map(|ptr| guest.u32(ptr)), [100, 105, 106]);
    guest
        .with(|ctx, mem| ctx.environ_sizes_get(mem, 0, 4))
        .unwrap();
    assert_eq!((guest.u32(0), guest.u32(4)), (2, 10));
    guest
        .with(|ctx, mem| ctx.environ_get(mem, 16, 100))
        .unwrap();
    assert_eq!(guest.bytes(100, 10), b"A=2\0B=x=y\0");
}

#[test]
fn nothing_is_inherited_unasked() {
    let mut guest = Guest::new(WasiCtx::builder());
    guest
        .with(|ctx, mem| ctx.args_sizes_get(mem, 0, 4))
        .unwrap();
    guest
        .with(|ctx, mem| ctx.environ_sizes_get(mem, 8, 12))
        .unwrap();
    assert_eq!([0, 4, 8, 12].map(|ptr| guest.u32(ptr)), [0; 4]);
    assert_eq!(guest.read(0, 10), Ok(vec![]));
    assert_eq!(
        guest.with(|ctx, mem| ctx.fd_prestat_get(mem, ROOT, 0)),
        Err(Errno::Badf)
    );
}

#[test]
fn arguments_that_do_not_fit_are_a_fault_and_nothing_is_written() {
    let mut ctx = WasiCtx::builder().args(["abc", "def"]).build().unwrap();
    let mut memory = [0; 16];
    for (argv, buf) in [(0, 9), (9, 0), (u32::MAX - 3, 0), (0, u32::MAX), (12, 0)] {
        let result = ctx.args_get(&mut GuestMemory::new(&mut memory), argv, buf);
        assert_eq!(
            (result, memory),
            (Err(Errno::Fault), [0; 16]),
            "{argv} {buf}"
        );
    }
    assert_eq!(
        ctx.args_get(&mut GuestMemory::new(&mut memory), 8, 0),
        Ok(())
    );
}

#[test]
fn strings_a_guest_cannot_be_given_are_refused() {
    let built = |builder: wasm_aot_wasi::WasiCtxBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        built(WasiCtx::builder().args(["a", "b\0"])),
        "argument 1 contains a NUL byte"
    );
    assert!(built(WasiCtx::builder().env("A", "\0")).contains("`A`"));
    for name in ["", "A=B", "="] {
        assert!(
            built(WasiCtx::builder().env(name, "")).contains("cannot be the name"),
            "{name}"
        );
    }
}
