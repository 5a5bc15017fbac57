//! A file read octet by octet, with the number of the line it stands in.
//! Never holds more of it than one piece.

use std::io::{self, Read};

/// Octets read at a time.
const PIECE_OCTETS: usize = 256 * 1_024;

/// A file being read.
pub struct Octets<R> {
    /// The file.
    file: R,
    /// A piece of it.
    piece: Vec<u8>,
    /// Up to where the piece holds something.
    end: usize,
    /// What is next.
    at: usize,
    /// The line of what is next, from 1.
    line: u64,
}

impl<R: Read> Octets<R> {
    /// Reads a file from its beginning.
    pub fn new(file: R) -> Self {
        Self {
            file,
            piece: vec![0; PIECE_OCTETS],
            end: 0,
            at: 0,
            line: 1,
        }
    }

    /// The line of what is next.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// What is next, without taking it; `None` at the end.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.end {
            self.at = 0;
            self.end = loop {
                match self.file.read(&mut self.piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
        }
        Ok((self.at < self.end).then(|| self.piece[self.at]))
    }

    /// Takes what is next; `None` at the end.
    pub fn take(&mut self) -> io::Result<Option<u8>> {
        let next = self.peek()?;
        if let Some(octet) = next {
            self.at += 1;
            self.line += u64::from(octet == b'\n');
        }
        Ok(next)
    }

    /// Takes the rest of this line into `out`, without its end; whether there was a line. What is beyond `max` octets is
    /// read and not kept.
    pub fn take_line(&mut self, out: &mut Vec<u8>, max: usize) -> io::Result<bool> {
        out.clear();
        let mut any = false;
        while let Some(octet) = self.take()? {
            any = true;
            if octet == b'\n' {
                break;
            }
            if out.len() <= max {
                out.push(octet);
            }
        }
        if out.last() == Some(&b'\r') {
            out.pop();
        }
        Ok(any)
    }
}
