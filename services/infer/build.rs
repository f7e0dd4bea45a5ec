//! Lets the binary and the tests find libtorch where they were built, without LD_LIBRARY_PATH, and keeps the linker
//! from dropping libtorch's CUDA half, which nothing refers to by name.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=LIBTORCH_LIB");
    // The order in which torch-sys looks.
    let folder = std::env::var_os("LIBTORCH_LIB").or_else(|| std::env::var_os("LIBTORCH"));
    let Some(libraries) = folder.map(|folder| PathBuf::from(folder).join("lib")) else { return };
    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    for argument in ["-Wl,--no-as-needed", "-ltorch", "-Wl,--as-needed"] {
        println!("cargo:rustc-link-arg={argument}");
    }
}
