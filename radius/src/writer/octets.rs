//! The growing packet inside both writers.
//!
//! Keeps one promise: what is written so far is always a header and whole attributes, not more than we read ourselves
//! ([`ATTRIBUTES_MAX`]). Knows nothing of digests; the writers next door do ([`super::reply`], [`super::request`]).

use super::WriteError;
use crate::attribute::{Attributes, VALUE_LEN_MAX, kind};
use crate::code::Code;
use crate::packet::{ATTRIBUTES_MAX, Authenticator, HEADER_LEN, PACKET_LEN_MAX};
use crate::secret::{AUTHENTICATOR_AT, MESSAGE_AUTHENTICATOR_LEN};

/// Octets an attribute has before its value.
const ATTRIBUTE_HEADER_LEN: usize = 2;

/// Octets of Vendor-Specific before the vendor's value: vendor number, type, length.
const VENDOR_HEADER_LEN: usize = 6;

/// Octets of the longest value a vendor's sub-attribute can have.
const VENDOR_VALUE_LEN_MAX: usize = VALUE_LEN_MAX - VENDOR_HEADER_LEN;

/// A packet being written.
pub(super) struct Octets<'b> {
    /// The caller's buffer, cut to the longest packet.
    buffer: &'b mut [u8],
    /// Octets written, header included.
    len: usize,
    /// Attributes written.
    attributes: usize,
    /// Where the Message-Authenticator's value stands, when one was asked for.
    message_authenticator_at: Option<usize>,
}

impl<'b> Octets<'b> {
    /// Writes a header whose Length field is filled in later.
    pub(super) fn new(
        buffer: &'b mut [u8],
        code: Code,
        identifier: u8,
        authenticator: &Authenticator,
    ) -> Result<Self, WriteError> {
        let room = buffer.len().min(PACKET_LEN_MAX);
        let full = WriteError::Full {
            needed: HEADER_LEN,
            room,
        };
        let buffer = buffer.get_mut(..room).ok_or(full)?;
        let (start, field) = buffer.split_at_mut_checked(AUTHENTICATOR_AT).ok_or(full)?;
        field
            .first_chunk_mut::<16>()
            .ok_or(full)?
            .copy_from_slice(authenticator);
        start.copy_from_slice(&[code as u8, identifier, 0, 0]);
        Ok(Octets {
            buffer,
            len: HEADER_LEN,
            attributes: 0,
            message_authenticator_at: None,
        })
    }

    /// Octets written so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The packet so far.
    pub(super) fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Where the Message-Authenticator's value stands.
    pub(super) fn message_authenticator_at(&self) -> Option<usize> {
        self.message_authenticator_at
    }

    /// Whether there is room for so many octets in so many attributes.
    fn check_room(&self, needed: usize, attributes: usize) -> Result<(), WriteError> {
        let room = self.buffer.len() - self.len;
        if needed > room {
            return Err(WriteError::Full { needed, room });
        }
        if self.attributes + attributes > ATTRIBUTES_MAX {
            return Err(WriteError::TooManyAttributes {
                adding: attributes,
                present: self.attributes,
            });
        }
        Ok(())
    }

    /// Hands out the next `needed` octets for so many attributes, all or none.
    fn grow(&mut self, needed: usize, attributes: usize) -> Result<&mut [u8], WriteError> {
        self.check_room(needed, attributes)?;
        let room = self.buffer.len() - self.len;
        let taken = self
            .buffer
            .get_mut(self.len..self.len + needed)
            .ok_or(WriteError::Full { needed, room })?;
        self.len += needed;
        self.attributes += attributes;
        Ok(taken)
    }

    /// Adds type, length and the value, which comes in two parts.
    fn push(&mut self, kind: u8, start: &[u8], value: &[u8]) -> Result<(), WriteError> {
        let value_len = start.len() + value.len();
        let too_long = WriteError::ValueTooLong {
            len: value_len,
            max: VALUE_LEN_MAX,
        };
        let length = u8::try_from(ATTRIBUTE_HEADER_LEN + value_len).map_err(|_| too_long)?;
        let room = self.grow(usize::from(length), 1)?;
        if let [to_kind, to_length, to_value @ ..] = room
            && let Some((to_start, to_rest)) = to_value.split_at_mut_checked(start.len())
        {
            *to_kind = kind;
            *to_length = length;
            to_start.copy_from_slice(start);
            to_rest.copy_from_slice(value);
        }
        Ok(())
    }

    /// See [`super::ReplyWriter::reserve_message_authenticator`].
    pub(super) fn reserve_message_authenticator(&mut self) -> Result<(), WriteError> {
        if self.len != HEADER_LEN {
            return Err(WriteError::NotFirst);
        }
        self.push(kind::MESSAGE_AUTHENTICATOR, &[], &[0; MESSAGE_AUTHENTICATOR_LEN])?;
        self.message_authenticator_at = Some(HEADER_LEN + ATTRIBUTE_HEADER_LEN);
        Ok(())
    }

    /// See [`super::ReplyWriter::attribute`].
    pub(super) fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<(), WriteError> {
        if kind == kind::MESSAGE_AUTHENTICATOR {
            return Err(WriteError::MessageAuthenticator);
        }
        self.push(kind, &[], value)
    }

    /// See [`super::ReplyWriter::vendor`].
    pub(super) fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), WriteError> {
        let too_long = WriteError::ValueTooLong {
            len: value.len(),
            max: VENDOR_VALUE_LEN_MAX,
        };
        if value.len() > VENDOR_VALUE_LEN_MAX {
            return Err(too_long);
        }
        let length = u8::try_from(ATTRIBUTE_HEADER_LEN + value.len()).map_err(|_| too_long)?;
        let [a, b, c, d] = vendor.to_be_bytes();
        self.push(kind::VENDOR_SPECIFIC, &[a, b, c, d, kind, length], value)
    }

    /// See [`super::ReplyWriter::long`].
    pub(super) fn long(&mut self, kind: u8, value: &[u8]) -> Result<(), WriteError> {
        let pieces = value.len().div_ceil(VALUE_LEN_MAX).max(1);
        let needed = value.len() + pieces * ATTRIBUTE_HEADER_LEN;
        self.check_room(needed, pieces)?;
        if value.is_empty() {
            return self.attribute(kind, value);
        }
        value
            .chunks(VALUE_LEN_MAX)
            .try_for_each(|piece| self.attribute(kind, piece))
    }

    /// See [`super::ReplyWriter::encoded`].
    pub(super) fn encoded(&mut self, attributes: &[u8]) -> Result<(), WriteError> {
        let (mut offset, mut count) = (0, 0);
        for attribute in Attributes::new(attributes) {
            if attribute.kind == kind::MESSAGE_AUTHENTICATOR {
                return Err(WriteError::MessageAuthenticator);
            }
            offset += ATTRIBUTE_HEADER_LEN + attribute.value.len();
            count += 1;
        }
        if offset != attributes.len() {
            return Err(WriteError::Malformed { offset });
        }
        self.grow(attributes.len(), count)?.copy_from_slice(attributes);
        Ok(())
    }

    /// Fills in the Length field; the packet is complete but for its digests.
    pub(super) fn set_length(&mut self) {
        // At most PACKET_LEN_MAX, so the upper octets of the length are zero.
        let [.., high, low] = self.len.to_be_bytes();
        if let [_, _, to_high, to_low, ..] = &mut *self.buffer {
            *to_high = high;
            *to_low = low;
        }
    }

    /// Overwrites sixteen octets, for a digest.
    pub(super) fn set_digest(&mut self, at: usize, digest: &[u8; 16]) {
        if let Some(to) = self.buffer.get_mut(at..at + digest.len()) {
            to.copy_from_slice(digest);
        }
    }

    /// Gives the finished packet back.
    pub(super) fn into_written(self) -> &'b [u8] {
        let Octets { buffer, len, .. } = self;
        buffer.get(..len).unwrap_or_default()
    }
}
