//! The pictures of the README and the guides: sessions of the real program against the embedded GitLab, as
//! SVG. The committed ones are what the program prints now; `docs/pictures/make` rewrites them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use crate::lab::{Desk, Lab};

/// Columns of the terminal in the pictures.
const COLUMNS: usize = 80;
const CELL: f64 = 8.4;
const LINE: f64 = 20.0;

/// What one sees of a session: prompts, what was typed, and what came of it.
struct Session<'a> {
    desk: &'a Desk<'a>,
    text: String,
}

impl Session<'_> {
    /// Types a command; the program's own output, both streams as they come, goes into the picture.
    fn types(&mut self, who: &str, args: &[&str], code: i32) {
        let shown: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let prompt = if who == "dev" { String::new() } else { who.to_owned() };
        writeln!(self.text, "\x1b[2m{prompt}$\x1b[0m \x1b[1mgit hotfix {}\x1b[0m", shown.join(" ")).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = self.desk.command();
        command
            .args(args)
            .env("CLICOLOR_FORCE", "1")
            .env("COLUMNS", COLUMNS.to_string())
            .env("GIT_HOTFIX_TOKEN", self.desk.lab.server.token(who))
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "git hotfix {args:?}:\n{said}");
        self.text.push_str(&said);
        self.text.push('\n');
    }

    /// Shows a command that is not ours.
    fn shows(&mut self, command: &str) {
        writeln!(self.text, "\x1b[2m$\x1b[0m \x1b[1m{command}\x1b[0m\n").unwrap();
    }

    /// The session without what differs from run to run: ids in the order they appear, and the address.
    fn settled(&self) -> String {
        let text = self.text.replace(&self.desk.lab.server.url(), "https://gitlab.example");
        let text = text.replace(&self.desk.lab.dir().display().to_string(), "~");
        let word = |c: char| c.is_ascii_alphanumeric();
        let mut ids = HashMap::new();
        let mut settle = |piece: &str| {
            let name = piece.trim_end_matches(|c: char| !word(c));
            let is_id = name.len() == 8
                && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                && name.bytes().any(|b| b.is_ascii_digit());
            if !is_id {
                return piece.to_owned();
            }
            let count = ids.len() as u32;
            // Any odd factor gives each its own; this one looks like an id.
            let id = ids.entry(name.to_owned()).or_insert((count + 3).wrapping_mul(0x9e37_79b1));
            format!("{id:08x}{}", &piece[name.len()..])
        };
        // A colour's `m` would stick to an id that follows it.
        let mut settled = String::new();
        for (n, piece) in text.split("\x1b[").enumerate() {
            // A colour's code ends in a letter, to which an id would stick.
            let (code, words) = piece.split_once('m').filter(|_| n > 0).unwrap_or(("", piece));
            if n > 0 {
                write!(settled, "\x1b[{code}m").unwrap();
            }
            words.split_inclusive(|c: char| !word(c)).for_each(|piece| settled.push_str(&settle(piece)));
        }
        settled
    }
}

/// A text with colours as an SVG that is readable on light and on dark.
fn svg(title: &str, text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    // An address is never broken, so a line may be longer than the terminal is wide.
    let length = |line: &&str| spans(line).iter().map(|(_, words)| words.chars().count()).sum();
    let columns: usize = lines.iter().map(length).max().unwrap_or(0).max(COLUMNS);
    let width = columns as f64 * CELL + 40.0;
    let height = lines.len() as f64 * LINE + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>\n\
         text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; \
         fill: #1f2328; white-space: pre }}\n\
         .paper {{ fill: #f6f8fa; stroke: #d1d9e0 }} .b {{ font-weight: 700 }} .u {{ text-decoration: underline }} .d {{ fill: #59636e }}\n\
         .g {{ fill: #116329 }} .r {{ fill: #b3261e }} .y {{ fill: #8a5300 }} .c {{ fill: #0550ae }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         text {{ fill: #e6edf3 }} .paper {{ fill: #0d1117; stroke: #30363d }} .d {{ fill: #9aa4af }}\n\
         .g {{ fill: #56d364 }} .r {{ fill: #ff8a80 }} .y {{ fill: #e3b341 }} .c {{ fill: #79b8ff }}\n}}\n</style>\n\
         <rect class=\"paper\" x=\"1\" y=\"1\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\"/>\n",
        width - 2.0,
        height - 2.0
    );
    for (row, line) in lines.iter().enumerate() {
        let spans = spans(line);
        if spans.is_empty() {
            continue;
        }
        let y = 20.0 + LINE * row as f64 + 14.0;
        write!(svg, "<text x=\"20\" y=\"{y:.0}\" xml:space=\"preserve\">").unwrap();
        for (class, words) in spans {
            let words = words.replace('&', "&amp;").replace('<', "&lt;");
            match class.as_str() {
                "" => svg.push_str(&words),
                class => write!(svg, "<tspan class=\"{class}\">{words}</tspan>").unwrap(),
            }
        }
        svg.push_str("</text>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line as pieces of one look each.
fn spans(line: &str) -> Vec<(String, String)> {
    let mut spans = Vec::new();
    let mut class = Vec::new();
    for (n, piece) in line.split("\x1b[").enumerate() {
        let words = match piece.split_once('m').filter(|_| n > 0) {
            None => piece,
            Some((codes, words)) => {
                for code in codes.split(';') {
                    match code {
                        "0" | "" => class.clear(),
                        "1" => class.push("b"),
                        "2" => class.push("d"),
                        "4" => class.push("u"),
                        "31" => class.push("r"),
                        "32" => class.push("g"),
                        "33" => class.push("y"),
                        "34" | "36" => class.push("c"),
                        other => panic!("no look for the colour {other}"),
                    }
                }
                words
            }
        };
        if !words.is_empty() {
            spans.push((class.join(" "), words.to_owned()));
        }
    }
    spans
}

/// Compares a picture with the committed one, or rewrites that.
fn compare(name: &str, svg: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures").join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "whether pictures are rewritten is for the environment to say"
    )]
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        std::fs::write(&path, svg).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == svg, "docs/pictures/{name} is old; rewrite it: docs/pictures/make\n{svg}");
}

/// A world whose clock goes on only where the picture says so: how many looks a wait takes differs.
fn timeless(name: &str) -> Lab {
    let mut scenario = crate::lab::story(name);
    scenario.setup.pace = 0;
    Lab::new(scenario)
}

impl Session<'_> {
    fn passes(&self, seconds: i64) {
        self.desk.lab.server.with_world(|world| world.pass(seconds));
    }
}

#[test]
fn the_pictured_hotfix_is_what_the_program_prints() {
    let lab = timeless("clean");
    let desk = lab.desk("dev");
    let mut session = Session { desk: &desk, text: String::new() };
    session.types("dev", &["start", "login-500"], 0);
    desk.fix();
    session.shows("git commit -am \"Fix login 500 without a session\"");
    session.types("dev", &["open"], 0);
    session.passes(400);
    session.types("dev", &["merge", "--yes"], 0);
    session.passes(242);
    session.types("dev", &["status"], 0);
    session.types("bo", &["approve", "--as", "tech-lead", "--yes"], 0);
    session.passes(60);
    session.types("cleo", &["approve", "--as", "pm", "--yes"], 0);
    session.passes(60);
    session.types("dev", &["ship", "--yes"], 0);
    compare("hotfix.svg", &svg("A hotfix from the first command to the open backport", &session.settled()));
}

#[test]
fn the_pictured_conflict_is_what_the_program_prints() {
    let lab = timeless("conflict");
    let desk = lab.fixed();
    let mut session = Session { desk: &desk, text: String::new() };
    session.types("dev", &["open"], 0);
    session.types("dev", &["merge", "--yes"], 0);
    lab.approve();
    session.types("dev", &["ship", "--yes"], 3);
    session.passes(25_200);
    // What came before is in the other picture.
    session.text.clear();
    session.types("dev", &["status"], 0);
    session.types("dev", &["list", "--missing"], 3);
    compare(
        "conflict.svg",
        &svg("A backport that conflicts: what is missing, and how to go on", &session.settled()),
    );
}
