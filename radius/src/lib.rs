//! The RADIUS protocol as values: packets, attributes, authenticators, passwords, EAP framing, names.
//!
//! Never opens a socket, reads a clock or draws a random number: octets come in as slices, replies go out into a buffer
//! the caller owns, and `now` is always an argument. On the way of a datagram nothing is allocated.
//!
//! In the order a datagram flows through:
//!
//! 1. [`packet`]: [`View::parse`] checks a datagram once; everything read from a [`View`] afterwards is infallible.
//! 2. [`attribute`]: the type-length-value octets inside, and the numbers of the types ([`kind`]).
//! 3. [`secret`]: [`SharedSecret`] proves who sent it (request authenticator, reply authenticator, Message-Authenticator).
//! 4. [`password`]: what PAP and CHAP hide in an Access-Request. [`mschap`]: Microsoft's CHAP, both versions, and its keys.
//!    [`eap`]: packets carried in EAP-Message. [`salt`]: what a reply hides.
//! 5. [`accounting`]: one typed reading of an Accounting-Request.
//! 6. [`mod@line`] and [`mac`]: who it is when nobody types a name: a port of an access node, a device.
//! 7. [`writer`]: [`ReplyWriter`] and [`RequestWriter`] build what goes out.
//! 8. On a TLS connection: [`frames`] cuts a stream into packets, [`v11`] is RADIUS/1.1, to and from the packets above.
//! 9. [`hop`]: what a proxy sends on and brings back; [`nai`]: the realm in a user name.
//!
//! Beside that way, for people, tools and proxies, and with allocations:
//!
//! - [`dictionary`]: what attributes are called and what they hold, both ways; our tables, and files of an operator.
//! - [`attribute::Tree`]: everything in a packet, as deep as the dictionary knows, and back to the same octets.
//!
//! Next door: `radius-server` decides what to answer, `coa` asks a NAS to disconnect.

pub mod accounting;
pub mod attribute;
mod code;
pub mod dictionary;
pub mod eap;
pub mod frames;
pub mod hop;
pub mod line;
pub mod mac;
pub mod mschap;
pub mod nai;
pub mod packet;
pub mod password;
pub mod salt;
pub mod secret;
pub mod v11;
pub mod writer;

pub use accounting::{Accounting, StatusType};
pub use attribute::{Attribute, Attributes, kind};
pub use code::{Code, UnknownCode};
pub use line::{Line, Vlans};
pub use mac::Mac;
pub use nai::Nai;
pub use packet::{ATTRIBUTES_MAX, Authenticator, DecodeError, HEADER_LEN, PACKET_LEN_MAX, View};
pub use password::PapCheck;
pub use secret::{MessageAuthenticator, SharedSecret};
pub use writer::{ReplyWriter, RequestWriter, WriteError};
