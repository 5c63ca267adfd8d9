//! Words of a command line as a shell takes them.

/// One word.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The words of a command line as one line for a shell; a single word is taken as it is, for whoever wrote it
/// wrote it for a shell.
pub fn shell_line(words: &[String]) -> String {
    match words {
        [one] => one.clone(),
        many => many.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(shell_word("db:migrate"), "db:migrate");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn words_stay_words_in_a_shell() {
        let line =
            |words: &[&str]| shell_line(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["rake", "db:migrate"]), "rake db:migrate");
        assert_eq!(line(&["rake db:migrate && echo ok"]), "rake db:migrate && echo ok");
        assert_eq!(line(&["sh", "-c", "it's $HOME", ""]), r"sh -c 'it'\''s $HOME' ''");
    }
}
