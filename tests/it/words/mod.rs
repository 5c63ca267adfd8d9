//! What the program says when something is in the way: whole texts, and commands that can be typed.

mod commands;
pub(crate) mod errors;
mod guides;
mod ladder;
mod migration;
mod on_the_way;
mod promote;
mod rare;
mod refusals;
mod way_back;
