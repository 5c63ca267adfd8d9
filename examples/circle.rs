//! An embedded GitLab whose jobs really run, and an embedded Heroku, for the suite that goes the whole circle:
//! `circle <repository> <port of GitLab> <port of Heroku> <runner> <job>…`
//!
//! The jobs that are named are worked by `<runner> <job> <id> <pipeline> <commit> <branch> <folder>`, each as soon
//! as it starts; its exit code decides, and the files in the folder become its artifacts. Tokens are printed once
//! as a line of JSON; each line on stdin is answered with what is true now; the end of stdin ends it.

#![expect(clippy::print_stdout, reason = "it talks to a script")]
#![expect(clippy::disallowed_methods, reason = "it starts the script's own runner")]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use git_hotfix::sim::heroku::{Heroku, Lag as HerokuLag, Platform};
use git_hotfix::sim::{Lag, Seed, Server, Setup, Start, Taken, Worked, World};
use serde_json::json;

const KEY: &str = "HRKU-canary-0123456789abcdef";
const APPS: [&str; 3] = ["portal", "admin", "api-gateway"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [repository, gitlab, heroku, runner, jobs @ ..] = arguments.as_slice() else {
        return Err("usage: circle <repository> <port> <port> <runner> <job>…".into());
    };
    let mut setup = Setup {
        seed: Seed::CopyOf(repository.into()),
        port: gitlab.parse()?,
        lag: Lag::none(),
        ..Setup::default()
    };
    for (name, optional) in [("run-migrations-prod", false), ("hotfix-backport", true)] {
        if let Some(job) = setup.job(name) {
            job.start = Start::Automatic;
            job.allow_failure = optional;
        }
    }
    let room = Path::new(repository).with_extension("gitlab");
    let mut world = World::new(&room, setup)?;
    world.leave_to_runners(&jobs.iter().map(String::as_str).collect::<Vec<_>>());
    let server = Server::start(world)?;
    let mut platform = Platform::new(KEY, HerokuLag::all(2));
    platform.port = heroku.parse()?;
    for app in APPS {
        platform.add_app(&format!("acme-{app}"), &["web"], &format!("sha256:{}", "1".repeat(64)));
    }
    let platform = Heroku::start(platform)?;
    let people = ["dev", "bo", "cleo", "mia"].map(|who| (who.to_owned(), json!(server.token(who))));
    let mut tokens: serde_json::Map<_, _> = people.into_iter().collect();
    tokens.insert("heroku".to_owned(), json!(platform.token()));
    println!("{}", json!(tokens));

    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if let Some(job) = server.with_world(World::take_job) {
                    let (server, folder) = (&server, room.join(format!("left-by-{}", job.id)));
                    scope.spawn(move || {
                        let worked = work(runner, &job, &folder);
                        server.with_world(|world| world.report(job.id, worked));
                    });
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Some((image, commit)) = line.split_once(' ') {
                platform.with_platform(|platform| platform.built(image, commit));
            }
            let apps: Vec<_> = APPS
                .iter()
                .map(|app| {
                    platform.with_platform(|platform| {
                        let app = platform.app(&format!("acme-{app}"));
                        app.map(|app| json!({ "image": app.image(), "release": app.runs().0 }))
                    })
                })
                .collect();
            let (backports, production) =
                server.with_world(|world| (world.open_backports(), world.production_commit()));
            println!("{}", json!({ "apps": apps, "backports": backports, "production": production }));
        }
        over.store(true, Ordering::Relaxed);
    });
    Ok(())
}

fn work(runner: &str, job: &Taken, folder: &Path) -> Worked {
    let ran = std::fs::create_dir_all(folder).and_then(|()| {
        Command::new(runner)
            .args([&job.name, &job.id.to_string(), &job.pipeline.to_string(), &job.sha, &job.reference])
            .arg(folder)
            .output()
    });
    let (success, log) = match ran {
        Ok(ran) => (ran.status.success(), [ran.stdout, ran.stderr].concat()),
        Err(error) => (false, error.to_string().into_bytes()),
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let artifacts: BTreeMap<String, Vec<u8>> = files
        .filter_map(|file| Some((file.file_name().into_string().ok()?, std::fs::read(file.path()).ok()?)))
        .collect();
    Worked { success, log: String::from_utf8_lossy(&log).into_owned(), artifacts }
}
