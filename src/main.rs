//! The `corescope` command.

fn main() -> std::process::ExitCode {
    corescope::cli::run()
}
