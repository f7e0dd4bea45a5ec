//! Clones on one machine share what they compiled of other people's crates (`infra/local/cargo.py`).
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = r#"
[package]
name = "clone"
version = "0.0.0"
edition = "2024"

[dependencies]
thiserror = "2"
opentelemetry = { version = "0.33", optional = true, default-features = false, features = ["trace"] }
"#;

const SOURCE: &str = "#[cfg(feature = \"opentelemetry\")]\npub use opentelemetry::trace::SpanId;\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A clone, as far as this is about: the scripts, a lock, and one crate.
fn clone(folder: &Path) {
    fs::create_dir_all(folder.join("infra/local")).unwrap();
    for script in ["cargo.py", "packages.py"] {
        fs::copy(root().join("infra/local").join(script), folder.join("infra/local").join(script)).unwrap();
    }
    fs::create_dir(folder.join("src")).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(folder.join("Cargo.toml"), MANIFEST).unwrap();
    fs::write(folder.join("src/lib.rs"), SOURCE).unwrap();
}

/// What cargo says of a build in `clone`, whose crates are shared through `cache` unless that is off.
fn build(clone: &Path, cache: &Path, shared: &str, features: &[&str]) -> String {
    let ran = Command::new("python3")
        .args(["infra/local/cargo.py", "build", "--offline"])
        .args(features)
        .current_dir(clone)
        .env("HILUM_CACHE", cache)
        .env("HILUM_COMPILED", shared)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success(), "{}: {said}", clone.display());
    said
}

#[test]
fn what_one_clone_compiled_is_used_in_another_and_never_mixed_with_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third, cache] =
        ["first", "second", "third", "cache"].map(|name| folder.path().join(name));
    [&first, &second, &third].into_iter().for_each(|folder| clone(folder));
    let with_all = ["--features", "opentelemetry"];
    // thiserror compiles a file that its build script wrote: it is another crate to rustc in each clone.
    build(&second, &cache, "off", &[]);
    let said = build(&first, &cache, "on", &with_all);
    assert!(said.contains("Compiling thiserror") && said.contains("Compiling opentelemetry"), "{said}");
    let said = build(&second, &cache, "on", &with_all);
    assert!(
        said.contains("Compiling opentelemetry"),
        "not the first one's, which needs its thiserror: {said}"
    );
    let said = build(&third, &cache, "on", &with_all);
    assert!(!said.contains("Compiling thiserror") && !said.contains("Compiling opentelemetry"), "{said}");
}
