//! The options that `SCAN`, `HSCAN`, `SSCAN` and `ZSCAN` share.

use super::Args;
use crate::{
    error::{Error, Result},
    glob,
};

/// `MATCH`, `COUNT` and `TYPE` of the scanning commands.
#[derive(Debug, Default)]
pub struct ScanOptions<'a> {
    /// Only names that match.
    pub pattern: Option<&'a [u8]>,
    /// About how many to visit.
    pub count: usize,
    /// Only values of this type.
    pub kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Reads the options; `TYPE` is allowed for `SCAN` itself.
    ///
    /// # Errors
    /// A syntax error; [`Error::NOT_AN_INTEGER`].
    pub fn read(args: &mut Args<'a>, with_kind: bool) -> Result<Self> {
        let mut options = Self { count: 10, ..Self::default() };
        while !args.is_empty() {
            if args.take_if("MATCH") {
                options.pattern = Some(args.word()?);
            } else if args.take_if("COUNT") {
                let count = args.integer()?;
                options.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::SYNTAX)?;
            } else if with_kind && args.take_if("TYPE") {
                options.kind = Some(args.word()?);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }

    /// Whether a name passes `MATCH`.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }
}
