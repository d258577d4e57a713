#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| popgate_fuzz::mailbox_view::run(data));
