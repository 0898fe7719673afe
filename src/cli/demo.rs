//! `cowhand demo`.
use super::args::Color;
use super::{Exit, Wrong};

pub(super) async fn demo(_: Color) -> Result<Exit, Wrong> {
    Err(Wrong::usage("not yet"))
}
