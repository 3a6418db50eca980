#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::doors::http::fuzz_range(data));
