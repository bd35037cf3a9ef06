//! The outlets: a [`Report`] in the forms that people and tools read.
//!
//! | outlet | feature | for | to open it |
//! | --- | --- | --- | --- |
//! | [`text`] | | a person at a terminal, a log | `less report.txt` |
//! | [`folded`] | | scripts, `diff`, other flamegraph tools | `flamegraph.pl tasks.folded > tasks.svg` |
//! | `json` | `json` | programs | `jq '.findings[].reason' report.json` |
//! | `pprof` | `pprof` | `go tool pprof`, profile stores | `go tool pprof -top tasks.pb.gz` |
//! | `flamegraph` | `flamegraph` | a person with a browser | `firefox flamegraph.svg` |
//!
//! Start with the text: it says everything. With thousands of parked tasks
//! the flamegraph or `pprof` shows first where they are. [`write_all`] leaves
//! every form in a directory.
//!
//! All outlets take the same [`Report`], so their counts agree; none of them
//! looks at the live channels. They write to any [`Write`], and fail only if
//! it does. Names from the program may hold anything: all outlets but JSON
//! write control characters as escapes, so that no name can forge a line, and
//! cut a name after a thousand characters.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::report::Report;

#[cfg(feature = "flamegraph")]
pub mod flamegraph;
pub mod folded;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "pprof")]
pub mod pprof;
#[cfg(feature = "pprof")]
mod proto;
pub mod text;
mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

/// Writes the report into `dir` in every form that is compiled in, and says
/// which files these are: `report.txt`, `tasks.folded`, and by feature
/// `report.json`, `tasks.pb.gz` and `flamegraph.svg`.
///
/// The directory is made if it is missing. A file appears under its name only
/// when it is whole, and replaces the one of an earlier report at once, so a
/// reader never sees half a file.
///
/// # Errors
///
/// The first thing that could not be written; the error names it. Files
/// written before it stay.
///
/// # Examples
///
/// ```
/// use leakwatch::{export, report::Report};
///
/// fn keep(report: &Report) -> std::io::Result<()> {
///     for path in export::write_all(report, "/var/tmp/leaks".as_ref())? {
///         println!("wrote {}", path.display());
///     }
///     Ok(())
/// }
/// ```
pub fn write_all(report: &Report, dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir).map_err(|e| {
        let help = "name a directory that this process may write to";
        explain(&e, "create the directory", dir, help)
    })?;
    #[allow(unused_mut, reason = "without features nothing is added")]
    let mut written = vec![
        place(dir, "report.txt", |w| text::write(report, w))?,
        place(dir, "tasks.folded", |w| folded::write(report, w))?,
    ];
    #[cfg(feature = "json")]
    written.push(place(dir, "report.json", |w| json::write(report, w))?);
    #[cfg(feature = "pprof")]
    written.push(place(dir, "tasks.pb.gz", |w| pprof::write(report, w))?);
    #[cfg(feature = "flamegraph")]
    written.push(place(dir, "flamegraph.svg", |w| {
        flamegraph::write(report, w)
    })?);
    Ok(written)
}

/// Writes a file under a name of its own and then gives it its right name.
fn place(
    dir: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let path = dir.join(name);
    let help = "check that the directory can be written to and that its disk has room";
    let (draft, file) = draft(dir, name).map_err(|e| explain(&e, "write", &path, help))?;
    let mut w = BufWriter::new(file);
    let done = write(&mut w)
        .and_then(|()| w.flush())
        .and_then(|()| fs::rename(&draft, &path));
    if let Err(e) = done {
        // The first error is the one to tell.
        let _ = fs::remove_file(&draft);
        return Err(explain(&e, "write", &path, help));
    }
    Ok(path)
}

/// A new file for a draft. Another thread may be writing its own report here,
/// and a process that died may have left its draft, so names are tried until
/// one is free.
fn draft(dir: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let pid = std::process::id();
    let mut n = 0_u32;
    loop {
        let path = dir.join(format!(".{name}.{pid}-{n}.tmp"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
            Err(e) => return Err(e),
        }
    }
}

fn explain(e: &io::Error, what: &str, path: &Path, help: &str) -> io::Error {
    io::Error::new(
        e.kind(),
        format!("cannot {what} {}: {e}; {help}", path.display()),
    )
}
