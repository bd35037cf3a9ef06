//! A leak, named: a worker that nobody can wake, and what leakwatch says.
//!
//! The bug is the commonest of all. The feed ends early and returns without
//! closing its channel; the worker behind it waits for ever. No value is
//! wrong, no thread panics, nothing is logged.

use std::thread;
use std::time::Duration;

use chan_core::{Builder, RecvChan, SendChan};
use leakwatch::Report;
use leakwatch::report::{Finding, Subject};

fn main() {
    leakwatch::install().expect("nobody else watches this process");

    let (events, inbox) = Builder::new().name("events").capacity(8).chan().split();
    thread::Builder::new()
        .name("reconciler".to_owned())
        .spawn(move || reconcile(inbox))
        .expect("a thread can be started");
    feed(events);

    // The worker takes what is there, then parks. Then it can be proven.
    let report = loop {
        let report = leakwatch::snapshot();
        if !report.findings.is_empty() {
            break report;
        }
        thread::sleep(Duration::from_millis(5));
    };
    for finding in &report.findings {
        tell(finding, &report);
    }
    // `leakwatch::export::text` has all of it: ages, stacks, counts, and the
    // line that dropped the last sender. `write_all` writes every form.
}

/// Has the only handle that can send or close, and just lets it go.
fn feed(events: SendChan<&'static str>) {
    events.send("ADDED");
    events.send("MODIFIED");
}

fn reconcile(inbox: RecvChan<&'static str>) {
    for event in inbox.iter() {
        println!("reconciled {event}");
    }
    println!("this line is never reached");
}

fn tell(finding: &Finding, report: &Report) {
    let Subject::Task(id) = finding.subject else {
        return;
    };
    let task = report.tasks.iter().find(|task| task.id == id);
    let task = task.expect("the task of a finding is in its report");
    let channel = task.cases[0].channel.as_ref().expect("it is not nil");
    let culprit = channel.orphaned.as_ref().expect("the drop was noted");
    println!("evidence:  {}", finding.evidence);
    println!("task:      {}", task.name);
    println!("operation: {}", task.operation);
    println!("channel:   {}", channel.name.as_deref().unwrap_or("?"));
    println!("reason:    {}", finding.reason);
    let who = culprit.task.as_deref().unwrap_or("somebody");
    println!("last sender dropped by: {who}");
}
