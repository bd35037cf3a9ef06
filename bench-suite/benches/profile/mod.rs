//! A flamegraph of each benchmark, by pprof: 999 times a second it interrupts
//! whoever runs and walks the stack.

use std::fs::{self, File};
use std::path::Path;

use criterion::profiler::Profiler;
use pprof::{ProfilerGuard, ProfilerGuardBuilder};

/// Draws `flamegraph.svg` into the directory of each benchmark.
#[derive(Default)]
pub(crate) struct Flamegraphs {
    running: Option<ProfilerGuard<'static>>,
}

impl Profiler for Flamegraphs {
    fn start_profiling(&mut self, _name: &str, _directory: &Path) {
        let guard = ProfilerGuardBuilder::default()
            .frequency(999)
            // Inside these a stack cannot be walked from a signal.
            .blocklist(&["libc", "libgcc", "pthread", "vdso"])
            .build();
        self.running = Some(guard.expect("nothing else profiles"));
    }

    fn stop_profiling(&mut self, name: &str, directory: &Path) {
        let Some(guard) = self.running.take() else {
            return;
        };
        let report = guard.report().build().expect("it was started");
        fs::create_dir_all(directory).expect("a directory can be made");
        let file = directory.join("flamegraph.svg");
        let picture = File::create(&file).expect("a file can be made");
        report.flamegraph(picture).expect("it can be drawn");
        println!("{name}: {}", file.display());
    }
}
