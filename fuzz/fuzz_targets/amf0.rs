#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edgereel::doors::rtmp::fuzz_amf0(data));
