//! Goldens of what is sent, and hostile input to what is read.
