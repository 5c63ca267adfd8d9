//! What is asked for on the command line: `--full`, `--seed N`, `--only <text>`, `--slice i/n`.

use crate::race::Race;

pub(crate) struct Wishes {
    pub(crate) full: bool,
    pub(crate) seed: u64,
    pub(crate) only: String,
    pub(crate) slice: (usize, usize),
}

impl Wishes {
    pub(crate) fn names_race(&self, race: Race) -> bool {
        let name = format!("interleavings {race:?}");
        self.only.is_empty() || name.contains(&self.only) || self.only.contains(&name)
    }

    pub(crate) fn read() -> Result<Wishes, String> {
        let mut wishes = Wishes { full: false, seed: 0, only: String::new(), slice: (0, 1) };
        let mut args = std::env::args().skip(1);
        let mut seed = None;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--full" => wishes.full = true,
                "--seed" => seed = Some(value()?.parse().map_err(|_| "--seed takes a number".to_owned())?),
                "--only" => wishes.only = value()?,
                "--slice" => {
                    let text = value()?;
                    let parts =
                        text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
                    wishes.slice =
                        parts.filter(|(i, n)| i < n).ok_or("--slice takes i/n, from 0".to_owned())?;
                }
                _ => return Err(format!("{arg} is not known: --full, --seed N, --only TEXT, --slice i/n")),
            }
        }
        // The same for everybody: who changes something else is not met by a new case of their own.
        wishes.seed = seed.unwrap_or(1);
        Ok(wishes)
    }
}
