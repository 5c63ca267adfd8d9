//! The binary: turns the outcome of a command into an exit code, and nothing else.

fn main() {}
