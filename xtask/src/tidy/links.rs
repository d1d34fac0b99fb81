//! A link from one file of the repository to another leads somewhere.

use super::{File, Problem};
use crate::paths;

pub(super) fn check(file: &File) -> Vec<Problem> {
    if file.extension() != "md" {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let root = paths::root();
    links(&file.text)
        .into_iter()
        .filter_map(|(line, link)| {
            let path = target(folder, link)?;
            (!root.join(&path).exists()).then(|| Problem::new(line, format!("{link} leads nowhere")))
        })
        .collect()
}

/// Returns the links of a Markdown text, `[text](link)` and `[name]: link`, with their lines, outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every other piece between backquotes is code.
        for prose in line.split('`').step_by(2) {
            for rest in prose.split("](").skip(1) {
                let link = rest.split([')', ' ']).next().unwrap_or(rest);
                found.push((index + 1, link));
            }
        }
        if line.starts_with('[')
            && let Some((_, link)) = line.split_once("]: ")
        {
            found.push((index + 1, link.trim()));
        }
    }
    found
}

/// Returns the path, from the root, of what a link in a folder leads to; `None` for the web and for this very file.
fn target(folder: &str, link: &str) -> Option<String> {
    let path = link.split(['#', '?']).next().unwrap_or(link);
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") || path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // A link out of the repository stays one that leads nowhere.
            ".." => parts.pop().map_or_else(|| parts.push("outside"), |_| ()),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{check, links, target};
    use crate::tidy::file;

    #[test]
    fn links_are_found_outside_code() {
        let text = "see [a](a.md) and [b](b.md#x \"t\")\n```\n[no](no.md)\n```\n`[no](no.md)` [c](c)\n[d]: ../d.md\n";
        assert_eq!(links(text), [(1, "a.md"), (1, "b.md#x"), (5, "c"), (6, "../d.md")]);
    }

    #[test]
    fn a_link_is_resolved_from_its_file() {
        assert_eq!(target("www/docs", "../x.md#part").as_deref(), Some("www/x.md"));
        assert_eq!(target("", "./core/src/").as_deref(), Some("core/src"));
        assert_eq!(target("", "../up").as_deref(), Some("outside/up"));
        for elsewhere in ["https://a.b/c", "#part", "mailto:a@b.c", "/docs"] {
            assert_eq!(target("", elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_dead_link_is_a_problem() {
        assert_eq!(check(&file("README.md", "[the workspace](Cargo.toml)")), []);
        assert_eq!(check(&file("README.md", "\n[nothing](no-such-file.md)")).len(), 1);
    }
}
