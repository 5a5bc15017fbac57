//! The words of a dump: names, strings, numbers, marks. Knows both dialects by their quotes and by the dump's first line.
//! Never holds more than one of them, and none longer than a bound.
//!
//! MySQL escapes with backslashes in every string, PostgreSQL only in `E'...'`; both double a quote. Comments are passed
//! over, and with them what MySQL puts into `/*!40101 ... */`.

use std::io::{self, Read};

use super::copy_text::{self, LINE_OCTETS_MAX};
use super::octets::Octets;

/// Octets of one word or string; FreeRADIUS's columns hold 253 characters, people's own may hold more.
const WORD_OCTETS_MAX: usize = 64 * 1_024;
/// What stands in the first comment of a dump by `pg_dump`.
const POSTGRESQL: &[u8] = b"PostgreSQL database";

/// The file cannot be read, or is no dump.
#[derive(Debug, thiserror::Error)]
pub enum LexError {
    /// It cannot be read.
    #[error("the dump cannot be read")]
    Read(#[from] io::Error),
    /// It is no dump.
    #[error("line {line}: {why}")]
    Wrong {
        /// Where.
        line: u64,
        /// Why.
        why: String,
    },
}

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// A bare word in small letters, or a number.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A string; what it says is passed over here.
    Text,
    /// `(`, `)`, `,`, `.` or another.
    Mark(u8),
    /// `;`
    End,
}

impl Token {
    /// Whether it is this word.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own == word)
    }
}

/// A dump as words.
pub struct Lexer<R> {
    /// The file.
    octets: Octets<R>,
    /// Whether a backslash in a plain string means something; `None` until the dump has said whose it is.
    backslash: Option<bool>,
    /// A line, or a comment.
    line: Vec<u8>,
}

impl<R: Read> Lexer<R> {
    /// Reads a file from its beginning.
    pub fn new(file: R) -> Self {
        Self {
            octets: Octets::new(file),
            backslash: None,
            line: Vec::new(),
        }
    }

    /// The line of what is next.
    pub const fn line(&self) -> u64 {
        self.octets.line()
    }

    /// An error about what is here.
    pub fn wrong(&self, why: impl Into<String>) -> LexError {
        LexError::Wrong {
            line: self.line(),
            why: why.into(),
        }
    }

    /// The next word; `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or what should end does not.
    pub fn next_token(&mut self) -> Result<Option<Token>, LexError> {
        if let Some(mark) = self.skip_blank()? {
            return Ok(Some(Token::Mark(mark)));
        }
        let Some(octet) = self.octets.peek()? else {
            return Ok(None);
        };
        Ok(Some(match octet {
            b'`' => {
                // Only MySQL quotes so.
                self.backslash = Some(true);
                Token::Name(self.name(b'`')?)
            }
            b'"' => Token::Name(self.name(b'"')?),
            b'\'' => {
                self.octets.take()?;
                self.string(self.backslash.unwrap_or(true), None)?;
                Token::Text
            }
            b'$' => self.dollar()?,
            b';' => {
                self.octets.take()?;
                Token::End
            }
            octet if is_word(octet) => {
                let word = self.word()?;
                if word == "e" && self.octets.peek()? == Some(b'\'') {
                    self.octets.take()?;
                    self.string(true, None)?;
                    return Ok(Some(Token::Text));
                }
                Token::Word(word)
            }
            other => {
                self.octets.take()?;
                Token::Mark(other)
            }
        }))
    }

    /// The value that is next in a row; the inner error says why it is of no use.
    ///
    /// # Errors
    /// As [`Self::next_token`].
    pub fn value(&mut self) -> Result<Result<Option<String>, String>, LexError> {
        let mut sign = String::new();
        loop {
            match self.octets.peek()? {
                Some(octet) if octet.is_ascii_whitespace() => {
                    self.octets.take()?;
                }
                Some(b'\'') => {
                    self.octets.take()?;
                    let mut out = Vec::new();
                    self.string(self.backslash.unwrap_or(true), Some(&mut out))?;
                    return Ok(copy_text::text(out).map(Some));
                }
                Some(octet @ (b'-' | b'+')) => {
                    self.octets.take()?;
                    if octet == b'-' {
                        sign.push('-');
                    }
                }
                Some(octet) if is_word(octet) => {
                    let word = self.word()?;
                    match (&*word, self.octets.peek()?) {
                        // E'...' of PostgreSQL escapes whatever the dump is.
                        ("e", Some(b'\'')) => {
                            self.octets.take()?;
                            let mut out = Vec::new();
                            self.string(true, Some(&mut out))?;
                            return Ok(copy_text::text(out).map(Some));
                        }
                        // _binary '...', _utf8mb4 '...'
                        (introducer, _) if introducer.starts_with('_') => {}
                        ("null", _) => return Ok(Ok(None)),
                        _ => return Ok(Ok(Some(format!("{sign}{word}")))),
                    }
                }
                _ => return Err(self.wrong("a value is missing")),
            }
        }
    }

    /// Passes over the rest of a statement.
    ///
    /// # Errors
    /// As [`Self::next_token`].
    pub fn skip_statement(&mut self) -> Result<(), LexError> {
        while let Some(token) = self.next_token()? {
            if token == Token::End {
                break;
            }
        }
        Ok(())
    }

    /// Passes over the rest of a line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn skip_line(&mut self) -> Result<(), LexError> {
        self.octets.take_line(&mut self.line, 0)?;
        Ok(())
    }

    /// The next line of a COPY; `None` at its end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn copy_line(&mut self) -> Result<Option<&[u8]>, LexError> {
        if !self.octets.take_line(&mut self.line, LINE_OCTETS_MAX)? || self.line == b"\\." {
            return Ok(None);
        }
        Ok(Some(&self.line))
    }

    /// Passes over spaces and comments. What looked like the beginning of a comment and was none is given back as a mark.
    fn skip_blank(&mut self) -> Result<Option<u8>, LexError> {
        loop {
            match self.octets.peek()? {
                Some(octet) if octet.is_ascii_whitespace() => {
                    self.octets.take()?;
                }
                Some(b'#') => self.skip_line()?,
                Some(b'-') => {
                    self.octets.take()?;
                    if self.octets.peek()? != Some(b'-') {
                        return Ok(Some(b'-'));
                    }
                    self.octets.take_line(&mut self.line, WORD_OCTETS_MAX)?;
                    if self.backslash.is_none() && contains(&self.line, POSTGRESQL) {
                        self.backslash = Some(false);
                    }
                }
                Some(b'/') => {
                    self.octets.take()?;
                    if self.octets.peek()? != Some(b'*') {
                        return Ok(Some(b'/'));
                    }
                    self.octets.take()?;
                    self.skip_comment()?;
                }
                // psql's own commands: newer versions of pg_dump write \restrict.
                Some(b'\\') => self.skip_line()?,
                _ => return Ok(None),
            }
        }
    }

    /// Passes over a comment up to its end.
    fn skip_comment(&mut self) -> Result<(), LexError> {
        let mut star = false;
        while let Some(octet) = self.octets.take()? {
            if star && octet == b'/' {
                return Ok(());
            }
            star = octet == b'*';
        }
        Err(self.wrong("a comment does not end"))
    }

    /// A bare word.
    fn word(&mut self) -> Result<String, LexError> {
        let mut out = Vec::new();
        while let Some(octet) = self.octets.peek()?.filter(|octet| is_word(*octet)) {
            self.push(&mut out, octet)?;
            self.octets.take()?;
            // 1.5, 1e-3: the dot and the sign belong to the number.
            let number = out.first().is_some_and(u8::is_ascii_digit);
            if number && self.octets.peek()? == Some(b'.') {
                out.push(b'.');
                self.octets.take()?;
            }
        }
        out.make_ascii_lowercase();
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// A name between quotes.
    fn name(&mut self, quote: u8) -> Result<String, LexError> {
        self.octets.take()?;
        let mut out = Vec::new();
        while let Some(octet) = self.octets.take()? {
            if octet == quote {
                if self.octets.peek()? != Some(quote) {
                    return Ok(String::from_utf8_lossy(&out).into_owned());
                }
                self.octets.take()?;
            }
            self.push(&mut out, octet)?;
        }
        Err(self.wrong("a name does not end"))
    }

    /// A string behind its first quote, kept in `out` when somebody wants it.
    fn string(&mut self, backslash: bool, mut out: Option<&mut Vec<u8>>) -> Result<(), LexError> {
        let begun = self.line();
        while let Some(octet) = self.octets.take()? {
            let octet = match octet {
                b'\'' => {
                    if self.octets.peek()? != Some(b'\'') {
                        return Ok(());
                    }
                    self.octets.take()?;
                    b'\''
                }
                b'\\' if backslash => match self.octets.take()? {
                    Some(b'0') => 0,
                    Some(b'b') => 8,
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'Z') => 26,
                    Some(other) => other,
                    None => break,
                },
                other => other,
            };
            if let Some(out) = out.as_deref_mut() {
                self.push(out, octet)?;
            }
        }
        Err(LexError::Wrong {
            line: begun,
            why: "a string does not end".to_owned(),
        })
    }

    /// `$tag$ ... $tag$` of PostgreSQL, passed over.
    fn dollar(&mut self) -> Result<Token, LexError> {
        self.octets.take()?;
        let mut tag = vec![b'$'];
        while let Some(octet) = self
            .octets
            .peek()?
            .filter(|octet| is_word(*octet) && *octet != b'$')
        {
            self.push(&mut tag, octet)?;
            self.octets.take()?;
        }
        if self.octets.peek()? != Some(b'$') {
            return Ok(Token::Mark(b'$'));
        }
        self.octets.take()?;
        tag.push(b'$');
        let mut last = Vec::with_capacity(tag.len());
        while let Some(octet) = self.octets.take()? {
            if last.len() == tag.len() {
                last.remove(0);
            }
            last.push(octet);
            if last == tag {
                return Ok(Token::Text);
            }
        }
        Err(self.wrong("a text between dollars does not end"))
    }

    /// Appends an octet, within the bound.
    fn push(&self, out: &mut Vec<u8>, octet: u8) -> Result<(), LexError> {
        if out.len() == WORD_OCTETS_MAX {
            return Err(self.wrong(format!("a word has more than {WORD_OCTETS_MAX} octets")));
        }
        out.push(octet);
        Ok(())
    }
}

/// Whether an octet can stand in a bare word.
const fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'@' || octet >= 0x80
}

/// Whether a line holds these octets.
fn contains(line: &[u8], wanted: &[u8]) -> bool {
    line.windows(wanted.len()).any(|window| window == wanted)
}
