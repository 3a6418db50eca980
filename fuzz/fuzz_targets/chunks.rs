#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::ingest::fuzz_chunks(data));
