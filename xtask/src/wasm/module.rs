//! Reading a finished wasm module: what it imports and how large it is, and whether both are as they should be.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::module_path;
use crate::shell::{self, command};

/// Checks that the module imports nothing beyond the allow-list and is within its size.
///
/// # Errors
/// When it does, or is not, with what to do about it.
pub(crate) fn check() -> Result<()> {
    let path = module_path();
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let unexpected: Vec<String> = imports(&bytes)?
        .into_iter()
        .filter(|import| !is_allowed(&import.name))
        .map(|import| import.to_string())
        .collect();
    ensure!(
        unexpected.is_empty(),
        "the wasm imports what is not on the list in xtask/src/wasm/module.rs: {}",
        unexpected.join(", ")
    );
    let sizes = Sizes::of(&path.display().to_string(), bytes.len())?;
    println!(
        "    wasm: {} bytes, gzip {}, brotli {} (at most {BROTLI_BYTES_MAX})",
        sizes.raw, sizes.gzip, sizes.brotli
    );
    if sizes.brotli > BROTLI_BYTES_MAX {
        bail!(
            "the wasm is {} bytes after brotli, more than {BROTLI_BYTES_MAX}: find what grew, or raise the budget in \
             xtask/src/wasm/module.rs with the reason",
            sizes.brotli
        );
    }
    Ok(())
}

/// One import of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Import {
    module: String,
    name: String,
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// The sizes of the module as it is and as it travels.
struct Sizes {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

impl Sizes {
    fn of(path: &str, raw: usize) -> Result<Self> {
        let script = "const z = require('zlib'), b = require('fs').readFileSync(process.argv[1]);\
                      console.log(z.gzipSync(b, {level: 9}).length, z.brotliCompressSync(b).length)";
        let text = shell::read(command("node").args(["-e", script, path]).stderr(Stdio::inherit()))?;
        let (gzip, brotli) = text.split_once(' ').context("node printed no sizes")?;
        Ok(Self { raw, gzip: gzip.parse()?, brotli: brotli.parse()? })
    }
}

/// Tells whether the module may import this. wasm-bindgen ends the names of what it generates with a hash.
fn is_allowed(name: &str) -> bool {
    ALLOWED_IMPORTS.iter().any(|allowed| {
        name.strip_prefix(allowed).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('_').is_some_and(|hash| hash.chars().all(|c| c.is_ascii_hexdigit()))
        })
    })
}

/// Returns the imports of a module, read from its import section:
///
/// ```text
/// "\0asm" 01 00 00 00 | section: id (1 byte), length (LEB128), content | …
/// import section (2):  count, then for each: module name, field name, kind, type
/// ```
fn imports(bytes: &[u8]) -> Result<Vec<Import>> {
    let mut reader = Reader { rest: bytes };
    ensure!(reader.take(8)? == b"\0asm\x01\0\0\0", "not a wasm module");
    while !reader.rest.is_empty() {
        let id = reader.byte()?;
        let length = reader.leb()?;
        let mut section = Reader { rest: reader.take(length)? };
        if id != 2 {
            continue;
        }
        let count = section.leb()?;
        return (0..count).map(|_| section.import()).collect();
    }
    Ok(Vec::new())
}

/// A cursor over a module's bytes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).context("the module is cut short")?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.take(1)?.first().copied().context("the module is cut short")
    }

    fn leb(&mut self) -> Result<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a number in the module is too long")
    }

    fn name(&mut self) -> Result<String> {
        let length = self.leb()?;
        Ok(String::from_utf8(self.take(length)?.to_vec())?)
    }

    fn import(&mut self) -> Result<Import> {
        let import = Import { module: self.name()?, name: self.name()? };
        match self.byte()? {
            // A function: the index of its type.
            0 => drop(self.leb()?),
            // A table: its element type, then its limits.
            1 => {
                self.byte()?;
                self.limits()?;
            }
            2 => self.limits()?,
            // A global: its type and whether it changes.
            3 => drop(self.take(2)?),
            // A tag: an attribute and the index of its type.
            4 => {
                self.byte()?;
                self.leb()?;
            }
            kind => bail!("the module imports something of unknown kind {kind}"),
        }
        Ok(import)
    }

    fn limits(&mut self) -> Result<()> {
        let has_max = self.byte()? & 1 == 1;
        self.leb()?;
        if has_max {
            self.leb()?;
        }
        Ok(())
    }
}

/// What the module may import. The engine is handed time and entropy, so nothing that asks for a clock, for randomness
/// or for the console belongs here.
const ALLOWED_IMPORTS: &[&str] = &[
    // Set up by wasm-bindgen: the table of JavaScript values, and panics turned into exceptions.
    "__wbindgen_init_externref_table",
    "__wbg___wbindgen_throw",
    "__wbindgen_throw",
    "__wbindgen_object_drop_ref",
    "__wbindgen_cast",
    // What js-sys makes an error with, and serde-wasm-bindgen a page of keys: they make objects. No clock, no randomness,
    // no network and no storage is among them, and none may come.
    "__wbg_new",
    "__wbg_set",
    "__wbindgen_generic",
];

/// The most that the module may weigh after brotli. The whole engine and its client are to come down to 150 KB, of which
/// JavaScript takes 15; until they have, this holds what has been reached and goes down with it. The protocol of live
/// interest, loads and talk took 20 KB, much of it in one kind of tree map after the other; streams with their groups took
/// 27, most of it in their seventeen commands and in reading and writing eleven kinds of change; geo and HyperLogLog
/// took 12, with the sines that wasm has none of; deadlines of fields took some 9, with their twelve commands and a tree
/// set of their own; records of bytes, which halve what a key takes in memory, took 12, as each kind of table is compiled for
/// itself; small hashes that lie in their keys' records took 1, being read in another way.
const BROTLI_BYTES_MAX: usize = 250_000;

#[cfg(test)]
mod tests {
    use super::{Import, imports, is_allowed};

    /// A module with a type section and two imports, a function and a memory.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x04\x01\x60\x00\x00\
        \x02\x1a\x02\x03env\x03now\x00\x00\x03env\x06memory\x02\x01\x01\x02";

    #[test]
    fn imports_are_read_from_the_import_section() {
        let import = |name: &str| Import { module: "env".into(), name: name.into() };
        assert_eq!(imports(MODULE).unwrap(), [import("now"), import("memory")]);
        assert_eq!(imports(&MODULE[..8]).unwrap(), []);
    }

    #[test]
    fn a_module_cut_anywhere_inside_a_section_is_an_error() {
        for length in (0..MODULE.len()).filter(|length| ![8, 14].contains(length)) {
            assert!(imports(&MODULE[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn the_hash_in_a_generated_name_is_ignored() {
        assert!(is_allowed("__wbg___wbindgen_throw_be289d5034ed271b"));
        assert!(is_allowed("__wbindgen_init_externref_table"));
        assert!(!is_allowed("__wbindgen_throw_things"));
        assert!(!is_allowed("__wbg_now_be289d5034ed271b"));
    }
}
