//! Rebuilds when a migration changes: they are embedded from outside this crate.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/station");
}
