//! Images as the program copies them, for scripts that compare or measure:
//! `copy [--logins <file>] [--sibling <image>]… [--stall <seconds>] <source> <destination>…`
//!
//! The file has a line `<registry> <user> <secret>` for each login. Writes for each destination its manifest's
//! and its configuration's digest, and the bytes sent and mounted; talks on stderr; exits as the program does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's own ui is not part of this")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use git_hotfix::ci::registry::{Login, Options, Progress, Reference, Registries, Transfer};
use git_hotfix::clock::SystemClock;
use git_hotfix::error::Problem;
use git_hotfix::http::Secret;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut logins, mut siblings, mut images) = (String::new(), Vec::new(), Vec::new());
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--logins" => logins = std::fs::read_to_string(value()?)?,
            "--sibling" => siblings.push(Reference::parse(&value()?)?),
            "--stall" => options.stall = Duration::from_secs_f64(value()?.parse()?),
            image => images.push(Reference::parse(image)?),
        }
    }
    let [source, destinations @ ..] = images.as_slice() else { return Err("no source".into()) };
    let mut registries = Registries::new(options, Arc::new(SystemClock::new()));
    for line in logins.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [registry, user, secret] = words[..] else { return Err("a login is three words".into()) };
        let secret = Secret::new(secret).ok_or("no secret")?;
        registries.login(Login::new(&registry.parse()?, user, secret)?);
    }
    let image = match registries.resolve(source) {
        Ok(image) => image,
        Err(problem) => return Ok(told(&problem)),
    };
    let mut pulled = std::collections::BTreeMap::new();
    let transfers: Vec<Transfer> =
        destinations.iter().map(|to| Transfer { image: &image, to: to.clone() }).collect();
    let results = registries.copy(&transfers, &siblings, &mut |progress| match progress {
        Progress::Pulled { blob, so_far, .. } => drop(pulled.insert(blob, so_far)),
        Progress::Again { what } => eprintln!("{what}"),
        Progress::There { .. } | Progress::Tagged { .. } => {}
    });
    let mut code = ExitCode::SUCCESS;
    for (result, to) in results.iter().zip(destinations) {
        match result {
            Ok(copied) => println!(
                "{to} {} {} sent {} mounted {}{}",
                copied.manifest_digest,
                copied.config_digest,
                copied.uploaded,
                copied.mounted,
                if copied.already { " already" } else { "" }
            ),
            Err(problem) => code = told(problem),
        }
    }
    eprintln!("pulled {}", pulled.values().sum::<u64>());
    Ok(code)
}

fn told(problem: &Problem) -> ExitCode {
    eprintln!("error: {problem}");
    for hint in &problem.hints {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(problem.kind.exit_code())
}
