//! The same in Rust, as far as it goes.
#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

struct Point {
    x: i32,
    y: i32,
}

impl Point {
    #[inline(always)]
    fn divide(&self, by: i32) -> i32 {
        if by == 0 {
            core::arch::wasm32::unreachable();
        }
        self.y.wrapping_div(by)
    }
}

#[inline(never)]
fn work(point: &Point, count: i32) -> i32 {
    (0..count).map(|i| point.x + point.divide(count - i - 2)).sum()
}

#[unsafe(no_mangle)]
extern "C" fn fail(count: i32) -> i32 {
    work(&Point { x: count, y: 7 }, count) + 1
}
