//! Which signals this process may take for itself.

/// Those of the signals that were not ignored when this process was started, as by nohup: what is ignored
/// stays so, here and in every program that is started.
pub fn heard(signals: &[i32]) -> Vec<i32> {
    let ignored = ignored();
    let is_heard = |signal: &&i32| ignored & (1 << (**signal - 1)) == 0;
    signals.iter().filter(is_heard).copied().collect()
}

/// The ignored signals, signal 1 in the lowest bit; none where nobody says (`proc(5)`).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
