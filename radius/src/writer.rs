//! Builds packets into a buffer the caller owns: attributes in order, then length, digests, done.
//!
//! Never allocates. A method that fails leaves the packet as it was. [`ReplyWriter`] answers a received
//! packet, [`RequestWriter`] starts an exchange; both write attributes the same way (`writer/octets.rs`).

mod octets;
mod reply;
mod request;

pub use reply::ReplyWriter;
pub use request::RequestWriter;

use crate::code::Code;
use crate::packet::ATTRIBUTES_MAX;

/// Why something could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The packet would outgrow the buffer or 4,096 octets.
    #[error("needs {needed} more octets, {room} are left in the packet")]
    Full {
        /// Octets that were to be added.
        needed: usize,
        /// Octets left in the buffer, or up to the longest packet.
        room: usize,
    },
    /// The packet would have more attributes than [`ATTRIBUTES_MAX`], and nobody here would read it.
    #[error("{adding} more attributes, {present} are in the packet and {ATTRIBUTES_MAX} are allowed")]
    TooManyAttributes {
        /// Attributes that were to be added.
        adding: usize,
        /// Attributes in the packet.
        present: usize,
    },
    /// A value is longer than an attribute can hold.
    #[error("attribute value of {len} octets is longer than {max}")]
    ValueTooLong {
        /// Octets in the value.
        len: usize,
        /// Octets it may have.
        max: usize,
    },
    /// Octets given as encoded attributes are none.
    #[error("encoded attributes are malformed at octet {offset}")]
    Malformed {
        /// Where in the given octets the first malformed attribute begins.
        offset: usize,
    },
    /// Message-Authenticator was to be written as an ordinary attribute.
    #[error("Message-Authenticator is written by reserve_message_authenticator only")]
    MessageAuthenticator,
    /// The Message-Authenticator was asked for after another attribute.
    #[error("Message-Authenticator must be the first attribute")]
    NotFirst,
    /// The writer does not make packets of this kind.
    #[error("{code} cannot be written this way")]
    WrongCode {
        /// The kind that was asked for.
        code: Code,
    },
}

/// Gives a writer the methods that add attributes; its field `octets` does the work.
macro_rules! attribute_methods {
    () => {
        /// Makes room for the Message-Authenticator, which `finish` fills in.
        ///
        /// First, so that no octet before it can be chosen by somebody who wants an MD5 collision.
        ///
        /// # Errors
        /// [`WriteError::NotFirst`] after any other attribute, [`WriteError::Full`].
        pub fn reserve_message_authenticator(&mut self) -> Result<(), WriteError> {
            self.octets.reserve_message_authenticator()
        }

        /// Adds an attribute.
        ///
        /// # Errors
        /// [`WriteError::ValueTooLong`] above 253 octets, [`WriteError::Full`],
        /// [`WriteError::TooManyAttributes`], and [`WriteError::MessageAuthenticator`] for that type.
        pub fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<(), WriteError> {
            self.octets.attribute(kind, value)
        }

        /// Adds a number of four octets.
        ///
        /// # Errors
        /// As for [`Self::attribute`].
        pub fn u32(&mut self, kind: u8, value: u32) -> Result<(), WriteError> {
            self.octets.attribute(kind, &value.to_be_bytes())
        }

        /// Adds an IPv4 address.
        ///
        /// # Errors
        /// As for [`Self::attribute`].
        pub fn ipv4(&mut self, kind: u8, value: std::net::Ipv4Addr) -> Result<(), WriteError> {
            self.octets.attribute(kind, &value.octets())
        }

        /// Adds a text.
        ///
        /// # Errors
        /// As for [`Self::attribute`].
        pub fn text(&mut self, kind: u8, value: &str) -> Result<(), WriteError> {
            self.octets.attribute(kind, value.as_bytes())
        }

        /// Adds a Vendor-Specific attribute with one sub-attribute.
        ///
        /// # Errors
        /// [`WriteError::ValueTooLong`] above 247 octets, [`WriteError::Full`], [`WriteError::TooManyAttributes`].
        pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), WriteError> {
            self.octets.vendor(vendor, kind, value)
        }

        /// Adds a value of any length, split into as many attributes of 253 octets as it takes.
        ///
        /// # Errors
        /// [`WriteError::Full`], [`WriteError::TooManyAttributes`]; an empty value is one empty attribute.
        pub fn long(&mut self, kind: u8, value: &[u8]) -> Result<(), WriteError> {
            self.octets.long(kind, value)
        }

        /// Adds attributes that are encoded already, for example a template.
        ///
        /// # Errors
        /// [`WriteError::Malformed`], [`WriteError::Full`], [`WriteError::TooManyAttributes`], and
        /// [`WriteError::MessageAuthenticator`] if there is one.
        pub fn encoded(&mut self, attributes: &[u8]) -> Result<(), WriteError> {
            self.octets.encoded(attributes)
        }

        /// Octets written so far, header included.
        pub fn written(&self) -> usize {
            self.octets.len()
        }
    };
}
use attribute_methods;
