//! What commands print. A closed pipe (`campanile openapi | head`) is no error.

use std::io::Write;
use std::process::ExitCode;

use crate::Failure;

/// Prints a text as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!("The output cannot be written: {error}"))),
    }
}

/// Prints a line.
pub(crate) fn line(line: &str) -> Result<(), Failure> {
    text(&format!("{line}\n"))
}

/// Tells why a command failed.
pub(crate) fn failed(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "campanile: {}", failure.sentence);
    ExitCode::from(failure.code)
}
