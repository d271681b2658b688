//! The manual, compressed, which is inside of the program; and what the compiler must be told beside the code: the commit and the target that `tokctl --version -v` names, and for
//! glibc the unwinder, where the C compiler has it as an archive: finding and loading `libgcc_s.so.1` takes a sixth of
//! all that a cached `get` takes.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    compress_manual();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=TOKCTL_TARGET={}", variable("TARGET"));
    println!("cargo:rustc-env=TOKCTL_COMMIT={}", commit());
    let linux = variable("CARGO_CFG_TARGET_OS") == "linux";
    if linux && variable("CARGO_CFG_TARGET_ENV") == "gnu" {
        link_unwinder();
    }
}

/// All pages as one stream, each after a mark and its file's name: `command/man/pages.rs` reads it.
fn compress_manual() {
    println!("cargo:rerun-if-changed=man");
    let mut files: Vec<PathBuf> = fs::read_dir("man")
        .expect("the manual is there")
        .map(|entry| entry.expect("its directory can be read").path())
        .collect();
    files.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let stream = fs::File::create(out.join("pages.deflate")).expect("the directory can be written");
    let mut stream = DeflateEncoder::new(stream, Compression::best());
    for file in files {
        let name = file.file_name().expect("it has one").to_string_lossy();
        let page = fs::read_to_string(&file).expect("a page is text");
        write!(stream, "\u{1}{name}\n{page}").expect("the file can be written");
    }
    stream.finish().expect("the file can be written");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// What a release or a package is made of: `TOKCTL_COMMIT`, else what cargo has put into a crate. Git is not asked: then
/// everything would be built again after each commit.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=TOKCTL_COMMIT");
    let set = variable("TOKCTL_COMMIT");
    if !set.is_empty() {
        return set;
    }
    let packaged = fs::read_to_string(".cargo_vcs_info.json").unwrap_or_default();
    let found = packaged.split_once("\"sha1\":").map(|(_, rest)| rest);
    let found = found.and_then(|rest| rest.split('"').nth(1));
    found.unwrap_or("unknown").to_owned()
}

/// Links the unwinder in, which the standard library asks for as `libgcc_s.so`.
fn link_unwinder() {
    println!("cargo:rerun-if-env-changed=CC");
    let Some(compiler) = compiler() else { return };
    if !["libgcc_eh.a", "libgcc.a"]
        .map(|name| has_archive(&compiler, name))
        .iter()
        .all(|has| *has)
    {
        return;
    }
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    // A text in its place names others (ld(1), implicit scripts).
    fs::write(directory.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")
        .expect("the directory can be written");
    println!("cargo:rustc-link-arg-bins=-L{}", directory.display());
    // A developer wants to see where it panicked.
    if variable("PROFILE") == "release" {
        find_nothing(&compiler, &directory);
    }
}

/// The unwinder of gcc 12 and later finds its tables with a function that glibc has from 2.35 on, and a program with it
/// does not start on RHEL 9 and Amazon Linux 2023 (2.34). This one takes its place; then a panic's backtrace is empty,
/// and its message, which is what is reported, is not.
const FIND_NOTHING: &str = "\
__attribute__((visibility(\"hidden\"))) int _dl_find_object(void *address, void *result)
{
    (void)address;
    (void)result;
    return -1;
}
";

fn find_nothing(compiler: &OsStr, directory: &Path) {
    let (source, object) = (directory.join("find.c"), directory.join("find.o"));
    fs::write(&source, FIND_NOTHING).expect("the directory can be written");
    let mut command = Command::new(compiler);
    command
        .args(["-O2", "-fPIC", "-c", "-o"])
        .args([&object, &source]);
    if command.status().is_ok_and(|status| status.success()) {
        println!("cargo:rustc-link-arg-bins={}", object.display());
    }
}

/// The C compiler, which links too: for another machine the one that is set as its linker.
fn compiler() -> Option<OsString> {
    let native = variable("HOST") == variable("TARGET");
    let usual = || native.then(|| env::var_os("CC").unwrap_or_else(|| "cc".into()));
    env::var_os("RUSTC_LINKER").or_else(usual)
}

/// Whether the compiler knows this file.
fn has_archive(compiler: &OsStr, name: &str) -> bool {
    let asked = Command::new(compiler)
        .arg(format!("-print-file-name={name}"))
        .output();
    // Of a file that it does not know it says the bare name.
    asked.is_ok_and(|asked| {
        Path::new(String::from_utf8_lossy(&asked.stdout).trim_end()).is_absolute()
    })
}
