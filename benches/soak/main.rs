//! Kills and crowds, checked against a model, as figures: `benches/run soak`.
//!
//! `--rounds N` kills in each of 20 cases (20), `--seconds N` of the crowd (10), `--seed N`; 50 rounds are
//! 1,000 kills. The exit code is 1 when a login was lost, a record torn, or anything else is not as the
//! model has it.
#![allow(clippy::too_many_arguments, reason = "the rows of a table are wide")]
#![expect(clippy::print_stdout, reason = "the figures are what this is for")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod chance;
mod crash;
mod crowd;
mod families;
mod home;
mod round;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

struct Options {
    rounds: u32,
    seconds: u64,
    seed: u64,
}

fn main() -> ExitCode {
    // `cargo bench` says --bench; `cargo test --benches` runs this too and wants no figures.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let options = options();
    println!("seed {}", options.seed);
    let mut wrong = 0;
    if options.rounds > 0 {
        wrong += crash::run(options.rounds, options.seed);
    }
    if options.seconds > 0 {
        wrong += crowd::run(Duration::from_secs(options.seconds), options.seed);
    }
    println!("\nagainst the model: {wrong}");
    ExitCode::from(u8::from(wrong > 0))
}

fn options() -> Options {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut options = Options {
        rounds: 20,
        seconds: 10,
        seed: now.expect("after 1970").as_secs(),
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let number = words.next().and_then(|number| number.parse().ok());
        let number: u64 = number.unwrap_or_else(|| panic!("{word}: wants a number"));
        match word.as_str() {
            "--rounds" => options.rounds = number.try_into().expect("a number of rounds"),
            "--seconds" => options.seconds = number,
            "--seed" => options.seed = number,
            _ => panic!("{word}: not --rounds, --seconds or --seed"),
        }
    }
    options
}
