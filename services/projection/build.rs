//! Migrations are built into the binary: a new file in `migrations/` must lead to a new build.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
