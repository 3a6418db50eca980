#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::config::fuzz(data));
