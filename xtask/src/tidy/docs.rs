//! A doc comment of a single word says nothing that the name does not: what it means, its unit, its bound, or nothing at all.

use super::house::{Finding, House, Source};

pub(super) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let not_yet = house.list(&["docs", "not_yet"])?;
    let ours = house.sources.iter().filter(|source| {
        source.is("rs") && !not_yet.iter().any(|beginning| source.file.starts_with(beginning.as_str()))
    });
    Ok(ours.flat_map(check).collect())
}

fn check(source: &Source) -> Vec<Finding> {
    let doc = |line: &str| line.trim_start().strip_prefix("///").map(|text| text.trim().to_owned());
    let docs: Vec<Option<String>> = source.text.lines().map(doc).collect();
    let mut findings = Vec::new();
    for (at, text) in docs.iter().enumerate() {
        let beside = |place: Option<usize>| place.and_then(|place| docs.get(place)?.as_ref()).is_some();
        let Some(text) = text else { continue };
        // Code between backticks shows a form, and that is something.
        let bare = text.trim_end_matches(['.', ',']);
        let word = !bare.is_empty() && bare.chars().all(|c| c.is_alphanumeric() || "-'".contains(c));
        if word && !beside(at.checked_sub(1)) && !beside(Some(at + 1)) {
            findings.push(Finding::new(
                &source.file,
                at + 1,
                format!("`{text}` says too little: meaning, unit, bound"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_word_is_found_and_a_word_on_a_last_line_is_not() {
        let text = "/// Which.\na: u8,\n/// 404\nb: u8,\n/// `inc_…`\nb: u8,\n/// What became of it, in the words of its\n/// provider.\nc: u8,\n// Why.\n";
        let found = check(&Source { file: "a.rs".to_owned(), text: text.to_owned() });
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 3]);
    }
}
