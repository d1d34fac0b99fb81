//! Every source file begins by saying what it is.

use super::{File, Problem};

pub(super) fn check(file: &File) -> Vec<Problem> {
    if !file.is_source() {
        return Vec::new();
    }
    let starts: &[&str] = match file.extension() {
        "rs" => &["//!"],
        "ts" | "tsx" | "js" | "mjs" | "jsx" => &["/**", "//", "#!"],
        "css" => &["/*"],
        "html" => &["<!"],
        "py" => &["\"\"\"", "#"],
        _ => &["#"],
    };
    // Attributes of the whole crate may stand before its doc.
    let first = file.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    if first.is_some_and(|line| starts.iter().any(|start| line.starts_with(start))) {
        return Vec::new();
    }
    vec![Problem::new(1, format!("begin with what this file is and what it must never know ({})", starts.join(" or ")))]
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    #[test]
    fn a_source_file_begins_with_a_doc() {
        let passes = |path, text| check(&file(path, text)).is_empty();
        assert!(passes("core/src/a.rs", "//! A thing.\n\nuse b;"));
        assert!(passes("core/src/lib.rs", "#![no_std]\n\n//! A crate.\n"));
        assert!(!passes("core/src/a.rs", "use b;\n//! Too late."));
        assert!(!passes("core/src/a.rs", "// A plain comment.\n"));
        assert!(!passes("core/src/a.rs", ""));
        assert!(passes("wasm/js/src/a.ts", "/** A thing. */\n"));
        assert!(!passes("wasm/js/src/a.ts", "import b from 'b';\n"));
        assert!(passes("wasm/js/src/a.gen.ts", "export const a = 1;\n"));
        assert!(passes("README.md", "# A thing\n"));
    }
}
