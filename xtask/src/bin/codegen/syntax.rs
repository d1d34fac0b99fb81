//! Reading a row's syntax, `key value [NX | XX] [EX seconds | …]`, as far as a method's parameters need it.

/// The parameters of a method: those that every call has, and whether more may follow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Their names, fit for TypeScript and each different.
    pub(crate) required: Vec<String>,
    /// Whether options or repetitions follow.
    pub(crate) has_more: bool,
}

/// Reads a syntax. Words before the first bracket are required; a word in capitals there is an argument as well, to be
/// passed as it is.
pub(crate) fn parameters(syntax: &str) -> Parameters {
    let mut required: Vec<String> = Vec::new();
    for word in syntax.split_whitespace() {
        if word.starts_with(['[', '<']) || word == "..." || word == "|" {
            return Parameters { required, has_more: true };
        }
        let name = camel_case(word);
        let taken =
            required.iter().filter(|other| other.trim_end_matches(|c: char| c.is_ascii_digit()) == name).count();
        required.push(if taken == 0 { name } else { format!("{name}{}", taken + 1) });
    }
    Parameters { required, has_more: false }
}

fn camel_case(word: &str) -> String {
    let mut name = String::new();
    for part in word.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        let first = letters.next().into_iter();
        if name.is_empty() {
            name.extend(first.map(|c| c.to_ascii_lowercase()));
        } else {
            name.extend(first.map(|c| c.to_ascii_uppercase()));
        }
        name.extend(letters.map(|c| c.to_ascii_lowercase()));
    }
    if RESERVED.contains(&name.as_str()) { format!("{name}_") } else { name }
}

const RESERVED: &[&str] = &["default", "delete", "function", "in", "new", "this", "type", "with"];

#[cfg(test)]
mod tests {
    use super::{Parameters, parameters};

    #[test]
    fn required_words_are_told_from_what_may_follow() {
        let check = |syntax: &str, required: &[&str], has_more: bool| {
            let required = required.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(parameters(syntax), Parameters { required, has_more }, "{syntax}");
        };
        check("", &[], false);
        check("key", &["key"], false);
        check("key value [NX | XX] [GET]", &["key", "value"], true);
        check("key key2 key", &["key", "key2", "key3"], false);
        check("source destination <LEFT | RIGHT> <LEFT | RIGHT>", &["source", "destination"], true);
        check("key unix-time-seconds", &["key", "unixTimeSeconds"], false);
        check("numkeys key [key ...]", &["numkeys", "key"], true);
        check("type", &["type_"], false);
    }
}
