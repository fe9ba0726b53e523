//! Rust source as the tests of invariants read it: code alone. No parser, so that it reads what does not compile here, too.

/// The code of a file: comments are gone, strings are empty, and so is the module of its tests. Lines stay where they are.
#[must_use]
pub fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (taken, shown) = piece(rest);
        match shown {
            Shown::All => out.push_str(&rest[..taken]),
            Shown::Nothing => blank(&rest[..taken], &mut out),
            Shown::Quotes => {
                out.push('"');
                blank(&rest[..taken], &mut out);
                out.push('"');
            }
        }
        rest = &rest[taken..];
    }
    out
}

enum Shown {
    All,
    Nothing,
    Quotes,
}

/// How many bytes the next piece has, and what of it is code.
fn piece(rest: &str) -> (usize, Shown) {
    let after = |start: usize, end: &str| rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len());
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Shown::Nothing);
    }
    if rest.starts_with("/*") {
        return (after(2, "*/"), Shown::Nothing);
    }
    if let Some(hashes) = raw(rest) {
        return (after(hashes + 2, &format!("\"{}", "#".repeat(hashes))), Shown::Quotes);
    }
    if rest.starts_with('"') {
        return (quoted(rest), Shown::Quotes);
    }
    (character(rest).unwrap_or_else(|| word(rest)), Shown::All)
}

/// The hashes of a raw string that begins here.
fn raw(rest: &str) -> Option<usize> {
    let marks = rest.strip_prefix('r')?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    marks[hashes..].starts_with('"').then_some(hashes)
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// A character in quotes, which may be one; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let length = if first == '\\' { 1 + inside[1..].chars().next()?.len_utf8() } else { first.len_utf8() };
    let end = inside[length..].find('\'')?;
    (end == 0 || first == '\\').then_some(1 + length + end + 1)
}

/// A name is taken whole, so that an `r` at its end begins no raw string.
fn word(rest: &str) -> usize {
    let length = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
    if length > 0 { length } else { rest.chars().next().map_or(1, char::len_utf8) }
}

fn blank(text: &str, out: &mut String) {
    out.extend(text.chars().filter(|c| *c == '\n'));
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The lines of a file, counted from 1.
pub fn lines(code: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(code.lines())
}

/// Whether the word stands in the line by itself, and not as a part of a longer name.
#[must_use]
pub fn is_word_in(word: &str, line: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        let starts = !word.starts_with(is_of_name) || !before.is_some_and(is_of_name);
        starts && (!word.ends_with(is_of_name) || !after.is_some_and(is_of_name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        let text = "let a = \"unsafe \\\" // x\"; // unsafe\nlet b = r#\"unsafe \" \"#; /* unsafe */ let c = '\"'; fn d<'e>() { 'f': }\n";
        assert_eq!(code(text), "let a = \"\"; \nlet b = \"\";  let c = '\"'; fn d<'e>() { 'f': }\n");
        assert_eq!(code("for x in y { \"a\\\\\" } \"\nb\"\n"), "for x in y { \"\" } \"\n\"\n");
        assert_eq!(code("a();\n#[cfg(test)]\nmod tests {}\n"), "a();\n");
    }

    #[test]
    fn a_word_is_no_part_of_another() {
        assert!(is_word_in("unsafe", "unsafe { x }") && is_word_in("print!", "print!()"));
        assert!(!is_word_in("unsafe", "unsafe_code") && !is_word_in("print!", "eprint!()"));
        assert!(is_word_in(".advance(", "self.store.advance(id)"));
    }
}
