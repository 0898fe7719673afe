//! Starts `cowhand`.

fn main() -> cowhand::cli::Exit {
    cowhand::cli::main(std::env::args_os())
}
