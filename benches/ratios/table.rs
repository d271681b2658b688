//! Commands side by side: how long each takes, and how that compares with the first.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A row's command, made anew for each round.
pub type Make<'a> = &'a dyn Fn() -> Command;

pub fn heading(text: &str) {
    println!("\n{text}");
}

/// Runs the commands in turn and prints each one's median and its ratio to the first.
pub fn compare(rounds: usize, commands: &[(&str, Make<'_>)]) {
    let mut times = vec![Vec::with_capacity(rounds); commands.len()];
    for round in 0..rounds + 10 {
        // To and fro: who comes after another program finds the processor's caches cold.
        let mut turns: Vec<_> = commands.iter().zip(&mut times).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for ((name, make), times) in turns {
            let mut command = make();
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let start = Instant::now();
            let status = command.status().expect("the program starts");
            let took = start.elapsed();
            assert!(status.success(), "{name}: {status}");
            // The first rounds warm the caches.
            if round >= 10 {
                times.push(took);
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((name, _), median) in commands.iter().zip(&medians) {
        println!("{name:<40}{median:>9.2} ms {:>7.2} x", median / medians[0]);
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    millis(times[times.len() / 2])
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
