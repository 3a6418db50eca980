#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::sync::fuzz_s3_answer(data));
