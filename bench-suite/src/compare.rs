//! `compare`: all contenders side by side, interleaved, in one run.
//!
//! What is measured stands in `rows.rs`, who takes part in `contenders.rs`,
//! what they must be able to do in `faces.rs`, what they do in `workloads/`,
//! and how figures are taken in `measure.rs` and `runner.rs`.

#![recursion_limit = "512"]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use report::Record;
use rows::ROWS;
use session::Session;

mod bytes;
mod case;
mod contenders;
mod environment;
mod faces;
mod measure;
mod outcome;
mod process;
mod report;
mod rows;
mod runner;
mod session;
mod workloads;

/// Runs all contenders interleaved and prints medians, their spread, and the
/// ratio to the best peer.
#[derive(Parser)]
#[command(name = "compare", version)]
struct Args {
    #[command(flatten)]
    session: Session,

    /// Measure nothing: print the targets of figures that were saved, and with
    /// --save make their tables and pictures again
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,

    /// With --from: whether these figures rank the contenders alike
    #[arg(long, value_name = "FILE", requires = "from")]
    against: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let record = match &args.from {
        Some(file) => Record::read(file)?,
        None => match args.session.run(ROWS, "benchmarks.json")? {
            Some(record) => record,
            None => return Ok(()),
        },
    };
    print!("{}", report::text::end(&record));
    if let Some(other) = &args.against {
        let other = Record::read(other)?;
        print!(
            "\n{}",
            report::agreement::text(&record.rows(), &other.rows())
        );
    }
    match &args.session.save {
        Some(directory) => save(&record, directory),
        None => Ok(()),
    }
}

/// The tables and pictures.
fn save(record: &Record, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let pictures = report::plots::draw(&record.rows(), "bench", directory)?;
    let page = report::markdown::page(record, &pictures)?;
    fs::write(directory.join("benchmarks.md"), page)?;
    println!(
        "benchmarks.md and {} pictures are in {}",
        pictures.len(),
        directory.display()
    );
    Ok(())
}
