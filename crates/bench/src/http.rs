//! As much HTTP/1.1 as both sides of a benchmark need: keep-alive, `Content-Length`, nothing else.
//!
//! Written by hand because a full client costs more CPU per request than the server that it should measure.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// The first line and the body's place in a buffer that holds one whole message.
struct Message {
    body_at: usize,
    end: usize,
}

/// `None` while more bytes are needed.
fn whole_message(buffer: &[u8]) -> Result<Option<Message>> {
    let Some(head_end) = find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let body_at = head_end + 4;
    let length = content_length(&buffer[..head_end])?;
    let end = body_at + length;
    Ok((buffer.len() >= end).then_some(Message { body_at, end }))
}

fn content_length(head: &[u8]) -> Result<usize> {
    const NAME: &[u8] = b"content-length:";
    for line in head.split(|&b| b == b'\n').skip(1) {
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let text = String::from_utf8_lossy(&line[NAME.len()..]);
            return text
                .trim()
                .parse()
                .map_err(|_| format!("unusable Content-Length {text:?}"));
        }
        if line.len() > 18 && line[..18].eq_ignore_ascii_case(b"transfer-encoding:") {
            return Err("a chunked body, which this program does not read".to_owned());
        }
    }
    Ok(0)
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// One keep-alive connection to the server under measure.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|e| format!("cannot connect: {e}"))?;
        stream
            .set_nodelay(true)
            .map_err(|e| format!("cannot set TCP_NODELAY: {e}"))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// The status; the body stays readable through [`Connection::body`] until the next call.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<u16> {
        self.buffer.clear();
        self.stream
            .write_all(request)
            .await
            .map_err(|e| format!("the server closed the connection: {e}"))?;
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await;
            if read.map_err(|e| format!("the server closed the connection: {e}"))? == 0 {
                return Err("the server closed the connection before it answered".to_owned());
            }
            if let Some(message) = whole_message(&self.buffer)? {
                let status = self
                    .buffer
                    .get(9..12)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                let status = status
                    .and_then(|digits| digits.parse().ok())
                    .ok_or("an answer without a status")?;
                self.buffer.truncate(message.end);
                self.buffer.drain(..message.body_at);
                return Ok(status);
            }
        }
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer
    }
}

/// Serves on a thread and runtime of its own, so that the generator's loop is not slowed by it.
/// `respond` appends a whole answer for one request, given as its first line and its body.
pub(crate) fn serve<F>(name: &str, respond: F) -> Result<SocketAddr>
where
    F: Fn(&[u8], &[u8], &mut Vec<u8>) + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free loopback port: {e}"))?;
    listener
        .set_nonblocking(true)
        .map_err(|e| format!("a non-blocking listener: {e}"))?;
    let address = listener
        .local_addr()
        .map_err(|e| format!("the listener's address: {e}"))?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be built");
            runtime.block_on(accept(listener, Arc::new(respond)));
        })
        .map_err(|e| format!("no thread for {name}: {e}"))?;
    Ok(address)
}

async fn accept<F>(listener: TcpListener, respond: Arc<F>)
where
    F: Fn(&[u8], &[u8], &mut Vec<u8>) + Send + Sync + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).expect("the listener is non-blocking");
    while let Ok((stream, _)) = listener.accept().await {
        let respond = Arc::clone(&respond);
        tokio::spawn(async move {
            // The peer leaves when it likes; an unreadable request ends its connection and shows as an error there.
            let _ = answer(stream, respond.as_ref()).await;
        });
    }
}

async fn answer<F>(mut stream: TcpStream, respond: &F) -> Result<()>
where
    F: Fn(&[u8], &[u8], &mut Vec<u8>) + Send + Sync,
{
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let mut input = Vec::with_capacity(4096);
    let mut output = Vec::with_capacity(512);
    loop {
        while let Some(message) = whole_message(&input)? {
            let line_end = find(&input, b"\r\n").unwrap_or(0);
            respond(&input[..line_end], &input[message.body_at..message.end], &mut output);
            input.drain(..message.end);
        }
        if !output.is_empty() {
            stream.write_all(&output).await.map_err(|e| e.to_string())?;
            output.clear();
        }
        if stream.read_buf(&mut input).await.map_err(|e| e.to_string())? == 0 {
            return Ok(());
        }
    }
}

/// Appends an answer with a JSON body.
pub(crate) fn write_answer(output: &mut Vec<u8>, status_line: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status_line}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    output.extend_from_slice(head.as_bytes());
    output.extend_from_slice(body.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_only_with_its_body() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-LENGTH: 4\r\n\r\nbody";
        for cut in 0..bytes.len() {
            assert!(
                whole_message(&bytes[..cut]).unwrap().is_none(),
                "{cut} bytes were taken for a whole message"
            );
        }
        let message = whole_message(bytes).unwrap().unwrap();
        assert_eq!(&bytes[message.body_at..message.end], b"body");
    }

    #[test]
    fn a_message_without_a_length_has_no_body() {
        let bytes = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(whole_message(bytes).unwrap().unwrap().end, bytes.len());
    }

    #[test]
    fn chunked_and_nonsense_lengths_are_refused() {
        assert!(whole_message(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(whole_message(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn several_requests_share_a_connection() {
        let address = serve("echo", |line, body, output| {
            assert!(line.starts_with(b"POST /x"));
            write_answer(output, "201 Created", &String::from_utf8_lossy(body));
        })
        .unwrap();
        let mut connection = Connection::open(address).await.unwrap();
        for text in ["one", "", "three"] {
            let request = format!("POST /x HTTP/1.1\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            assert_eq!(connection.send(request.as_bytes()).await.unwrap(), 201);
            assert_eq!(connection.body(), text.as_bytes());
        }
    }
}
