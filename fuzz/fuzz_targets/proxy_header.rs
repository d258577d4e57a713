#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| popgate_fuzz::proxy_header::run(data));
