//! The parked tasks as a profile for `go tool pprof` and everything else that
//! reads `profile.proto`, gzipped as they expect it.
//!
//! ```text
//! go tool pprof -top tasks.pb.gz                       # tasks by function
//! go tool pprof -top -sample_index=parked tasks.pb.gz  # by time parked
//! go tool pprof -traces tasks.pb.gz                    # every stack
//! go tool pprof -tags tasks.pb.gz                      # by label
//! go tool pprof -tagfocus=evidence=Proven -traces tasks.pb.gz
//! go tool pprof -http=:8080 tasks.pb.gz                # in the browser
//! ```
//!
//! `-top` leaves out the smallest nodes unless told `-nodefraction=0`.
//!
//! Two sample types: `tasks` in `count`, which is the default, and `parked` in
//! `nanoseconds`, the ages of these tasks added up. Go's block profile knows a
//! wait only when it is over; this one shows those that are not. The labels
//! are `operation`, `evidence` (where there is a finding), `waits_for`
//! (of a dead set: who could wake it), `channel` (its name,
//! or the line that made it; several for a select) and `kind` (`thread` or
//! `future`). Tasks with the same stack and labels are one sample.
//!
//! A wait without a stack, as every future's is, has one frame made from its
//! line: `future at src/sync.rs:20`.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::io::{self, Write};
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use super::words::{channel, channels, frames, kind, one_line};
use crate::report::{Frame, ParkedTask, Report};

/// How many channels of a select become labels.
const CHANNELS_LABELLED: usize = 8;

/// The only mapping: everything belongs to the one program.
const MAPPING: u64 = 1;

/// Writes the profile, gzipped.
///
/// The times parked are cut off where their sum would pass 292 years, which
/// is as far as the format can count.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::pprof, report::Report};
///
/// fn keep(report: &Report) -> std::io::Result<()> {
///     pprof::write(report, &mut std::fs::File::create("tasks.pb.gz")?)
/// }
/// ```
pub fn write(report: &Report, w: &mut impl Write) -> io::Result<()> {
    let mut gzip = GzEncoder::new(w, Compression::default());
    gzip.write_all(&profile(report).encode_to_vec())?;
    gzip.finish()?.flush()
}

pub(super) fn profile(report: &Report) -> Profile {
    let mut builder = Builder::new();
    for task in &report.tasks {
        builder.add(task);
    }
    builder.finish(report)
}

/// Things with numbers: equal things have one number, given in the order in
/// which they come.
struct Table<T>(HashMap<T, u64>);

impl<T: Hash + Eq> Table<T> {
    /// The number of `item`, from `base`, and whether it is new.
    fn number(&mut self, item: T, base: u64) -> (u64, bool) {
        let next = base + self.0.len() as u64;
        let number = *self.0.entry(item).or_insert(next);
        (number, number == next)
    }
}

/// What makes a sample: its locations, and its labels as keys and values.
type SampleKey = (Vec<u64>, Vec<(i64, i64)>);

struct Builder {
    profile: Profile,
    texts: Table<String>,
    /// By name and file.
    functions: Table<(i64, i64)>,
    /// By address and lines: what one address stands for may differ if the
    /// symbols of one stack could not be read.
    locations: Table<(u64, Vec<Line>)>,
    samples: Table<SampleKey>,
    /// What may still be added to the time parked without an overflow.
    room: u64,
}

impl Builder {
    fn new() -> Self {
        let mut builder = Builder {
            profile: Profile::default(),
            texts: Table(HashMap::new()),
            functions: Table(HashMap::new()),
            locations: Table(HashMap::new()),
            samples: Table(HashMap::new()),
            room: i64::MAX.unsigned_abs(),
        };
        builder.text("");
        builder
    }

    fn add(&mut self, task: &ParkedTask) {
        let stack = self.stack(&frames(task));
        let labels = self.labels(task);
        let (number, new) = self.samples.number((stack.clone(), labels.clone()), 0);
        if new {
            self.profile.sample.push(Sample {
                location_id: stack,
                value: vec![0, 0],
                label: labels
                    .into_iter()
                    .map(|(key, str)| Label { key, str })
                    .collect(),
            });
        }
        let age = task.age.unwrap_or_default().as_nanos();
        let age = u64::try_from(age).unwrap_or(u64::MAX).min(self.room);
        self.room -= age;
        // Both fit: the room is what an i64 holds, and so are counts in memory.
        let value = &mut self.profile.sample[number as usize].value;
        value[0] += 1;
        value[1] += age as i64;
    }

    /// The locations of a stack. Calls that were inlined share the address of
    /// the call they ended up in: they are the lines of one location.
    fn stack(&mut self, frames: &[Frame]) -> Vec<u64> {
        let mut ids = Vec::new();
        let mut rest = frames;
        while let Some(first) = rest.first() {
            let mut seen = HashSet::new();
            // A line that comes again at the same address is no inlined call
            // but a recursion, which returns to one place many times.
            let lines = rest
                .iter()
                .take_while(|f| f.address == first.address && seen.insert(*f))
                .count();
            // Without an address nothing says that frames belong together.
            let lines = if first.address == 0 { 1 } else { lines };
            let (here, outer) = rest.split_at(lines);
            ids.push(self.location(here));
            rest = outer;
        }
        ids
    }

    fn location(&mut self, frames: &[Frame]) -> u64 {
        let address = frames[0].address;
        let line: Vec<_> = frames.iter().map(|f| self.line(f)).collect();
        let (id, new) = self.locations.number((address, line.clone()), 1);
        if new {
            self.profile.location.push(Location {
                id,
                mapping_id: MAPPING,
                address,
                line,
            });
        }
        id
    }

    fn line(&mut self, frame: &Frame) -> Line {
        let name = self.text(&one_line(&frame.function));
        let filename = self.text(&one_line(frame.file.as_deref().unwrap_or("")));
        let (function_id, new) = self.functions.number((name, filename), 1);
        if new {
            self.profile.function.push(Function {
                id: function_id,
                name,
                filename,
            });
        }
        Line {
            function_id,
            line: frame.line.map_or(0, i64::from),
        }
    }

    fn labels(&mut self, task: &ParkedTask) -> Vec<(i64, i64)> {
        let mut labels = vec![
            self.label("operation", &one_line(&task.operation)),
            self.label("kind", kind(task.kind)),
        ];
        if let Some(evidence) = task.evidence {
            labels.push(self.label("evidence", &evidence.to_string()));
        }
        for name in &task.waits_for {
            labels.push(self.label("waits_for", &one_line(name)));
        }
        for info in channels(task).into_iter().take(CHANNELS_LABELLED) {
            labels.push(self.label("channel", &channel(info)));
        }
        labels
    }

    fn label(&mut self, key: &str, value: &str) -> (i64, i64) {
        (self.text(key), self.text(value))
    }

    fn text(&mut self, text: &str) -> i64 {
        let (number, new) = self.texts.number(text.to_owned(), 0);
        if new {
            self.profile.string_table.push(text.to_owned());
        }
        number as i64
    }

    fn finish(mut self, report: &Report) -> Profile {
        let tasks = ValueType {
            r#type: self.text("tasks"),
            unit: self.text("count"),
        };
        let parked = ValueType {
            r#type: self.text("parked"),
            unit: self.text("nanoseconds"),
        };
        let comment = self.text(&format!(
            "leakwatch: parked tasks of process {}",
            report.pid
        ));
        let filename = self.text(&program());
        let profile = &mut self.profile;
        profile.sample_type = vec![tasks, parked];
        profile.default_sample_type = tasks.r#type;
        profile.period_type = Some(tasks);
        profile.period = 1;
        profile.comment = vec![comment];
        // All frames have their names: the tool must not look for symbols.
        profile.mapping = vec![Mapping {
            id: MAPPING,
            filename,
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
        }];
        let since = report
            .taken
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        profile.time_nanos = i64::try_from(since.as_nanos()).unwrap_or(0);
        self.profile
    }
}

/// The file name of this program, which is the one the report is about.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.is_empty() {
        "program".into()
    } else {
        one_line(&name).into_owned()
    }
}
