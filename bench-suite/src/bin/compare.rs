//! `compare`: all contenders side by side, interleaved, in one run.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    bench_suite::compare()
}
