//! Links the unwinder in, where the C compiler has it as an archive: finding and loading `libgcc_s.so.1` takes a
//! sixth of all that a cached `get` takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    // Another target's compiler has another name.
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    if gnu && native && has_archive("libgcc_eh.a") && has_archive("libgcc.a") {
        let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
        // The standard library asks for this name; a text in its place names others (ld(1), implicit scripts).
        fs::write(directory.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")
            .expect("the directory can be written");
        println!("cargo:rustc-link-arg-bins=-L{}", directory.display());
    }
}

/// Whether the C compiler, which links too, knows this file.
fn has_archive(name: &str) -> bool {
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let asked = Command::new(compiler)
        .arg(format!("-print-file-name={name}"))
        .output();
    // Of a file that it does not know it says the bare name.
    asked.is_ok_and(|asked| {
        Path::new(String::from_utf8_lossy(&asked.stdout).trim_end()).is_absolute()
    })
}
