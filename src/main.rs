//! Starts `cowhand`.

fn main() {}
