//! Random scripts of sends, receives, batches, permits, waits for the close,
//! futures that are polled and dropped at any state, closes, clones and drops
//! of handles, weak ones too, done to a channel of either face and to a plain
//! model of one. After every step results, wakes and their order, drops of
//! values, lengths, counts and queues must be the same.
//!
//! `PROPTEST_CASES` sets the number of scripts. The same driver is the fuzz
//! target in `fuzz/`, whose kept inputs are run here as well.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use proof::{Rule, Script, run};

#[path = "model/mod.rs"]
mod proof;

/// Scripts that found a bug, tried first ever after.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model/regressions.txt");
/// Inputs that the fuzzer kept: together they go wherever it has been.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/channel");

fn script() -> impl Strategy<Value = Script> {
    let steps = prop::collection::vec(any::<(u8, u8)>(), 0..120);
    (any::<u8>(), steps).prop_map(|(channel, steps)| Script::new(channel, steps))
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 10_000;
    }
    let file = FileFailurePersistence::Direct(REGRESSIONS);
    config.failure_persistence = Some(Box::new(file));
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_channel_does_what_the_model_says(script in script()) {
        run(&script);
    }
}

#[test]
fn the_kept_inputs_of_the_fuzzer_pass() {
    let files = fs::read_dir(Path::new(CORPUS)).expect("a corpus is kept");
    let mut count = 0;
    for file in files {
        let path = file.expect("the folder can be read").path();
        let bytes = fs::read(&path).expect("the file can be read");
        println!("{}", path.display());
        run(&Script::decode(&bytes));
        count += 1;
    }
    assert!(count > 0, "the corpus is empty");
}

/// Scripts that never came to the rare rules would prove little.
#[test]
fn scripts_come_to_every_rule() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut met = BTreeSet::new();
    for _ in 0..500 {
        let steps: Vec<_> = (0..100).map(|_| (random.u8(..), random.u8(..))).collect();
        met.extend(run(&Script::new(random.u8(..), steps)));
    }
    assert_eq!(met, BTreeSet::from(Rule::ALL));
}
