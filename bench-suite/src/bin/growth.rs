//! `growth`: what an operation costs against how much there is of something.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    bench_suite::growth()
}
