//! `growth`: what an operation costs against how much there is of something:
//! parked tasks, arms of a select, handles, channels that are alive; and how
//! long leakwatch looks.
//!
//! A row is a point of a curve. Rows, contenders and runs are those of
//! `compare`, the list of rows and the page are its own. The two programs share
//! their modules and not a library: what else is in this package would have to
//! wait for it to be built.

#![recursion_limit = "512"]
#![allow(
    dead_code,
    reason = "of the shared modules, some serve `compare` alone"
)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use report::Record;
use rows::GROWTH;
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

/// Draws what an operation costs against how much there is of something.
#[derive(Parser)]
#[command(name = "growth", version)]
struct Args {
    #[command(flatten)]
    session: Session,

    /// Measure nothing: print what figures that were saved say, and with
    /// --save make their tables and pictures again
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let record = match &args.from {
        Some(file) => Record::read(file)?,
        None => match args.session.run(GROWTH, "growth.json")? {
            Some(record) => record,
            None => return Ok(()),
        },
    };
    print!("{}", report::growth::text(&record));
    match &args.session.save {
        Some(directory) => save(&record, directory),
        None => Ok(()),
    }
}

/// The tables and pictures.
fn save(record: &Record, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let pictures = report::plots::draw(&record.rows(), "growth", directory)?;
    let page = report::growth::page(record, &pictures)?;
    fs::write(directory.join("growth.md"), page)?;
    println!(
        "growth.md and {} pictures are in {}",
        pictures.len(),
        directory.display()
    );
    Ok(())
}
