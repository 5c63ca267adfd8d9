//! Where a line such as `(cherry picked from commit …)` goes in a message: git's rules for what is a trailer
//! block, kept to the letter, because the block decides whether a blank line comes first.

use bstr::{BString, ByteSlice};

use super::config::Config;

/// Lines that git writes itself; one of them makes a block out of mostly other text.
const GENERATED: [&[u8]; 2] = [b"Signed-off-by: ", b"(cherry picked from commit "];

/// What the user configured about trailers and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    comment: BString,
    separators: BString,
    /// Names and keys of configured trailers.
    known: Vec<BString>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { comment: "#".into(), separators: ":".into(), known: Vec::new() }
    }
}

impl Rules {
    pub(super) fn of(config: &Config) -> Rules {
        let mut rules = Rules::default();
        let comment = config
            .entries()
            .iter()
            .rfind(|entry| entry.key == "core.commentchar" || entry.key == "core.commentstring");
        if let Some(value) = comment.and_then(|entry| entry.value.as_ref())
            && !value.is_empty()
            && !value.eq_ignore_ascii_case(b"auto")
        {
            rules.comment = value.clone();
        }
        if let Some(value) = config.get("trailer.separators") {
            rules.separators = value.into();
        }
        for name in ["key", "command", "cmd", "where", "ifexists", "ifmissing"] {
            rules.known.extend(config.subsections("trailer", name));
        }
        let keys = config
            .entries()
            .iter()
            .filter(|entry| entry.key.starts_with(b"trailer.") && entry.key.ends_with(b".key"));
        rules.known.extend(keys.filter_map(|entry| entry.value.clone()));
        rules
    }

    /// Where the separator of a trailer line stands: after a token of letters, digits and dashes, blanks
    /// allowed before it.
    fn separator(&self, line: &[u8]) -> Option<usize> {
        let mut blank = false;
        for (at, &byte) in line.iter().enumerate() {
            if self.separators.contains(&byte) {
                return Some(at);
            }
            match byte {
                _ if !blank && (byte.is_ascii_alphanumeric() || byte == b'-') => {}
                b' ' | b'\t' if at > 0 => blank = true,
                _ => return None,
            }
        }
        None
    }

    fn is_known(&self, line: &[u8], separator: usize) -> bool {
        let token = line.get(..separator).unwrap_or_default().trim_ascii_end();
        self.known
            .iter()
            .any(|name| name.get(..token.len()).is_some_and(|start| start.eq_ignore_ascii_case(token)))
    }
}

/// Appends `line` as `git cherry-pick -x` does: on a line of its own, after a blank one unless the message
/// ends in a trailer block.
pub(super) fn append(message: &mut BString, line: &[u8], rules: &Rules) {
    if !message.is_empty() && !message.ends_with(b"\n") {
        message.push(b'\n');
    }
    if !ends_in_trailers(message, rules) {
        message.push(b'\n');
    }
    message.extend_from_slice(line);
    message.push(b'\n');
}

/// Whether `message` ends in what git takes for a trailer block.
pub(super) fn ends_in_trailers(message: &[u8], rules: &Rules) -> bool {
    // Blank lines before the title do not count.
    let title: usize =
        message.lines_with_terminator().take_while(|line| is_blank(line)).map(<[u8]>::len).sum();
    let message = message.get(title..).unwrap_or_default();
    let message = message.get(..block_end(message, rules)).unwrap_or(message);
    let lines: Vec<&[u8]> = message.lines_with_terminator().collect();
    let is_comment = |line: &[u8]| line.starts_with(&rules.comment);
    // The first paragraph is the title and holds no trailers.
    let Some(title_end) = lines.iter().position(|line| !is_comment(line) && is_blank(line)) else {
        return false;
    };
    let (mut trailers, mut others, mut continuations) = (0_usize, 0_usize, 0_usize);
    let mut recognized = false;
    let mut only_blank = true;
    for line in lines.get(title_end..).unwrap_or_default().iter().rev() {
        if is_comment(line) {
            others += std::mem::take(&mut continuations);
        } else if is_blank(line) {
            if only_blank {
                continue;
            }
            others += continuations;
            return (recognized && trailers * 3 >= others) || (trailers > 0 && others == 0);
        } else {
            only_blank = false;
            let separator = rules.separator(line).filter(|&at| at > 0);
            let indented = line.first().is_some_and(|&byte| is_space(byte));
            if GENERATED.iter().any(|start| line.starts_with(start)) {
                trailers += 1;
                continuations = 0;
                recognized = true;
            } else if let Some(at) = separator.filter(|_| !indented) {
                trailers += 1;
                continuations = 0;
                recognized |= rules.is_known(line, at);
            } else if indented {
                continuations += 1;
            } else {
                others += 1 + std::mem::take(&mut continuations);
            }
        }
    }
    false
}

/// Where the part of a message ends that counts: before a scissors line, and before the comments, blank lines
/// and old `Conflicts:` lists that close it.
fn block_end(message: &[u8], rules: &Rules) -> usize {
    let scissors = [&rules.comment[..], b" ------------------------ >8 ------------------------\n"].concat();
    let cut = match message.starts_with(&scissors) {
        true => 0,
        false => message.find([b"\n", &scissors[..]].concat()).map_or(message.len(), |before| before + 1),
    };
    // Where the closing run begins; git takes one that begins with the message itself for none.
    let (mut closing, mut in_conflicts, mut at) = (0, false, 0);
    let begins = |closing: &mut usize, at: usize| {
        if *closing == 0 {
            *closing = at;
        }
    };
    for line in message.get(..cut).unwrap_or(message).lines_with_terminator() {
        if line.starts_with(&rules.comment) || line.starts_with(b"\n") {
            begins(&mut closing, at);
        } else if line == b"Conflicts:\n" {
            in_conflicts = true;
            begins(&mut closing, at);
        } else if !(in_conflicts && line.starts_with(b"\t")) && closing > 0 {
            closing = 0;
            in_conflicts = false;
        }
        at += line.len();
    }
    if closing > 0 { closing } else { cut }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|&byte| is_space(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(message: &str) -> String {
        let mut message = BString::from(message);
        append(&mut message, b"(cherry picked from commit 1)", &Rules::default());
        message.to_string()
    }

    #[test]
    fn a_blank_line_comes_first_unless_a_trailer_block_ends_the_message() {
        let plain = "fix\n\nbody\n";
        assert_eq!(appended(plain), "fix\n\nbody\n\n(cherry picked from commit 1)\n");
        let trailer = "fix\n\nbody\n\nReviewed-by: a\n";
        assert_eq!(appended(trailer), "fix\n\nbody\n\nReviewed-by: a\n(cherry picked from commit 1)\n");
        let only_title = "Reviewed-by: a";
        assert_eq!(appended(only_title), "Reviewed-by: a\n\n(cherry picked from commit 1)\n");
        let mixed = "fix\n\nsome prose\nSigned-off-by: a\n";
        assert_eq!(appended(mixed), "fix\n\nsome prose\nSigned-off-by: a\n(cherry picked from commit 1)\n");
        let prose = "fix\n\nsome prose\nReviewed-by: a\n";
        assert_eq!(appended(prose), "fix\n\nsome prose\nReviewed-by: a\n\n(cherry picked from commit 1)\n");
    }
}
