//! Known bugs, rebuilt, and what leakwatch says of them.

mod cases;

use cases::{CASES, LATER};

fn main() {
    for case in CASES {
        let of = |leaks: &[(usize, &str)]| {
            let each = |(times, leak): &(usize, &str)| format!("{times} × {leak}");
            leaks.iter().map(each).collect::<Vec<_>>().join(", ")
        };
        println!(
            "{:?} {}: {:?}, {:?}, {:?}, twin: {}, parked: {}: {} {:?}",
            case.kind,
            case.name,
            case.rung,
            case.forms,
            case.flavours,
            case.twin,
            case.parks,
            of(case.leaks),
            case.or,
        );
    }
    let provable = CASES.iter().filter(|case| case.rung.is_provable()).count();
    println!("{} cases, {provable} of them provable", CASES.len());
    for (name, needs) in LATER {
        println!("later: {name}, which needs {needs}");
    }
}
