//! A program that does nothing: what every run costs anyway.

fn main() {}
