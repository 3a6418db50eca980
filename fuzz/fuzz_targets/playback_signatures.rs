#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::access::viewer::fuzz_signatures(data));
