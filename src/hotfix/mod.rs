//! The domain: what a hotfix is, where it stands, and what to do next.
//!
//! One loop serves every hotfix command: `observe` reads git and GitLab into a [`snapshot::Snapshot`],
//! [`plan::plan`] decides purely, `act` carries out one [`step::Step`], and [`drive`] loops them.
//! The program keeps no state of its own: run a command again and it goes on from what is true.
//! Only `observe` reads and only `act` writes; every other file here is pure.

mod act;
pub mod describe;
pub mod drive;
pub mod floor;
pub mod goal;
mod observe;
pub mod plan;
pub mod rung;
pub mod site;
pub mod snapshot;
pub mod step;

pub use observe::standing;
