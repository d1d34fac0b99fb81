//! libFuzzer on the target `replica`: see `sanderling_tests::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanderling_fuzz::run("replica", data));
