//! What the outlets write, against golden files and against each other.
//!
//! `UPDATE_GOLDEN=1 cargo test -p leakwatch --all-features export` writes the
//! golden files anew; look at their diff before it is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{fixture, folded, text, words, write_all};

#[cfg(feature = "flamegraph")]
mod pictures;
#[cfg(feature = "pprof")]
mod profiles;

fn golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, got).unwrap();
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    for (n, (got, want)) in got.lines().zip(want.lines()).enumerate() {
        assert_eq!(got, want, "{name} line {}", n + 1);
    }
    assert_eq!(got.len(), want.len(), "{name} has another length");
}

/// The tasks that a text writes out, by Go's header `^\w+ \d+ .*\[.*\]:$`.
fn headers(text: &str) -> usize {
    text.lines()
        .filter(|line| {
            let mut words = line.splitn(3, ' ');
            let word = words
                .next()
                .is_some_and(|w| w.chars().all(char::is_alphanumeric));
            let number = words.next().is_some_and(|w| w.parse::<u64>().is_ok());
            let rest = words
                .next()
                .is_some_and(|w| w.contains('[') && w.ends_with("]:"));
            word && number && rest
        })
        .count()
}

/// The tasks that a text counts without writing them out.
fn more(text: &str) -> usize {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("... and ")?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum()
}

fn folded_lines(report: &crate::report::Report) -> String {
    let mut lines = Vec::new();
    folded::write(report, &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

/// The sum of the numbers at the ends of folded lines.
fn folded_total(lines: &str) -> usize {
    lines
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap())
        .sum()
}

/// Leaves what the outlets write for tools and eyes to look at:
/// `cargo test -p leakwatch --all-features samples -- --ignored --nocapture`.
#[test]
#[ignore = "leaves files for people to open"]
fn samples() {
    let root = std::env::temp_dir().join("leakwatch-samples");
    for (name, report) in [
        ("report", fixture::report()),
        ("empty", fixture::empty()),
        ("hostile", fixture::hostile()),
        ("crowd", fixture::crowd(100_000)),
    ] {
        for path in write_all(&report, &root.join(name)).unwrap() {
            println!("{}", path.display());
        }
        #[cfg(feature = "flamegraph")]
        {
            let mut file = fs::File::create(root.join(name).join("parked.svg")).unwrap();
            super::flamegraph::write_by_time(&report, &mut file).unwrap();
        }
    }
}

/// A directory of the test's own, gone when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = format!("leakwatch-export-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        let _ = fs::remove_dir_all(&dir);
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn text_is_golden() {
    golden("report.txt", &text::to_string(&fixture::report()));
    golden("empty.txt", &text::to_string(&fixture::empty()));
}

#[cfg(feature = "json")]
#[test]
fn json_is_golden() {
    let mut json = Vec::new();
    super::json::write(&fixture::report(), &mut json).unwrap();
    golden("report.json", &String::from_utf8(json).unwrap());
}

#[test]
fn folded_is_golden() {
    let mut by_time = Vec::new();
    folded::write_by_time(&fixture::report(), &mut by_time).unwrap();
    golden("tasks.folded", &folded_lines(&fixture::report()));
    golden("parked.folded", &String::from_utf8(by_time).unwrap());
}

#[test]
fn counts_agree() {
    for report in [
        fixture::report(),
        fixture::hostile(),
        fixture::empty(),
        fixture::crowd(77),
    ] {
        let n = report.tasks.len();
        let text = text::to_string(&report);
        assert_eq!(headers(&text) + more(&text), n, "{text}");
        assert_eq!(folded_total(&folded_lines(&report)), n);
    }
}

#[test]
fn hostile_names_forge_no_line() {
    let report = fixture::hostile();
    let text = text::to_string(&report);
    let folded = folded_lines(&report);
    for c in text.chars().chain(folded.chars()) {
        assert!(!c.is_control() || matches!(c, '\n' | '\t'), "{c:?}");
        assert_ne!(c, '\u{202e}');
    }
    // Frames and details are indented by us; a tab from a name is an escape.
    assert!(
        text.lines()
            .all(|line| !line.trim_start_matches('\t').contains('\t'))
    );
    assert!(
        text.lines()
            .all(|line| line.chars().count() < 3 * words::LONGEST)
    );
    // Five frames and the leaf, and no `;` from a name.
    let deep = folded
        .lines()
        .find(|line| line.contains("no comment"))
        .unwrap();
    assert_eq!(deep.matches(';').count(), 5, "{deep}");
    assert!(folded.lines().all(|line| !line.starts_with('#')));
}

#[cfg(feature = "json")]
#[test]
fn json_keeps_hostile_names() {
    let report = fixture::hostile();
    let mut json = Vec::new();
    super::json::write(&report, &mut json).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["schema"], crate::report::SCHEMA);
    assert_eq!(value["tasks"][0]["name"], *report.tasks[0].name);
    assert_eq!(value["tasks"][0]["operation"], &*report.tasks[0].operation);
}

#[test]
fn crowds_are_counted_not_listed() {
    let text = text::to_string(&fixture::crowd(100_000));
    assert!(text.lines().count() < 100, "{text}");
    assert!(text.contains("finding 1: Proven::Orphaned, 100000 times"));
    assert!(text.contains("\tand 99997 more\n"));
    assert!(text.contains("... and 99997 more like task 0, parked 3m12s, on 1 channel\n"));
    assert_eq!(
        folded_total(&folded_lines(&fixture::crowd(100_000))),
        100_000
    );
}

#[test]
fn tasks_that_differ_are_not_joined() {
    let mut report = fixture::crowd(8);
    Arc::make_mut(&mut report.tasks[7].stack)[2].line = Some(1);
    let text = text::to_string(&report);
    assert_eq!((headers(&text), more(&text)), (4, 4));
}

#[test]
fn write_all_leaves_whole_files_only() {
    let scratch = Scratch::new("whole");
    let dir = scratch.0.join("a/b");
    let first = write_all(&fixture::empty(), &dir).unwrap();
    let again = write_all(&fixture::report(), &dir).unwrap();
    assert_eq!(first, again);
    let mut found: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let mut want = again;
    found.sort();
    want.sort();
    assert_eq!(found, want);
    let text = fs::read_to_string(dir.join("report.txt")).unwrap();
    assert_eq!(text, text::to_string(&fixture::report()));
}

#[test]
fn write_all_passes_over_a_stale_draft() {
    let scratch = Scratch::new("stale");
    fs::create_dir_all(&scratch.0).unwrap();
    let stale = scratch
        .0
        .join(format!(".report.txt.{}-0.tmp", std::process::id()));
    fs::write(&stale, "half a rep").unwrap();
    write_all(&fixture::report(), &scratch.0).unwrap();
    assert_eq!(fs::read_to_string(stale).unwrap(), "half a rep");
}

#[test]
fn write_all_names_what_failed() {
    let scratch = Scratch::new("fails");
    fs::create_dir_all(&scratch.0).unwrap();
    let file = scratch.0.join("file");
    fs::write(&file, "").unwrap();
    let error = write_all(&fixture::report(), &file)
        .unwrap_err()
        .to_string();
    assert!(error.contains(&file.display().to_string()), "{error}");

    // A directory in the way of a file: the draft does not stay.
    fs::create_dir_all(scratch.0.join("out/report.txt")).unwrap();
    let error = write_all(&fixture::report(), &scratch.0.join("out"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot write ") && error.contains("report.txt"),
        "{error}"
    );
    assert_eq!(fs::read_dir(scratch.0.join("out")).unwrap().count(), 1);
}

#[test]
fn errors_of_the_writer_come_back() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let report = fixture::report();
    assert!(text::write(&report, &mut Full).is_err());
    assert!(folded::write(&report, &mut Full).is_err());
    #[cfg(feature = "json")]
    assert!(super::json::write(&report, &mut Full).is_err());
    #[cfg(feature = "pprof")]
    assert!(super::pprof::write(&report, &mut Full).is_err());
    #[cfg(feature = "flamegraph")]
    assert!(super::flamegraph::write(&report, &mut Full).is_err());
}

#[test]
fn ages_are_readable() {
    let cases = [
        (Duration::ZERO, "0s"),
        (Duration::from_nanos(999), "999ns"),
        (Duration::from_micros(250), "250µs"),
        (Duration::from_micros(4_999), "4ms"),
        (Duration::from_secs(1), "1s"),
        (Duration::from_millis(1_250), "1.2s"),
        (Duration::from_millis(59_999), "59.9s"),
        (Duration::from_secs(60), "1m0s"),
        (Duration::from_secs(192), "3m12s"),
        (Duration::from_secs(3_599), "59m59s"),
        (Duration::from_secs(7_500), "2h5m"),
        (Duration::from_secs(3 * 86_400 + 4 * 3_600), "3d4h"),
        (Duration::MAX, "213503982334601d7h"),
    ];
    for (age, want) in cases {
        assert_eq!(words::age(age), want);
    }
}

#[test]
fn moments_follow_the_calendar() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (68_169_599, "1972-02-28T23:59:59Z"),
        (68_169_600, "1972-02-29T00:00:00Z"),
        (951_827_696, "2000-02-29T12:34:56Z"),
        (1_773_059_696, "2026-03-09T12:34:56Z"),
        (4_102_444_799, "2099-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ];
    for (second, want) in cases {
        let t = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        assert_eq!(words::moment(t), want);
    }
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(words::moment(before), "1970-01-01T00:00:00Z");
}
