#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pbx_fuzz::multipart::multipart(data));
