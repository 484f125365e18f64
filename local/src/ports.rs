//! Where the parts listen: the usual ports, or free ones where those are taken.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// How ports are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ports {
    /// The usual port of each part; a free one where it is taken.
    Usual,
    /// Any free ports, so that several stacks can run beside each other.
    Auto,
}

impl Ports {
    /// Listens on this machine's own address, on `usual` where it can be had.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn listen(self, usual: u16) -> std::io::Result<TcpListener> {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if self == Self::Usual
            && let Ok(listener) = TcpListener::bind(at(usual)).await
        {
            return Ok(listener);
        }
        TcpListener::bind(at(0)).await
    }
}
