//! Ports that can refuse whoever comes, and listen again at the same address.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};

/// How many may wait to be let in.
const BACKLOG: u32 = 1024;

/// All ports of a server: they listen together, and refuse together.
#[derive(Debug, Default)]
pub(super) struct Ports {
    all: Mutex<Vec<Arc<Port>>>,
    refusing: watch::Sender<bool>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    /// Never listens. While it lasts, the kernel gives the port to nobody else, listening or not. Some systems let
    /// no two sockets hold one address; nobody keeps it there.
    _keeper: Option<TcpSocket>,
    state: Mutex<State>,
    again: Notify,
}

#[derive(Debug)]
enum State {
    Listening(TcpListener),
    Refusing,
}

impl Ports {
    /// Listens where the socket is bound. Needs the runtime's context.
    pub(super) fn add(&self, socket: TcpSocket) -> io::Result<Arc<Port>> {
        let address = socket.local_addr()?;
        let (socket, keeper) = match bound(address) {
            Ok(second) => (second, Some(socket)),
            Err(_) => (socket, None),
        };
        let state = Mutex::new(State::Listening(socket.listen(BACKLOG)?));
        let port = Arc::new(Port { address, _keeper: keeper, state, again: Notify::new() });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&port));
        Ok(port)
    }

    /// Refuses whoever connects from now on. Needs the runtime's context.
    pub(super) fn refuse(&self) {
        self.each(Port::refuse);
        self.refusing.send_replace(true);
    }

    /// Lets everybody in again. Needs the runtime's context.
    pub(super) fn listen(&self) {
        self.refusing.send_replace(false);
        self.each(Port::listen);
    }

    fn each(&self, act: fn(&Port)) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|port| act(port));
    }

    pub(super) fn are_refusing(&self) -> bool {
        *self.refusing.borrow()
    }

    /// Waits until they refuse.
    pub(super) async fn refused(&self) {
        // It fails only where the sender is gone, and that is ours.
        let _ = self.refusing.subscribe().wait_for(|refusing| *refusing).await;
    }
}

impl Port {
    /// The next connection, when there is one.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        loop {
            let next = poll_fn(|context| match &*self.state() {
                State::Listening(listener) => listener.poll_accept(context),
                State::Refusing => Poll::Pending,
            });
            tokio::select! {
                accepted = next => return accepted.map(|(stream, _)| stream),
                () = self.again.notified() => {}
            }
        }
    }

    fn refuse(&self) {
        *self.state() = State::Refusing;
    }

    fn listen(&self) {
        let mut state = self.state();
        if matches!(*state, State::Refusing)
            && let Ok(listener) = bound(self.address).and_then(|socket| socket.listen(BACKLOG))
        {
            *state = State::Listening(listener);
            self.again.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that holds an address of this machine, and does not listen yet.
pub(super) fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of before may still be ending.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
