//! As much HTTP/1.1 as tests need: a client on one keep-alive connection, and reading for fakes.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One whole message: its head and its body.
pub(crate) struct Message {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Reads one message; nothing when the other side closed the connection.
pub(crate) async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Message>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..at]).into_owned();
            let mut lines = head.split("\r\n");
            let first_line = lines.next().unwrap_or_default().to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let find = |name: &str| headers.iter().find(|(known, _)| known == name);
            let chunked = find("transfer-encoding").is_some();
            let length = find("content-length").and_then(|(_, value)| value.parse::<usize>().ok());
            let rest = &buffer[at + 4..];
            let whole = if chunked {
                unchunked(rest)
            } else {
                let length = length.unwrap_or(0);
                rest.get(..length).map(|body| (body.to_vec(), length))
            };
            if let Some((body, used)) = whole {
                buffer.drain(..at + 4 + used);
                return Ok(Some(Message {
                    first_line,
                    headers,
                    body,
                }));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// A chunked body and how many bytes it took; nothing while more are needed.
fn unchunked(mut rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let all = rest.len();
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + size)?;
        rest = rest.get(line + 2 + size + 2..)?;
        if size == 0 {
            return Some((body, all - rest.len()));
        }
        body.extend_from_slice(chunk);
    }
}

/// An answer to the client.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub text: String,
}

impl Response {
    /// The first header with this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }
}

/// A keep-alive connection to a server under test.
pub struct Client {
    stream: TcpStream,
    address: SocketAddr,
    /// `Authorization: ApiKey …`, when it is not empty.
    pub key: String,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr, key: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address,
            key: key.to_owned(),
            buffer: Vec::new(),
        })
    }

    /// Makes one call; an error when the connection broke before the whole answer came.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> std::io::Result<Response> {
        use std::fmt::Write;
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if !self.key.is_empty() {
            let _ = write!(request, "authorization: ApiKey {}\r\n", self.key);
        }
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            request.push_str("content-type: application/json\r\n");
        }
        let _ = write!(request, "content-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes()).await?;
        let closed = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let message = read(&mut self.stream, &mut self.buffer).await?.ok_or_else(closed)?;
        let status = message.first_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Response {
            status: status.ok_or_else(closed)?,
            headers: message.headers,
            text: String::from_utf8_lossy(&message.body).into_owned(),
        })
    }

    /// Makes a thing; panics unless the answer is 201.
    pub async fn create(&mut self, path: &str, body: &Value) -> Value {
        let response = self.call("POST", path, &[], Some(body)).await.expect("an answer");
        assert_eq!(response.status, 201, "POST {path}: {}", response.text);
        response.json()["data"].take()
    }
}
