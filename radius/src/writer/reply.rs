//! Answers a received packet.
//!
//! Never decides what to answer. Attributes are written as in [`super::octets`].

use super::octets::Octets;
use super::{WriteError, attribute_methods};
use crate::attribute::kind;
use crate::code::Code;
use crate::packet::{Authenticator, View};
use crate::secret::{AUTHENTICATOR_AT, SharedSecret};

/// Writes a reply into the caller's buffer.
pub struct ReplyWriter<'b> {
    /// The packet so far; its Authenticator field holds the request's until [`ReplyWriter::finish`].
    octets: Octets<'b>,
    /// The authenticator of the request being answered.
    request: Authenticator,
}

impl<'b> ReplyWriter<'b> {
    /// Begins the reply to `request`.
    ///
    /// # Errors
    /// [`WriteError::WrongCode`] when `code` is no reply, [`WriteError::Full`] when the buffer has no room for a header.
    pub fn new(buf: &'b mut [u8], code: Code, request: &View<'_>) -> Result<Self, WriteError> {
        if !code.is_reply() {
            return Err(WriteError::WrongCode { code });
        }
        let octets = Octets::new(buf, code, request.identifier(), request.authenticator())?;
        Ok(ReplyWriter {
            octets,
            request: *request.authenticator(),
        })
    }

    attribute_methods!();

    /// Echoes the request's Proxy-State attributes.
    ///
    /// # Errors
    /// [`WriteError::Full`], [`WriteError::TooManyAttributes`].
    pub fn proxy_states(&mut self, request: &View<'_>) -> Result<(), WriteError> {
        //= https://www.rfc-editor.org/rfc/rfc2865#section-2
        //# If any Proxy-State attributes were present in the Access-Request,
        //# they MUST be copied unmodified and in order into the response packet.
        request
            .attributes()
            .filter(|attribute| attribute.kind == kind::PROXY_STATE)
            .try_for_each(|attribute| self.octets.attribute(attribute.kind, attribute.value))
    }

    /// Fills in length, Message-Authenticator and Response Authenticator.
    pub fn finish(mut self, secret: &SharedSecret) -> &'b [u8] {
        self.octets.set_length();
        if let Some(at) = self.octets.message_authenticator_at() {
            let digest = secret.message_authenticator(self.octets.written(), &self.request, at);
            self.octets.set_digest(at, &digest);
        }
        //= https://www.rfc-editor.org/rfc/rfc2865#section-3
        //# ResponseAuth =
        //# MD5(Code+ID+Length+RequestAuth+Attributes+Secret) where +
        //# denotes concatenation.
        let digest = secret.authenticator(self.octets.written(), &self.request);
        self.octets.set_digest(AUTHENTICATOR_AT, &digest);
        self.octets.into_written()
    }
}
