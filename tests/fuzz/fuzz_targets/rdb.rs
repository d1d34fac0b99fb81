//! libFuzzer on the target `rdb`: see `sanderling_tests::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanderling_fuzz::run("rdb", data));
