//! Servers that behave badly on purpose.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use url::Url;

/// What a connection does once it was accepted.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Reads the request, writes these bytes, closes.
    Answer(Vec<u8>),
    /// Reads the request, closes without a word.
    Close,
    /// Resets the connection as soon as the request's first bytes are there.
    Reset,
    /// Reads the request and says nothing.
    Silent,
    /// Writes these bytes and says nothing more, without closing.
    Stall(Vec<u8>),
}

pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manner.clone(), sender.clone()));
            }
        });
        Self { url, requests }
    }

    /// How often it was called.
    pub(crate) fn calls(&mut self) -> usize {
        std::iter::from_fn(|| self.requests.try_recv().ok()).count()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, sender: mpsc::UnboundedSender<String>) {
    if let Manner::Reset = manner {
        // Closing with unread bytes in the buffer makes the kernel send a reset.
        let mut first = [0; 1];
        let _ = stream.read(&mut first).await;
        let _ = sender.send(String::new());
        return;
    }
    let request = read_request(&mut stream).await;
    let _ = sender.send(request);
    match manner {
        Manner::Answer(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Manner::Close | Manner::Reset => {}
        Manner::Silent => tokio::time::sleep(Duration::from_secs(30)).await,
        Manner::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    }
}

/// Head and body by `content-length`.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |text| text.parse().unwrap());
            if body.len() >= length {
                break;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn answer(head: &str, body: &[u8]) -> Manner {
    let mut bytes = format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Manner::Answer(bytes)
}
