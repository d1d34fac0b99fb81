//! libFuzzer on the target `effects`: see `sanderling_tests::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanderling_fuzz::run("effects", data));
