#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::timeshift::fuzz_shift(data));
