//! Prepares what the window carries: its screens, icon and rights. Says in one sentence when the screens are not built.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist/index.html");
    println!("cargo::rerun-if-env-changed=TAURI_CONFIG");
    let carries_screens = std::env::var_os("CARGO_FEATURE_CUSTOM_PROTOCOL").is_some();
    if carries_screens && !Path::new("../ui/dist/index.html").exists() {
        println!(
            "cargo::error=The screens are not built: run `npm ci && npm run build` in the folder ui, then build again."
        );
        return;
    }
    tauri_build::build();
}
