//! A live stream of events: server-sent events, taken apart line by line.
//! Never reconnects by itself; who reads knows where he was.

use reqwest::Response;
use serde_json::Value;

use super::problem::ClientError;

/// The longest message that is read, in octets.
const MESSAGE_OCTETS_MAX: usize = 1024 * 1024;

/// A stream on its way.
pub struct Stream {
    /// What comes.
    response: Response,
    /// What came and is not a whole line yet.
    pending: Lines,
    /// The server, for errors.
    url: String,
}

/// Lines out of pieces.
#[derive(Default)]
struct Lines {
    /// What is not a whole line yet.
    rest: Vec<u8>,
}

impl Lines {
    /// The next whole line without its end.
    fn next(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.iter().position(|octet| *octet == b'\n')?;
        let mut line: Vec<u8> = self.rest.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }
}

impl Stream {
    /// Of an answer.
    pub(super) fn new(response: Response, url: String) -> Self {
        Self {
            response,
            pending: Lines::default(),
            url,
        }
    }

    /// The next event; `None` when the stream has ended. What a message says beside its data is in the data, too.
    ///
    /// # Errors
    /// When the connection ends in the middle, or what comes is no stream of ours.
    pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        loop {
            while let Some(line) = self.pending.next() {
                let Some(data) = line.strip_prefix(b"data:") else {
                    continue;
                };
                return serde_json::from_slice(data)
                    .map(Some)
                    .map_err(|_| self.not_ours());
            }
            if self.pending.rest.len() > MESSAGE_OCTETS_MAX {
                return Err(self.not_ours());
            }
            let piece = self
                .response
                .chunk()
                .await
                .map_err(|error| ClientError::Unreachable {
                    url: self.url.clone(),
                    why: error.without_url().to_string(),
                })?;
            match piece {
                Some(piece) => self.pending.rest.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    /// What came is no stream of ours.
    fn not_ours(&self) -> ClientError {
        ClientError::NotOurs {
            url: self.url.clone(),
            status: self.response.status(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_come_out_whole_however_they_come_in() {
        let text = b"id: 7\r\ndata: {}\n\nend";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut all = Vec::new();
            for piece in text.chunks(size) {
                lines.rest.extend_from_slice(piece);
                while let Some(line) = lines.next() {
                    all.push(String::from_utf8(line).expect("text"));
                }
            }
            assert_eq!(all, ["id: 7", "data: {}", ""], "pieces of {size}");
        }
    }
}
