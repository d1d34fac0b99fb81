//! libFuzzer on the target `hub`: see `sanderling_tests::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanderling_fuzz::run("hub", data));
