//! The `headend` program: hands its arguments to the library and its exit code to the shell.
//! Never decides anything. Next: [`headend::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    headend::cli::main()
}
