//! Keeps the floors of `docs/design.md`: a file uses only floors below its own, and folders on one
//! floor never see each other.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Module and its floor. Files of one module may use each other.
const FLOORS: [(&str, u8); 24] = [
    ("clock", 0),
    ("error", 0),
    ("fair_queue", 0),
    ("id", 0),
    ("secret", 0),
    ("telemetry", 0),
    ("database", 1),
    ("password", 1),
    ("token", 1),
    ("wire", 1),
    ("customer", 2),
    ("key", 2),
    ("revocation", 2),
    ("jwk_set", 3),
    ("oidc", 3),
    ("sign", 3),
    ("store", 3),
    ("throttle", 3),
    ("verify", 3),
    ("issuer", 4),
    ("layer", 4),
    ("extract", 5),
    ("testing", 5),
    // The root only names and re-exports.
    ("lib", 6),
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find_map(|(name, floor)| (*name == module).then_some(*floor))
}

/// Why a file of this module must not use that one.
fn objection(module: &str, used: &str) -> Option<&'static str> {
    let own = floor(module).unwrap_or_else(|| panic!("module `{module}` has no floor"));
    match floor(used) {
        _ if used == module => None,
        // On the ground floor, everybody may use `error`.
        Some(0) if own == 0 && used == "error" => None,
        Some(floor) if floor < own => None,
        Some(floor) if floor == own => Some("is on the same floor"),
        Some(_) => Some("is on a floor above"),
        // A macro that is exported is in the root, whichever module it belongs to.
        None if used.starts_with("__") => None,
        None => Some("is a name of the root, which is above all floors"),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The source files that are checked: unit tests may use anything.
fn sources() -> Vec<PathBuf> {
    let is_test = |path: &Path| path.components().any(|part| Path::new(&part) == "tests");
    let name = |path: &Path| path.strip_prefix(root()).unwrap().with_extension("");
    files(&root()).into_iter().filter(|path| !is_test(&name(path))).collect()
}

/// The path of the module in a source file, from the root of the crate: empty for `lib.rs`.
fn module_path(source: &Path) -> Vec<String> {
    let relative = source.strip_prefix(root()).unwrap().with_extension("");
    let names = relative.components().map(|part| part.as_os_str().to_str().unwrap().to_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

/// The module of the table that a source file belongs to: its folder, or its own name.
fn module(source: &Path) -> String {
    module_path(source).into_iter().next().unwrap_or_else(|| "lib".to_owned())
}

/// Names and signs of Rust source, `::` being one, without comments, texts and lifetimes.
fn tokens(text: &str) -> Vec<&str> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r');
        let raw = raw.filter(|raw| raw.trim_start_matches('#').starts_with('"'));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(raw) = raw {
            let fences = raw.len() - raw.trim_start_matches('#').len();
            let (open, end) = (fences + 1, format!("\"{}", "#".repeat(fences)));
            rest.len() - raw.len() + open + raw[open..].find(&end).unwrap() + end.len()
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            // A character, or else a lifetime.
            let is_character = rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'');
            if is_character { quoted(rest, '\'') } else { 1 }
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let name = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
            let sign = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            let length = name.max(sign);
            tokens.push(&rest[..length]);
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the block comment at the start, with those inside of it.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    for (at, _) in text.char_indices() {
        match &text[at..] {
            rest if rest.starts_with("/*") => depth += 1,
            rest if rest.starts_with("*/") && depth == 1 => return at + 2,
            rest if rest.starts_with("*/") => depth -= 1,
            _ => {}
        }
    }
    panic!("a comment without an end")
}

/// The length of the text in quotes at the start.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    panic!("a text without an end")
}

/// The position after the bracket that closes the one here.
fn closed(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" if depth == 1 => return at + 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
    }
    panic!("a bracket without an end")
}

/// The position after `#[cfg(test)]`, further attributes and `mod name { ... }`, if they are here.
fn after_tests(tokens: &[&str], at: usize) -> Option<usize> {
    let mut next = at + 7;
    if tokens.get(at..next)? != ["#", "[", "cfg", "(", "test", ")", "]"] {
        return None;
    }
    while tokens.get(next) == Some(&"#") {
        next = closed(tokens, next + 1);
    }
    let is_inline = tokens.get(next) == Some(&"mod") && tokens.get(next + 2) == Some(&"{");
    is_inline.then(|| closed(tokens, next + 2))
}

/// What a file uses of the crate, outside of its unit tests: for each path by `crate`, `super` or
/// `self`, anywhere in the code, its first name below the root. `lib` is the root as a whole.
fn uses(file: &[String], text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut used = Vec::new();
    let mut scope = file.to_vec();
    // At which depth the modules within this file began.
    let mut modules = Vec::new();
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        if let Some(after) = after_tests(&tokens, at) {
            at = after;
            continue;
        }
        let next = tokens.get(at + 1).copied();
        match tokens[at] {
            "mod" if tokens.get(at + 2) == Some(&"{") => {
                scope.push(tokens[at + 1].to_owned());
                modules.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if modules.last() == Some(&depth) {
                    modules.pop();
                    scope.pop();
                }
            }
            first @ ("crate" | "super" | "self")
                if next == Some("::") && (at == 0 || tokens[at - 1] != "::") =>
            {
                let base = if first == "crate" { Vec::new() } else { scope.clone() };
                let start = if first == "super" { at } else { at + 2 };
                named(&tokens, start, base, &mut used);
            }
            _ => {}
        }
        at += 1;
    }
    used
}

/// Adds what the rest of a path names, which begins in the module `base`.
fn named(tokens: &[&str], mut at: usize, mut base: Vec<String>, used: &mut Vec<String>) {
    while tokens[at] == "super" {
        base.pop().expect("the root has nothing above it");
        at += 2;
    }
    match (base.first(), tokens[at]) {
        (Some(first), _) => used.push(first.clone()),
        (None, "*" | "self") => used.push("lib".to_owned()),
        (None, "{") => {
            let end = closed(tokens, at) - 1;
            at += 1;
            while at < end {
                named(tokens, at, Vec::new(), used);
                // The next name of this group.
                while at < end && tokens[at] != "," {
                    at = if tokens[at] == "{" { closed(tokens, at) } else { at + 1 };
                }
                at += 1;
            }
        }
        (None, name) => used.push(name.to_owned()),
    }
}

#[test]
fn a_file_uses_only_floors_below_its_own() {
    let mut checked = 0;
    for source in sources() {
        let module = module(&source);
        for used in uses(&module_path(&source), &fs::read_to_string(&source).unwrap()) {
            let objection = objection(&module, &used);
            assert_eq!(objection, None, "{} uses `{used}`", source.display());
            checked += usize::from(used != module);
        }
    }
    assert!(checked > 50, "only {checked} uses found: is the search broken?");
}

#[test]
fn floors_are_strict_but_for_errors_on_the_ground_floor() {
    let same = Some("is on the same floor");
    let above = Some("is on a floor above");
    for (module, used, expected) in [
        ("token", "token", None),
        ("token", "id", None),
        ("token", "key", above),
        ("verify", "sign", same),
        ("layer", "issuer", same),
        ("id", "error", None),
        ("error", "id", same),
        ("id", "secret", same),
        ("testing", "lib", above),
        ("testing", "KeyRing", Some("is a name of the root, which is above all floors")),
        ("lib", "testing", None),
    ] {
        assert_eq!(objection(module, used), expected, "{module} uses {used}");
    }
}

#[test]
fn the_search_sees_each_way_to_name_a_module() {
    let table: &[(&str, &str, &[&str])] = &[
        ("a", "use crate::x::Y;", &["x"]),
        ("a", "pub use crate::x::Y;", &["x"]),
        ("a", "pub(crate) use crate::x::Y as Z;", &["x"]),
        ("a", "pub(in crate::a) use crate::x;", &["a", "x"]),
        ("a", "use crate::{x::Y, y::{Z, W}, z, self};", &["x", "y", "z", "lib"]),
        ("a", "use crate::*;", &["lib"]),
        ("a", "let x = crate::x::y(crate::z::W);", &["x", "z"]),
        ("a", "macro_rules! m { () => { $crate::x::Y } }", &["x"]),
        // Through `super`, to a sibling of the file's own module.
        ("a", "use super::x::Y;", &["x"]),
        ("a", "use super::*;", &["lib"]),
        ("a", "pub(crate) use super::{x, y::Z};", &["x", "y"]),
        ("a/b", "use super::x::Y;", &["a"]),
        ("a/b", "use super::super::x::Y;", &["x"]),
        ("a/b", "use self::super::super::x::Y;", &["x"]),
        ("a/b", "fn y() { super::super::x::y() }", &["x"]),
        ("a", "mod b { use super::x; }", &["a"]),
        ("a", "mod b { use super::super::x; } use super::y;", &["x", "y"]),
        ("a", "mod b { mod c {} fn d() {} use super::x; } use super::y;", &["a", "y"]),
        ("a/b", "use self::x::Y;", &["a"]),
        // What is no use of the crate, or one of a unit test.
        ("a", "pub(crate) fn y(&self) { self.x() } pub(super) fn z() {}", &[]),
        ("a", "use other::crate_x::Y;", &[]),
        ("a", "// crate::x\n/* crate::x /* */ crate::y */ //! [`crate::z`]", &[]),
        (
            "a",
            r####"f("\"crate::x", r#"" crate::y"#, b"{", '"', '{', '\''); use crate::z;"####,
            &["z"],
        ),
        ("a", "fn y<'a>(z: &'a crate::x::Y) {}", &["x"]),
        ("a", "#[cfg(test)] mod tests { use super::*; } use crate::x;", &["x"]),
        ("a", "#[cfg(test)] #[allow(dead_code)] mod t { use crate::y; } use crate::x;", &["x"]),
        ("a", "#[cfg(test)] mod tests; use crate::x;", &["x"]),
    ];
    for (file, text, expected) in table {
        let file: Vec<String> = file.split('/').map(str::to_owned).collect();
        assert_eq!(uses(&file, text), *expected, "{text}");
    }
}

#[test]
fn each_module_has_a_floor_and_each_floor_its_modules() {
    let mut modules: Vec<String> = sources().iter().map(|source| module(source)).collect();
    modules.sort_unstable();
    modules.dedup();
    let mut named: Vec<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    assert_eq!(modules, named);
}

#[test]
fn no_source_file_is_longer_than_450_lines() {
    for source in files(&root()) {
        let lines = fs::read_to_string(&source).unwrap().lines().count();
        assert!(lines <= 450, "{}: {lines} lines", source.display());
    }
}

#[test]
fn no_module_has_more_than_3500_lines_but_for_the_test_kit_and_revocations() {
    for (module, _) in FLOORS {
        let sources = sources().into_iter().filter(|source| self::module(source) == module);
        let lines: usize =
            sources.map(|source| fs::read_to_string(source).unwrap().lines().count()).sum();
        let limit = match module {
            // It has the suites of all stores.
            "testing" => 4_500,
            // The list, and the logs in two databases.
            "revocation" => 4_200,
            _ => 3_500,
        };
        assert!(lines <= limit, "{module}: {lines} lines");
    }
}

#[test]
fn no_file_reaches_upwards_by_super_super_or_takes_several_names_in_one_use() {
    for source in sources() {
        for line in fs::read_to_string(&source).unwrap().lines() {
            let line = line.trim();
            let upwards = line.contains("super::super");
            // Behind `pub`, `pub(crate)` and the like.
            let item = line.strip_prefix("pub").map_or(line, |rest| match rest.split_once(')') {
                Some((scope, rest)) if scope.starts_with('(') => rest.trim_start(),
                _ => rest.trim_start(),
            });
            let several = item.starts_with("use ") && item.contains('{');
            assert!(!upwards && !several, "{}: {line}", source.display());
        }
    }
}

#[test]
fn only_telemetry_names_events_and_metrics() {
    for source in sources() {
        if module(&source) == "telemetry" {
            continue;
        }
        for line in fs::read_to_string(&source).unwrap().lines() {
            let names = line.contains("tracing::") || line.contains("metrics::");
            assert!(!names, "{}: {line}", source.display());
        }
    }
}
