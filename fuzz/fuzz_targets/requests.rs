#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::control::fuzz_request(data));
