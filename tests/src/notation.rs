//! Replies as redis-cli prints them on a terminal.

use crate::reply::Reply;

/// Renders a reply in redis-cli's notation, without a newline at the end.
pub fn render(reply: &Reply) -> String {
    let mut out = String::new();
    render_into(&mut out, reply, "");
    out.trim_end_matches('\n').to_owned()
}

/// Quotes bytes as redis-cli does: printable ASCII as it is, the rest as `\n` or `\xff`.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend(['\\', byte as char]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            0x20..=0x7e => out.push(byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

fn render_into(out: &mut String, reply: &Reply, prefix: &str) {
    match reply {
        Reply::Simple(text) => line(out, text),
        Reply::Error(text) => line(out, &format!("(error) {text}")),
        Reply::Int(n) => line(out, &format!("(integer) {n}")),
        Reply::Bulk(bytes) => line(out, &quote(bytes)),
        Reply::Verbatim(_, bytes) => line(out, &String::from_utf8_lossy(bytes)),
        Reply::Nil => line(out, "(nil)"),
        Reply::Double(text) => line(out, &format!("(double) {text}")),
        Reply::Bool(true) => line(out, "(true)"),
        Reply::Bool(false) => line(out, "(false)"),
        Reply::BigNumber(text) => line(out, text),
        Reply::Array(items) => list(out, items, prefix, ')', "(empty array)"),
        Reply::Push(items) => list(out, items, prefix, ')', "(empty push)"),
        Reply::Set(items) => list(out, items, prefix, '~', "(empty set)"),
        Reply::Map(pairs) => map(out, pairs, prefix),
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn list(out: &mut String, items: &[Reply], prefix: &str, mark: char, empty: &str) {
    if items.is_empty() {
        return line(out, empty);
    }
    let width = items.len().to_string().len();
    let inner = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, item) in items.iter().enumerate() {
        // The first element stands on the line that the parent has begun.
        let indent = if index == 0 { "" } else { prefix };
        out.push_str(&format!("{indent}{:>width$}{mark} ", index + 1));
        render_into(out, item, &inner);
    }
}

fn map(out: &mut String, pairs: &[(Reply, Reply)], prefix: &str) {
    if pairs.is_empty() {
        return line(out, "(empty hash)");
    }
    let width = pairs.len().to_string().len();
    let inner = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, (key, value)) in pairs.iter().enumerate() {
        let indent = if index == 0 { "" } else { prefix };
        out.push_str(&format!("{indent}{:>width$}# ", index + 1));
        let mut left = String::new();
        render_into(&mut left, key, &inner);
        out.push_str(left.trim_end_matches('\n'));
        out.push_str(" => ");
        render_into(out, value, &inner);
    }
}
