//! The same where the kernel or a container does not let us have `openat2`:
//! cap-std then walks from component to component.
//!
//! Whether it is there is found out once in a process, so the tests run again
//! in one that was denied it.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::process::Command;

/// What `openat2` is to fail with.
const VARIABLE: &str = "WASM_AOT_TEST_OPENAT2";

/// Denies `openat2` to this thread and those it starts, if this process is one
/// of those that [`rerun`] starts.
pub(super) fn obey() {
    let Ok(errno) = std::env::var(VARIABLE) else {
        return;
    };
    let errno: u32 = errno.parse().unwrap();
    let filter = SeccompFilter::new(
        [(libc::SYS_openat2, vec![])].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
    let denied = rustix::fs::openat2(CWD, ".", OFlags::PATH, Mode::empty(), ResolveFlags::empty());
    let denied = denied.unwrap_err().raw_os_error();
    assert_eq!(denied.cast_unsigned(), errno);
}

/// Runs every other test of hostile paths in a process without `openat2`.
fn rerun(errno: Errno) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["hostile_paths::", "--skip", "without_openat2"])
        .env(VARIABLE, errno.raw_os_error().to_string())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    for test in [
        "paths_that_lead_outside_fail_in_every_call",
        "malformed_paths_fail_in_every_call",
        "links_that_lead_outside_are_handled_but_not_followed",
        "a_race_between_directory_and_link_is_never_won",
    ] {
        let line = printed.lines().find(|line| line.contains(test));
        assert!(
            line.is_some_and(|line| line.ends_with("ok")),
            "{test}: {printed}"
        );
    }
}

#[test]
fn a_kernel_without_openat2_keeps_guests_inside_as_well() {
    rerun(Errno::NOSYS);
}

#[test]
fn a_container_that_forbids_openat2_keeps_guests_inside_as_well() {
    rerun(Errno::PERM);
}
