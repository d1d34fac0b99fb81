//! The files that are generated from the command table. They are committed, so that a reader finds them, and checked,
//! so that they are never stale.

use anyhow::Result;

/// Writes the generated files.
///
/// # Errors
/// When the table does not compile or a file cannot be written.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    Ok(())
}

/// Checks that the generated files are what would be written now.
///
/// # Errors
/// When one is stale or missing.
pub(crate) fn check() -> Result<()> {
    Ok(())
}
