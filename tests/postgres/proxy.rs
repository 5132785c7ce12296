//! A network between a client and a server, which a test breaks.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

pub(crate) struct Proxy {
    port: u16,
    network: Arc<Network>,
}

#[derive(Default)]
struct Network {
    /// Connections that began in another era get no packet through. Odd: nor do new ones.
    era: AtomicU64,
    /// The packet after which the answer is lost, once.
    cut_after: Mutex<Option<&'static str>>,
    cuts: AtomicU64,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = Arc::new(Network::default());
        tokio::spawn({
            let network = Arc::clone(&network);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(forward(client, server, Arc::clone(&network)));
                }
            }
        });
        Self { port, network }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// From now on no packet passes, and no connection ends.
    pub(crate) fn drop_packets(&self) {
        self.network.era.fetch_add(1, Ordering::SeqCst);
    }

    /// New connections pass again.
    pub(crate) fn accept_again(&self) {
        self.network.era.fetch_add(1, Ordering::SeqCst);
    }

    /// Forwards the next packet with this text, and cuts the connection before the answer.
    pub(crate) fn cut_after(&self, text: &'static str) {
        *self.network.cut_after.lock().unwrap() = Some(text);
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.network.cuts.load(Ordering::SeqCst)
    }
}

impl Network {
    fn is_cut_by(&self, packet: &[u8]) -> bool {
        let mut text = self.cut_after.lock().unwrap();
        let is_cut = text
            .is_some_and(|text| packet.windows(text.len()).any(|window| window == text.as_bytes()));
        if is_cut {
            *text = None;
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        is_cut
    }
}

async fn forward(mut client: TcpStream, server: u16, network: Arc<Network>) {
    let era = network.era.load(Ordering::SeqCst);
    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    let (mut from_client, mut from_server) = ([0; 16_384], [0; 16_384]);
    loop {
        let (packet, is_asked) = tokio::select! {
            read = client.read(&mut from_client) => (read.map(|n| &from_client[..n]), true),
            read = server.read(&mut from_server) => (read.map(|n| &from_server[..n]), false),
        };
        if network.era.load(Ordering::SeqCst) != era || era % 2 == 1 {
            // Holds both ends, and answers neither.
            return std::future::pending().await;
        }
        let Ok(packet @ [_, ..]) = packet else {
            return;
        };
        let to = if is_asked { &mut server } else { &mut client };
        if to.write_all(packet).await.is_err() {
            return;
        }
        if is_asked && network.is_cut_by(packet) {
            // The server answers when it has committed. The answer is lost.
            drop(server.read(&mut from_server).await);
            return;
        }
    }
}
