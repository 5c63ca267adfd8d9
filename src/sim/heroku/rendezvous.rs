//! Where a one-off dyno meets who started it: a socket that is told the dyno's id, answers `rendezvous`, and
//! then carries what the command prints. Heroku's is TLS; on loopback it is plain.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::platform::Platform;
use crate::sim::port::Port;
use crate::sim::serve::Shared;

/// What a command must end with for its exit status to be seen.
const ECHO: &str = "heroku-command-exit-status: $?\"";

/// Accepts connections until the runtime ends.
pub(super) async fn accept(port: Arc<Port>, shared: Arc<Shared<Platform>>) {
    while let Ok(stream) = port.accept().await {
        tokio::spawn(meet(stream, Arc::clone(&shared)));
    }
}

async fn meet(stream: TcpStream, shared: Arc<Shared<Platform>>) {
    let mut stream = BufReader::new(stream);
    let mut secret = String::new();
    if stream.read_line(&mut secret).await.is_err() {
        return;
    }
    let said = said(&shared, secret.trim());
    // A client that left early hears nothing of the rest.
    let _ = stream.get_mut().write_all(said.as_bytes()).await;
    let _ = stream.get_mut().shutdown().await;
}

/// Everything that the dyno of this id says; it is gone then.
fn said(shared: &Shared<Platform>, id: &str) -> String {
    let mut platform = shared.world();
    for app in &mut platform.apps {
        let Some(at) = app.dynos.iter().position(|dyno| dyno.id == id) else { continue };
        let Some(script) = app.dynos.get_mut(at).and_then(|dyno| dyno.script.take()) else { continue };
        let mut said = "rendezvous\r\n".to_owned();
        for line in &script.lines {
            said.push_str(&format!("{line}\r\n"));
        }
        let echoes = app.dynos.get(at).is_some_and(|dyno| dyno.command.contains(ECHO));
        if let Some(exit) = script.exit {
            app.dynos.remove(at);
            if echoes {
                said.push_str(&format!("\u{ffff} heroku-command-exit-status: {exit}\r\n"));
            }
        }
        return said;
    }
    String::new()
}
