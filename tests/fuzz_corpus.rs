//! Every file of `fuzz/corpus/`, through what the fuzz targets hold it to: with the ordinary compiler, in the ordinary tests.

// There it is a library.
#[allow(unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::Path;

/// All files of a target's corpus; there are some.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        // Shown only where it fails: libFuzzer names files by their content.
        println!("{}", path.display());
        check(&fs::read(&path).expect("a file"));
        files += 1;
    }
    assert!(files > 10, "{target} has {files} files");
}

#[test]
fn admission() {
    replay("admission", fuzz::admission);
}

#[test]
fn header() {
    replay("header", fuzz::header);
}

#[test]
fn scrubbing() {
    replay("scrubbing", fuzz::scrubbing);
}

#[test]
fn query() {
    replay("query", fuzz::query);
}

#[test]
fn config() {
    replay("config", fuzz::config);
}

#[test]
fn access() {
    replay("access", fuzz::access);
}

#[test]
fn chunk() {
    replay("chunk", fuzz::chunk);
}

#[test]
fn stack() {
    replay("stack", fuzz::stack);
}

#[test]
fn tape() {
    replay("tape", fuzz::tape);
}
