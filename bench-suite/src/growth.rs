//! `growth`: what an operation costs against how much there is of something:
//! parked tasks, arms of a select, handles, channels that are alive; and how
//! long leakwatch looks.
//!
//! A row is a point of a curve. Rows, contenders and runs are those of
//! `compare`, the list of rows and the page are its own.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::report::{self, Record};
use crate::rows::GROWTH;
use crate::session::Session;

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

/// The program `growth`.
///
/// # Errors
///
/// As `compare`.
pub fn main() -> Result<(), Box<dyn Error>> {
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
