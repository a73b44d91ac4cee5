//! Compiled modules whose WASI calls wait without blocking the executor.
#![cfg(feature = "async")]

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, mpsc};

use futures_lite::future::{block_on, poll_once, yield_now, zip};
use wasm_aot_loader::{CallError, Imports, Instance, Memory, Module, Store, SynchronousCall, Val};
use wasm_aot_wasi::{
    ClockId, Clocks, DirAccess, Errno, FUNCTIONS, GuestMemory, Input, MODULE, Outcome, Output,
    Repeat, ValType, WasiCtx, WasiCtxBuilder, add_to_imports_async,
};

const AGAIN: i32 = 6;

/// An instance that exports every function of WASI as it is.
struct Guest {
    store: Store,
    instance: Instance,
    memory: Memory,
}

/// A module that passes on calls of every function.
fn module() -> Module {
    let mut imports = String::new();
    let mut functions = String::new();
    for function in FUNCTIONS {
        let types = |types: &[ValType]| {
            let types = types.iter().map(|ty| match ty {
                ValType::I32 => " i32",
                ValType::I64 => " i64",
            });
            types.collect::<String>()
        };
        let (name, params) = (function.name, types(function.params));
        let ty = format!("(param{params}) (result{})", types(function.results));
        writeln!(
            imports,
            "(import \"{MODULE}\" \"{name}\" (func ${name} {ty}))"
        )
        .unwrap();
        let arguments = (0..function.params.len()).map(|index| format!("(local.get {index})"));
        let arguments = arguments.collect::<String>();
        writeln!(
            functions,
            "(func (export \"{name}\") {ty} (call ${name} {arguments}))"
        )
        .unwrap();
    }
    let wat = format!("(module {imports} (memory (export \"memory\") 4) {functions})");
    let artefact = wasm_aot_compiler::compile(wat.as_bytes(), &Default::default()).unwrap();
    Module::from_bytes(&artefact).unwrap()
}

impl Guest {
    fn new(builder: WasiCtxBuilder) -> Guest {
        let mut imports = Imports::new();
        add_to_imports_async(&mut imports);
        let mut store = Store::new();
        store.insert(builder.build().unwrap());
        let instance = Instance::new(&mut store, &module(), &imports).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        Guest {
            store,
            instance,
            memory,
        }
    }

    /// The arguments of a function as its wasm types want them.
    fn arguments(&self, name: &str, arguments: &[u64]) -> Vec<Val> {
        let function = FUNCTIONS.iter().find(|function| function.name == name);
        let params = function.unwrap().params.iter();
        let arguments = params.zip(arguments).map(|(ty, &value)| match ty {
            ValType::I32 => Val::I32(value as i32),
            ValType::I64 => Val::I64(value as i64),
        });
        arguments.collect()
    }

    /// Calls a function, which returns an error number.
    async fn call(&mut self, name: &str, arguments: &[u64]) -> i32 {
        let arguments = self.arguments(name, arguments);
        let func = self.instance.get_func(&self.store, name).unwrap();
        let mut results = [Val::I32(-1)];
        let call = func.call_async(&mut self.store, &arguments, &mut results);
        call.await.unwrap();
        match results {
            [Val::I32(errno)] => errno,
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.memory.data_mut(&mut self.store)[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn bytes(&self, at: usize, len: usize) -> &[u8] {
        &self.memory.data(&self.store)[at..at + len]
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    /// Reads up to `len` bytes.
    async fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, i32> {
        self.put(0, &[1024u32.to_le_bytes(), len.to_le_bytes()].concat());
        match self.call("fd_read", &[fd.into(), 0, 1, 8]).await {
            0 => Ok(self.bytes(1024, self.u32(8) as usize).to_vec()),
            errno => Err(errno),
        }
    }

    /// Writes, and returns how much.
    async fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, i32> {
        let iovec = [1024u32.to_le_bytes(), (bytes.len() as u32).to_le_bytes()];
        self.put(0, &iovec.concat());
        self.put(1024, bytes);
        match self.call("fd_write", &[fd.into(), 0, 1, 8]).await {
            0 => Ok(self.u32(8)),
            errno => Err(errno),
        }
    }

    /// Sleeps, or waits for a descriptor to be readable; the types of the
    /// events.
    async fn poll(&mut self, millis: u64, fd: Option<u32>) -> Vec<u8> {
        self.put(0, &clock(millis * 1_000_000));
        if let Some(fd) = fd {
            let mut subscription = [0; 48];
            subscription[8] = 1;
            subscription[16..20].copy_from_slice(&fd.to_le_bytes());
            self.put(48, &subscription);
        }
        let count = 1 + u64::from(fd.is_some());
        assert_eq!(self.call("poll_oneoff", &[0, 1024, count, 512]).await, 0);
        let events = self.u32(512) as usize;
        (0..events)
            .map(|event| self.bytes(1024 + 32 * event + 10, 1)[0])
            .collect()
    }
}

/// A subscription to the monotonic clock.
fn clock(nanoseconds: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[16..20].copy_from_slice(&1u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&nanoseconds.to_le_bytes());
    bytes
}

/// What has happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn push(&self, event: &'static str) {
        self.0.lock().unwrap().push(event);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Runs two tasks on one thread of tokio.
fn current_thread<A, B>(first: A, second: B) -> (A::Output, B::Output)
where
    A: Future<Output: Send> + Send + 'static,
    B: Future<Output: Send> + Send + 'static,
{
    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    tokio.block_on(async {
        let (first, second) = (tokio::spawn(first), tokio::spawn(second));
        (first.await.unwrap(), second.await.unwrap())
    })
}

#[test]
fn another_task_runs_while_one_sleeps() {
    let log = Log::default();
    let mut guest = Guest::new(WasiCtx::builder());
    let sleeper = {
        let log = log.clone();
        async move {
            log.push("sleep");
            assert_eq!(guest.poll(50, None).await, [0]);
            log.push("awake");
        }
    };
    let other = {
        let log = log.clone();
        async move {
            for _ in 0..10 {
                yield_now().await;
            }
            log.push("other");
        }
    };
    current_thread(sleeper, other);
    assert_eq!(log.take(), ["sleep", "other", "awake"]);
}

#[test]
fn another_task_writes_what_one_reads_from_a_pipe() {
    let (reader, mut writer) = io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::file(reader)));
    let log = Log::default();
    let events = log.clone();
    let read = async move {
        events.push("read");
        assert_eq!(guest.read(0, 100).await.unwrap(), b"hello");
        events.push("has read");
        assert_eq!(guest.poll(100_000, Some(0)).await, [1]);
        assert_eq!(guest.read(0, 100).await.unwrap(), b"again");
        assert_eq!(guest.read(0, 100).await.unwrap(), b"", "closed");
    };
    let events = log.clone();
    let write = async move {
        events.push("write");
        writer.write_all(b"hello").unwrap();
        while !events.0.lock().unwrap().contains(&"has read") {
            yield_now().await;
        }
        writer.write_all(b"again").unwrap();
    };
    current_thread(read, write);
    assert_eq!(log.take(), ["read", "write", "has read"]);
}

#[test]
fn another_task_reads_what_one_writes_to_a_full_pipe() {
    let (mut reader, writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdout(Output::file(writer)));
    const SIZE: usize = 1 << 18;
    let write = async move {
        let bytes: Vec<u8> = (0..SIZE).map(|index| (index >> 8) as u8).collect();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(100_000)];
            let written = guest.write(1, piece).await.unwrap();
            rest = &rest[written as usize..];
        }
        drop(guest);
    };
    let read = async move {
        let mut bytes = Vec::new();
        let mut piece = [0; 5000];
        loop {
            yield_now().await;
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(len) => bytes.extend_from_slice(&piece[..len]),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert_eq!(bytes.len(), SIZE);
        for (index, byte) in bytes.iter().enumerate() {
            assert_eq!(*byte, (index >> 8) as u8);
        }
    };
    block_on(zip(write, read));
}

#[test]
fn a_connection_is_accepted_and_read_while_another_task_makes_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(listener));
    let accept = async move {
        assert_eq!(guest.call("sock_accept", &[3, 0, 512]).await, 0);
        let fd = guest.u32(512);
        guest.put(0, &[1024u32.to_le_bytes(), 100u32.to_le_bytes()].concat());
        let arguments = [fd.into(), 0, 1, 0, 8, 12];
        assert_eq!(guest.call("sock_recv", &arguments).await, 0);
        assert_eq!(guest.bytes(1024, guest.u32(8) as usize), b"ping");
        assert_eq!(guest.write(fd, b"pong").await, Ok(4));
        assert_eq!(guest.read(fd, 10).await.unwrap(), b"bye");
    };
    let connect = async move {
        yield_now().await;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
        stream.write_all(b"ping").unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut answer = [0; 4];
        let mut len = 0;
        while len < 4 {
            match stream.read(&mut answer[len..]) {
                Ok(read) => len += read,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            yield_now().await;
        }
        assert_eq!(&answer, b"pong");
        stream.write_all(b"bye").unwrap();
    };
    current_thread(accept, connect);
}

/// A reader that blocks until it is sent something.
struct Channel(mpsc::Receiver<&'static [u8]>);

impl Read for Channel {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.recv() {
            Ok(b"panic") => panic!("the reader panics"),
            Ok(b"fail") => Err(io::ErrorKind::BrokenPipe.into()),
            Ok(bytes) => {
                buf[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Err(mpsc::RecvError) => Ok(0),
        }
    }
}

#[test]
fn a_reader_of_the_host_blocks_another_thread() {
    let (sender, receiver) = mpsc::channel::<&[u8]>();
    let builder = WasiCtx::builder().stdin(Input::reader(Channel(receiver)));
    let mut guest = Guest::new(builder);
    let read = async move {
        assert_eq!(guest.read(0, 100).await.unwrap(), b"hello");
        assert_eq!(guest.read(0, 100).await, Err(Errno::Pipe.raw().into()));
        assert_eq!(guest.read(0, 100).await.unwrap(), b"world");
        assert_eq!(guest.read(0, 100).await.unwrap(), b"");
        assert_eq!(guest.read(0, 100).await.unwrap(), b"");
    };
    let send = async move {
        for bytes in [b"hello" as &[u8], b"fail", b"world"] {
            yield_now().await;
            sender.send(bytes).unwrap();
        }
    };
    current_thread(read, send);
}

#[test]
fn what_was_read_for_a_dropped_call_is_there_for_the_next() {
    let (sender, receiver) = mpsc::channel::<&[u8]>();
    let builder = WasiCtx::builder().stdin(Input::reader(Channel(receiver)));
    let mut guest = Guest::new(builder);
    assert!(block_on(poll_once(guest.read(0, 100))).is_none());
    sender.send(b"hello").unwrap();
    assert_eq!(block_on(guest.read(0, 2)).unwrap(), b"he");
    assert_eq!(block_on(guest.read(0, 100)).unwrap(), b"llo");
    drop(sender);
    assert_eq!(block_on(guest.read(0, 100)).unwrap(), b"");
}

#[test]
fn a_reader_that_panics_panics_in_the_call() {
    let (sender, receiver) = mpsc::channel::<&[u8]>();
    let builder = WasiCtx::builder().stdin(Input::reader(Channel(receiver)));
    let mut guest = Guest::new(builder);
    sender.send(b"panic").unwrap();
    let read = std::panic::AssertUnwindSafe(|| block_on(guest.read(0, 100)));
    let payload = std::panic::catch_unwind(read).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the reader panics"));
    sender.send(b"on").unwrap();
    assert_eq!(block_on(guest.read(0, 100)).unwrap(), b"on");
}

#[test]
fn a_dropped_call_ends_its_wait() {
    let (reader, mut writer) = io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::file(reader)));
    let count = |path| std::fs::read_dir(path).unwrap().count();
    assert!(block_on(poll_once(guest.read(0, 100))).is_none());
    let (threads, files) = (count("/proc/self/task"), count("/proc/self/fd"));
    for _ in 0..100 {
        assert!(block_on(poll_once(guest.read(0, 100))).is_none());
        assert!(block_on(poll_once(guest.poll(100_000, Some(0)))).is_none());
    }
    // Other tests run beside this one.
    assert!(count("/proc/self/task") < threads + 50);
    assert!(count("/proc/self/fd") < files + 50);
    writer.write_all(b"late").unwrap();
    assert_eq!(block_on(guest.read(0, 100)).unwrap(), b"late");
}

#[test]
fn what_must_not_wait_does_not() {
    let (reader, _writer) = io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::file(reader)));
    const NONBLOCK: u64 = 4;
    let set = block_on(poll_once(guest.call("fd_fdstat_set_flags", &[0, NONBLOCK])));
    assert_eq!(set, Some(0));
    assert_eq!(block_on(poll_once(guest.read(0, 1))), Some(Err(AGAIN)));
    assert_eq!(block_on(poll_once(guest.poll(0, Some(0)))), Some(vec![0]));
}

#[test]
fn yielding_lets_other_tasks_run() {
    let log = Log::default();
    let task = |name| {
        let log = log.clone();
        let mut guest = Guest::new(WasiCtx::builder());
        async move {
            for _ in 0..3 {
                log.push(name);
                assert_eq!(guest.call("sched_yield", &[]).await, 0);
            }
        }
    };
    current_thread(task("a"), task("b"));
    assert_eq!(log.take(), ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn opening_a_fifo_waits_for_its_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let guest = || {
        let builder = WasiCtx::builder();
        let dir = builder.preopen_dir(dir.path(), "/", DirAccess::ReadWrite);
        Guest::new(dir.unwrap())
    };
    const READ: u64 = 1 << 1;
    const WRITE: u64 = 1 << 6;
    async fn open(guest: &mut Guest, rights: u64) -> u32 {
        guest.put(2048, b"fifo");
        let arguments = [3, 0, 2048, 4, 0, rights, 0, 0, 512];
        assert_eq!(guest.call("path_open", &arguments).await, 0);
        guest.u32(512)
    }
    let (mut reader, mut writer) = (guest(), guest());
    assert!(block_on(poll_once(open(&mut writer, WRITE))).is_none());
    let write = async move {
        let fd = open(&mut writer, WRITE).await;
        writer.write(fd, b"through").await.unwrap();
    };
    let read = async move {
        let fd = open(&mut reader, READ).await;
        assert_eq!(reader.read(fd, 100).await.unwrap(), b"through");
        assert_eq!(reader.read(fd, 100).await.unwrap(), b"");
    };
    current_thread(write, read);
}

#[test]
fn a_synchronous_call_cannot_wait() {
    let mut guest = Guest::new(WasiCtx::builder());
    let arguments = guest.arguments("random_get", &[0, 8]);
    let func = guest.instance.get_func(&guest.store, "random_get").unwrap();
    let mut results = [Val::I32(-1)];
    func.call(&mut guest.store, &arguments, &mut results)
        .unwrap();
    assert_eq!(results, [Val::I32(0)]);
    let func = guest
        .instance
        .get_func(&guest.store, "sched_yield")
        .unwrap();
    let outcome = func.call(&mut guest.store, &[], &mut results);
    let Err(CallError::Host(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.downcast_ref(), Some(&SynchronousCall));
}

#[test]
fn a_timeout_counts_from_the_first_attempt() {
    #[derive(Clone, Default)]
    struct ByHand(Arc<Mutex<u64>>);
    impl Clocks for ByHand {
        fn now(&mut self, _: ClockId) -> Result<u64, Errno> {
            Ok(*self.0.lock().unwrap())
        }

        fn resolution(&mut self, _: ClockId) -> Result<u64, Errno> {
            Ok(1)
        }
    }
    let clocks = ByHand::default();
    let mut ctx = WasiCtx::builder().clocks(clocks.clone()).build().unwrap();
    let mut memory = vec![0; 4096];
    memory[..48].copy_from_slice(&clock(100));
    let poll = FUNCTIONS
        .iter()
        .find(|function| function.name == "poll_oneoff");
    let mut repeat = Repeat::default();
    let mut attempt = |now| {
        *clocks.0.lock().unwrap() = now;
        let mut memory = GuestMemory::new(&mut memory);
        let arguments = [0, 1024, 1, 512];
        poll.unwrap()
            .attempt(&mut ctx, &mut memory, &arguments, &mut repeat)
    };
    for now in [5, 60, 104] {
        assert!(attempt(now).is_err());
    }
    assert_eq!(attempt(105).ok(), Some(Outcome::Errno(0)));
}
