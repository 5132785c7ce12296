//! Keeps the floors of `docs/design.md`: a file uses only floors below its own, and folders on one
//! floor never see each other.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Module and its floor. Files of one module may use each other.
const FLOORS: [(&str, u8); 18] = [
    ("id", 0),
    ("secret", 0),
    ("clock", 0),
    ("error", 0),
    ("observe", 0),
    ("token", 1),
    ("revocation", 1),
    ("customer", 1),
    ("key", 2),
    ("verify", 3),
    ("sign", 3),
    ("oidc", 3),
    ("reject", 4),
    ("layer", 5),
    ("issuer", 5),
    ("extract", 6),
    ("testing", 6),
    // The root only names and re-exports.
    ("lib", 7),
];

fn floor(module: &str) -> u8 {
    FLOORS
        .iter()
        .find_map(|(name, floor)| (*name == module).then_some(*floor))
        .unwrap_or_else(|| panic!("module `{module}` has no floor"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Unit tests may use anything.
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            files.extend(sources(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// The module a source file belongs to: its folder, or its own name.
fn module(source: &Path) -> String {
    let relative = source.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    relative.components().next().unwrap().as_os_str().to_str().unwrap().replace(".rs", "")
}

/// What a file uses of the crate: the first name after each `crate::`, outside comments and tests.
fn uses(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1).collect::<Vec<_>>())
        .map(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next())
        .map(|name| name.unwrap().to_owned())
        .collect()
}

#[test]
fn a_file_uses_only_floors_below_its_own() {
    let mut checked = 0;
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let module = module(&source);
        for used in uses(&fs::read_to_string(&source).unwrap()) {
            if used == module {
                continue;
            }
            let allowed = floor(&used) < floor(&module) || floor(&module) == 0 && used == "error";
            assert!(allowed, "{} (floor {}) uses `{used}`", source.display(), floor(&module));
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} uses found: is the search broken?");
}

#[test]
fn no_file_reaches_upwards_by_super_super_or_takes_several_names_in_one_use() {
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for line in fs::read_to_string(&source).unwrap().lines() {
            let line = line.trim();
            let upwards = line.contains("super::super");
            let several = line.starts_with("use ") && line.contains('{');
            assert!(!upwards && !several, "{}: {line}", source.display());
        }
    }
}

#[test]
fn only_observe_names_events_and_metrics() {
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if module(&source) == "observe" {
            continue;
        }
        for line in fs::read_to_string(&source).unwrap().lines() {
            let names = line.contains("tracing::") || line.contains("metrics::");
            assert!(!names, "{}: {line}", source.display());
        }
    }
}
