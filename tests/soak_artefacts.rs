//! Sixty-four threads that open, instantiate, call, trap and drop the same artefacts and
//! others, with nothing between them: what one does disturbs no other, and nothing is left
//! behind. `SOAK_SECONDS` says for how long.

#[path = "common/held.rs"]
mod held;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use held::{Held, settled};
use wasm_aot_compiler::compile;
use wasm_aot_loader::{
    Imports, Instance, InstancePre, Module, OpenOptions, Store, TrapCode, Verify, imports,
};

const THREADS: u64 = 64;
/// Different artefacts.
const ARTEFACTS: u64 = 6;

/// The `n`th of them, which differs in code, in data and in what it traps with.
fn text(n: u64) -> String {
    let trap = match n % 3 {
        0 => "unreachable",
        1 => "(drop (i32.load (i32.const 131072)))",
        _ => "(drop (i32.div_s (i32.const 1) (i32.load (i32.const 100))))",
    };
    format!(
        r#"(module $number{n}
          (import "host" "next" (func $next (param i64) (result i64)))
          (memory (export "memory") 1 2)
          (data (i32.const 8) "{n}")
          (func (export "number") (result i64) (call $next (i64.const {n})))
          (func (export "data") (result i32) (i32.load8_u (i32.const 8)))
          (func (export "trap") {trap})
          (func $deep (export "deep") (call $deep) (drop (memory.grow (i32.const 0)))))"#
    )
}

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

struct Artefact {
    number: u64,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Artefact {
    fn new(dir: &Path, number: u64) -> Artefact {
        let bytes = compile(text(number).as_bytes(), &Default::default()).unwrap();
        let path = dir.join(format!("{number}.so"));
        fs::write(&path, &bytes).unwrap();
        Artefact {
            number,
            path,
            bytes,
        }
    }

    fn open(&self, random: &mut Random) -> Module {
        let verify = [Verify::Full, Verify::Cached, Verify::TrustedPath];
        match random.below(4) {
            3 => Module::from_bytes(&self.bytes),
            how => OpenOptions::new()
                .verify(verify[how as usize])
                .open(&self.path),
        }
        .expect("it is sound")
    }

    /// Does everything with it once.
    fn live(&self, imports: &Imports, random: &mut Random) {
        let module = self.open(random);
        assert_eq!(module.name(), format!("number{}", self.number));
        let mut store = Store::new();
        let instance = match random.below(2) {
            0 => Instance::new(&mut store, &module, imports),
            _ => InstancePre::new(&module, imports)
                .unwrap()
                .instantiate(&mut store),
        };
        let instance = instance.expect("its imports are there");
        // Others may have it open, or nobody any more.
        drop(module);
        let number = instance
            .get_typed_func::<(), i64>(&store, "number")
            .unwrap();
        assert_eq!(number.call(&mut store, ()).unwrap(), self.number as i64 + 1);
        let data = instance.get_typed_func::<(), i32>(&store, "data").unwrap();
        let digit = i32::from(b'0') + self.number as i32;
        assert_eq!(data.call(&mut store, ()).unwrap(), digit);
        let code = match self.number % 3 {
            0 => TrapCode::Unreachable,
            1 => TrapCode::MemoryOutOfBounds,
            _ => TrapCode::IntegerDivisionByZero,
        };
        for (name, code) in [("trap", code), ("deep", TrapCode::StackOverflow)] {
            // Walking a deep stack takes longest.
            if name == "trap" || random.below(16) == 0 {
                let trap = instance.get_typed_func::<(), ()>(&store, name).unwrap();
                let error = trap.call(&mut store, ()).unwrap_err();
                assert_eq!(error.trap_code(), Some(code), "{error}");
            }
        }
        instance
            .get_memory(&store, "memory")
            .unwrap()
            .grow(&mut store, 1)
            .unwrap();
    }
}

#[test]
fn sixty_four_threads_open_and_drop_the_same_artefacts_and_others() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(3, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let artefacts: Vec<_> = (0..ARTEFACTS)
        .map(|number| Artefact::new(dir.path(), number))
        .collect();
    let imports = imports! {
        "host" => { "next" => |n: i64| n + 1 },
    };
    let lives = AtomicU64::new(0);
    let round = |time: Duration| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (artefacts, imports, lives) = (&artefacts, &imports, &lives);
                scope.spawn(move || {
                    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (thread + 1));
                    while start.elapsed() < time {
                        let artefact = &artefacts[random.below(ARTEFACTS) as usize];
                        artefact.live(imports, &mut random);
                        lives.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
    };
    let before = Held::now();
    let time = Duration::from_secs(seconds);
    round(time / 3);
    let warm = settled(before.threads);
    round(time * 2 / 3);
    let last = settled(before.threads);
    println!(
        "{} lives; {warm:?}, {last:?}",
        lives.load(Ordering::Relaxed)
    );
    assert!(lives.into_inner() > THREADS);
    last.check(warm, before.threads);
}
