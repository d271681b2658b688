#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        // SAFETY: nothing else runs yet.
        unsafe { std::env::set_var("TOKCTL_TOKEN_P", tokctl::fuzzing::token()) }
    },
    |data: &[u8]| tokctl::fuzzing::git(data)
);
