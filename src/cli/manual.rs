//! `corescope completions` and `corescope manual`: from the command line's own definitions.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

/// Options of `completions`.
#[derive(clap::Args, Debug)]
pub struct CompletionsArgs {
    /// For which shell.
    shell: Shell,
}

/// Options of `manual`.
#[derive(clap::Args, Debug)]
pub struct ManualArgs {
    /// Folder for one page per command [default: the main page on standard output].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the completions of `command` to standard output.
pub fn write_completions(args: &CompletionsArgs, mut command: Command) {
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut io::stdout());
}

/// Writes the manual of `command`.
///
/// # Errors
/// One line: what could not be written.
pub fn write_manual(args: &ManualArgs, command: Command) -> Result<(), String> {
    match &args.dir {
        Some(dir) => write_pages(dir, command),
        None => clap_mangen::Man::new(command).render(&mut io::stdout()),
    }
    .map_err(|error| format!("the manual cannot be written: {error}"))
}

fn write_pages(dir: &Path, command: Command) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)
}
