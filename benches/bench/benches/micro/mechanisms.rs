//! What is measured: modules that export a function `run`.

/// How `run` is used to do something a number of times.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// It takes the number of times: `run(i64)`.
    Loop,
    /// It is called so many times, and traps: `run()`.
    Traps,
    /// It is called so many times: `run()`.
    Called,
    /// The same with two parameters: `run(i32, i32) -> i32`.
    Called2,
    /// The same with eight.
    Called8,
    /// It is called once in each of so many new instances, whose making does not
    /// count: `run()`.
    Fresh,
}

/// One of them.
pub(crate) struct Mechanism {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    pub(crate) wat: String,
}

/// All, by groups.
pub(crate) fn all() -> Vec<(&'static str, Vec<Mechanism>)> {
    vec![
        ("loop", vec![looped("nothing", "", "")]),
        ("call", calls()),
        ("memory", memories()),
        ("global", globals()),
        ("host", host()),
        ("entry", entries()),
        ("trap", traps()),
        ("growth", growth()),
    ]
}

/// Does `body` again and again. It may use `$n`, which counts down, and `$i`, its low
/// 32 bits.
fn looped(name: &'static str, fields: &str, body: &str) -> Mechanism {
    let wat = format!(
        "(module {fields}
           (func (export \"run\") (param $n i64) (local $i i32)
             (loop $again
               (local.set $i (i32.wrap_i64 (local.get $n)))
               {body}
               (br_if $again (i64.ne
                 (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))))"
    );
    Mechanism {
        name,
        how: How::Loop,
        wat,
    }
}

fn calls() -> Vec<Mechanism> {
    // Four functions that are too different to be one, and not worth inlining.
    let functions = "(type $t (func (param i32) (result i32)))
        (global $count (mut i32) (i32.const 0))
        (func $f0 (type $t) (global.set $count (local.get 0)) (local.get 0))
        (func $f1 (type $t) (global.set $count (i32.const 1)) (local.get 0))
        (func $f2 (type $t) (global.set $count (i32.const 2)) (i32.const 1))
        (func $f3 (type $t) (global.set $count (i32.const 3)) (i32.const 2))";
    let of_four = "(table $table 4 4 funcref) (elem (i32.const 0) $f0 $f1 $f2 $f3)";
    let indirect = "(drop (call_indirect $table (type $t) (local.get $i)
        (i32.and (local.get $i) (i32.const 3))))";
    let with = |name, fields: &str, body| looped(name, &format!("{functions}{fields}"), body);
    vec![
        with("direct", "", "(drop (call $f0 (local.get $i)))"),
        with(
            "call_indirect, constant table, known index",
            of_four,
            "(drop (call_indirect $table (type $t) (local.get $i) (i32.const 2)))",
        ),
        with(
            "call_indirect, constant table, one function",
            "(table $table 4 4 funcref) (elem (i32.const 0) $f1 $f1 $f1 $f1)",
            indirect,
        ),
        with(
            "call_indirect, constant table, four functions",
            of_four,
            indirect,
        ),
        with(
            "call_indirect, table that can change",
            &format!("{of_four} (export \"table\" (table $table))"),
            indirect,
        ),
        with(
            "call_indirect, table that can grow",
            "(table $table (export \"table\") 4 funcref) (elem (i32.const 0) $f0 $f1 $f2 $f3)",
            indirect,
        ),
        with(
            "call_ref",
            "(global $f (export \"f\") (mut (ref null $t)) (ref.func $f1))",
            "(drop (call_ref $t (local.get $i) (global.get $f)))",
        ),
        with(
            "recursion, 32 deep",
            "(func $deep (param i32) (result i32)
               (if (result i32) (local.get 0)
                 (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
                 (else (i32.const 0))))",
            "(global.set $count (call $deep (i32.const 32)))",
        ),
        with(
            "throw and catch, one frame between",
            "(tag $tag (param i32))
             (func $throws (param i32) (throw $tag (local.get 0)))",
            "(block $caught (result i32)
               (try_table (catch $tag $caught) (call $throws (local.get $i)))
               (i32.const 0))
             (global.set $count)",
        ),
    ]
}

fn memories() -> Vec<Mechanism> {
    // Adds one to a number, another one each time.
    let add = |memory: &str, address: &str| {
        format!(
            "(i32.store {memory} {address} (i32.add (i32.load {memory} {address}) (i32.const 1)))"
        )
    };
    // Of which nothing is known.
    let loaded = |ty: &str| format!("(i32.store ({ty}.load ({ty}.const 16)) (local.get $i))");
    let short = "(i32.and (local.get $i) (i32.const 0xfffc))";
    let long = "(i64.and (local.get $n) (i64.const 0xfffc))";
    vec![
        looped("32 bits", "(memory 1)", &add("", short)),
        looped(
            "32 bits, exported",
            "(memory (export \"memory\") 1)",
            &add("", short),
        ),
        looped(
            "32 bits, offset of 64 MiB",
            "(memory 1100)",
            &add("offset=0x4000000", short),
        ),
        looped(
            "32 bits, store to a loaded address",
            "(memory 1)",
            &loaded("i32"),
        ),
        looped(
            "64 bits, index below a constant",
            "(memory i64 1)",
            &add("", long),
        ),
        looped(
            "64 bits, store to a loaded address",
            "(memory i64 1)",
            &loaded("i64"),
        ),
        looped(
            "64 bits, at most 4 GiB, store to a loaded address",
            "(memory i64 1 1)",
            &loaded("i64"),
        ),
        looped(
            "second of two",
            "(memory 1) (memory $second 1)",
            &format!("{} {}", add("", short), add("$second", short)),
        ),
        looped("shared", "(memory 1 1 shared)", &add("", short)),
        looped(
            "shared, atomic addition",
            "(memory 1 1 shared)",
            &format!("(drop (i32.atomic.rmw.add {short} (i32.const 1)))"),
        ),
        looped(
            "memory.copy of 16 bytes",
            "(memory 2)",
            &format!("(memory.copy {short} (i32.const 0) (i32.const 16))"),
        ),
        looped(
            "memory.copy of 4 KiB",
            "(memory 2)",
            "(memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 4096))",
        ),
        looped(
            "memory.fill of 16 bytes",
            "(memory 2)",
            &format!("(memory.fill {short} (i32.const 1) (i32.const 16))"),
        ),
        looped(
            "memory.size",
            "(memory (export \"memory\") 1) (global $size (export \"size\") (mut i32) (i32.const 0))",
            "(global.set $size (memory.size))",
        ),
    ]
}

fn globals() -> Vec<Mechanism> {
    let add = "(global.set $g (i32.add (global.get $g) (local.get $i)))";
    vec![
        looped("private", "(global $g (mut i32) (i32.const 0))", add),
        looped(
            "exported",
            "(global $g (export \"g\") (mut i32) (i32.const 0))",
            add,
        ),
        looped(
            "vector",
            "(global $g (mut v128) (v128.const i64x2 0 0))",
            "(global.set $g (i32x4.add (global.get $g) (i32x4.splat (local.get $i))))",
        ),
    ]
}

fn host() -> Vec<Mechanism> {
    let call = |name, host: &str, params: usize| {
        let types = "i32 ".repeat(params);
        let values = "(local.get $i) ".repeat(params);
        looped(
            name,
            &format!(
                "(import \"host\" \"{host}\" (func $host (param {types}) (result i32)))
                 (global $g (export \"g\") (mut i32) (i32.const 0))"
            ),
            &format!("(global.set $g (call $host {values}))"),
        )
    };
    vec![
        call("typed, 0 parameters", "typed0", 0),
        call("typed, 1 parameter", "typed1", 1),
        call("typed, 2 parameters", "typed2", 2),
        call("typed, 4 parameters", "typed4", 4),
        call("typed, 8 parameters", "typed8", 8),
        call("by values, 2 parameters", "values2", 2),
        call("by values, 8 parameters", "values8", 8),
    ]
}

fn entries() -> Vec<Mechanism> {
    let entry = |name, how, params: usize| {
        let types = "i32 ".repeat(params);
        let sums = "(i32.add ".repeat(params.saturating_sub(1));
        let values: String = (1..params).map(|n| format!("(local.get {n}))")).collect();
        let body = if params == 0 {
            String::new()
        } else {
            format!("(result i32) {sums} (local.get 0) {values}")
        };
        Mechanism {
            name,
            how,
            wat: format!("(module (func (export \"run\") (param {types}) {body}))"),
        }
    };
    let loads = "(module (memory 1) (func (export \"run\") (param i32 i32) (result i32)
        (i32.add (i32.load (local.get 0)) (i32.load (local.get 1)))))";
    vec![
        entry("typed, 0 parameters", How::Called, 0),
        entry("typed, 2 parameters", How::Called2, 2),
        entry("typed, 8 parameters", How::Called8, 8),
        Mechanism {
            name: "typed, 2 parameters, may trap",
            how: How::Called2,
            wat: loads.to_owned(),
        },
    ]
}

fn traps() -> Vec<Mechanism> {
    let trap = |name, body: &str| Mechanism {
        name,
        how: How::Traps,
        wat: format!("(module (memory 1) {body})"),
    };
    vec![
        trap("unreachable", "(func (export \"run\") unreachable)"),
        trap(
            "out of bounds",
            "(func (export \"run\") (drop (i32.load (i32.const -8))))",
        ),
        trap(
            "division by zero",
            "(global $zero (export \"zero\") (mut i32) (i32.const 0))
             (func (export \"run\") (drop (i32.div_u (i32.const 1) (global.get $zero))))",
        ),
        trap(
            "unreachable, 100 frames deep",
            "(func (export \"run\") (drop (call $deep (i32.const 100))))
             (func $deep (param i32) (result i32)
               (if (i32.eqz (local.get 0)) (then unreachable))
               (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))",
        ),
        trap(
            "stack exhausted",
            "(func $run (export \"run\") (call $run) (call $run))",
        ),
    ]
}

fn growth() -> Vec<Mechanism> {
    let pages = |name, touch: &str| Mechanism {
        name,
        how: How::Fresh,
        wat: format!(
            "(module (memory (export \"memory\") 1)
               (func (export \"run\") (local $n i32)
                 (loop $again
                   (drop (memory.grow (i32.const 1)))
                   {touch}
                   (br_if $again (i32.lt_u
                     (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))))"
        ),
    };
    vec![
        looped(
            "memory, by nothing",
            "(memory (export \"memory\") 1)",
            "(drop (memory.grow (i32.const 0)))",
        ),
        looped(
            "table, by nothing",
            "(table (export \"table\") 1 funcref)",
            "(drop (table.grow (ref.null func) (i32.const 0)))",
        ),
        pages("memory, by a page, 100 times", ""),
        pages(
            "memory, by a page and a store, 100 times",
            "(i32.store (i32.mul (local.get $n) (i32.const 0x10000)) (i32.const 1))",
        ),
        Mechanism {
            name: "table, by an element, 100 times",
            how: How::Fresh,
            wat: "(module (table (export \"table\") 1 funcref)
                    (func (export \"run\") (local $n i32)
                      (loop $again
                        (drop (table.grow (ref.null func) (i32.const 1)))
                        (br_if $again (i32.lt_u
                          (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                          (i32.const 100))))))"
                .to_owned(),
        },
    ]
}
