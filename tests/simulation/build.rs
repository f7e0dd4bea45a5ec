//! Lets the tests find libtorch where they were built, as infer, whose decisions they run, does for itself.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=LIBTORCH_LIB");
    let folder = std::env::var_os("LIBTORCH_LIB").or_else(|| std::env::var_os("LIBTORCH"));
    if let Some(libraries) = folder.map(|folder| PathBuf::from(folder).join("lib")) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    }
}
