#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| git_hotfix::fuzzing::retry_after(data));
