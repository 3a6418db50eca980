#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::delivery::fuzz_s3_answer(data));
