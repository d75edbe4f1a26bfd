#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pbx_fuzz::web_socket::web_socket(data));
