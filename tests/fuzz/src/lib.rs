//! What all targets do with an input.

use sanderling_tests::fuzz::Target;

/// Runs a target on an input, under its bound on memory.
///
/// # Panics
/// If something is wrong, which libFuzzer reports with the input.
pub fn run(name: &str, data: &[u8]) {
    let target = Target::find(name).expect("a target");
    let bytes = allocation_counter::measure(|| (target.run)(data)).bytes_max;
    assert!(!target.is_too_much(bytes, data.len()), "{bytes} bytes are allocated at a time, for {} of input", data.len());
}
