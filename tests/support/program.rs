//! The program under test.

use std::env;
use std::sync::OnceLock;

/// The path of the program that the tests run: the one that cargo built, or the one that `TOKCTL_TEST_PROGRAM` names
/// (a static or stripped build of the same source).
pub fn tokctl() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| match env::var("TOKCTL_TEST_PROGRAM") {
        Ok(other) => {
            let path = std::path::absolute(&other).expect("TOKCTL_TEST_PROGRAM is a path");
            assert!(path.is_file(), "TOKCTL_TEST_PROGRAM={other}: no such file");
            // Shells and git look for it by its name.
            assert!(
                path.file_stem().is_some_and(|name| name == "tokctl"),
                "TOKCTL_TEST_PROGRAM={other}: its name has to be tokctl"
            );
            path.to_str().expect("a path in UTF-8").to_owned()
        }
        Err(_) => built().to_owned(),
    })
}

/// The one that cargo built, with the names of its functions.
pub fn built() -> &'static str {
    env!("CARGO_BIN_EXE_tokctl")
}
