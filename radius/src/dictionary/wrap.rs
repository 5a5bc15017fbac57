//! Puts a value where its attribute stands: into an attribute of the IETF, a vendor's, an extended one, or inside others.
//!
//! Knows shapes, not names. Done when something is stored or loaded, never per packet.
//!
//! ```text
//! 1             | 1   | len | value
//! 26.V.t        | 26  | len | V (4) | t (1, 2 or 4) | len (0, 1 or 2) | value        as the vendor's format says
//! 26.V.t.u      | 26  | len | V (4) | t | len | u | len | value                       RFC 8044 section 3.13
//! 241.t         | 241 | len | t | value                                               RFC 6929 section 2.1
//! 245.t         | 245 | len | t | M, reserved | a piece of the value                  RFC 6929 section 2.2
//! 241.26.V.t    | 241 | len | 26 | V (4) | t | value                                  RFC 6929 section 2.3
//! 245.26.V.t    | 245 | len | 26 | M, reserved | a piece of: V (4), t, value          RFC 6929 section 2.4
//! ```

use super::definition::Definition;
use super::source::Format;
use crate::attribute::{VALUE_LEN_MAX, kind};
use crate::packet::{HEADER_LEN, PACKET_LEN_MAX};

/// Octets of a long-extended attribute before its piece: type, length, extended type, flags.
const LONG_HEAD_LEN: usize = 4;
/// Octets of the pieces of a long-extended attribute.
const LONG_PIECE_LEN_MAX: usize = 255 - LONG_HEAD_LEN;
/// The flag that says that another piece follows.
const MORE: u8 = 0x80;
/// The flag that says the same in WiMAX's third octet.
const CONTINUED: u8 = 0x80;

/// The value does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DoesNotFit {
    /// Octets the value may have.
    pub max: usize,
}

/// Appends the whole attribute, or attributes when the value goes on in others.
///
/// # Errors
/// [`DoesNotFit`]; `out` is then as it was.
pub(super) fn wrap(
    definition: &Definition,
    format: Format,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), DoesNotFit> {
    let before = out.len();
    let done = match *definition.oid.as_slice() {
        [first] => plain(first, definition.flags.concat, value, out),
        [26, vendor, number, ref inside @ ..] => vendor_specific(vendor, number, inside, format, value, out),
        [first @ 241..=244, extended, ref rest @ ..] => {
            let (head, inside) = extended_head(extended, rest);
            let value = nested(inside, value, VALUE_LEN_MAX - 1)?;
            short_extended(first, &head, &value, out)
        }
        [first @ 245..=246, extended, ref rest @ ..] => {
            let (head, inside) = extended_head(extended, rest);
            let value = nested(inside, value, VALUE_LEN_MAX)?;
            long_extended(first, &head, &value, out)
        }
        // An attribute of the IETF with others inside.
        [first, ref inside @ ..] => {
            let value = nested(inside, value, VALUE_LEN_MAX)?;
            plain(first, false, &value, out)
        }
        [] => Ok(()),
    };
    if done.is_err() {
        out.truncate(before);
    }
    done
}

/// Type, length, value; a value that may go on does.
fn plain(first: u32, concat: bool, value: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
    let first = octet(first)?;
    if value.len() <= VALUE_LEN_MAX {
        return put(first, &[], value, out);
    }
    let max = if concat {
        PACKET_LEN_MAX - HEADER_LEN - 2 * (PACKET_LEN_MAX / 255 + 1)
    } else {
        VALUE_LEN_MAX
    };
    if value.len() > max {
        return Err(DoesNotFit { max });
    }
    value
        .chunks(VALUE_LEN_MAX)
        .try_for_each(|piece| put(first, &[], piece, out))
}

/// A vendor's attribute in the vendor's format.
fn vendor_specific(
    vendor: u32,
    number: u32,
    inside: &[u32],
    format: Format,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), DoesNotFit> {
    let head_len = usize::from(format.type_len + format.length_len) + usize::from(format.continued);
    let max = VALUE_LEN_MAX - 4 - head_len;
    let value = nested(inside, value, max)?;
    let max_in_all = if format.continued {
        (PACKET_LEN_MAX - HEADER_LEN) / 255 * max
    } else {
        max
    };
    if value.len() > max_in_all {
        return Err(DoesNotFit { max: max_in_all });
    }
    let mut pieces = value.chunks(max).peekable();
    // An empty value is a piece, too.
    let mut piece = pieces.next().unwrap_or_default();
    loop {
        let next = pieces.next();
        let mut head = vendor.to_be_bytes().to_vec();
        head.extend(tail(number, format.type_len).ok_or(DoesNotFit { max: 0 })?);
        if format.length_len > 0 {
            let len = u32::try_from(head_len + piece.len()).map_err(|_| DoesNotFit { max })?;
            head.extend(tail(len, format.length_len).ok_or(DoesNotFit { max })?);
        }
        if format.continued {
            head.push(if next.is_some() { CONTINUED } else { 0 });
        }
        put(kind::VENDOR_SPECIFIC, &head, piece, out)?;
        match next {
            Some(next) => piece = next,
            None => return Ok(()),
        }
    }
}

/// What stands before the value of an extended attribute, and the numbers inside it.
fn extended_head(extended: u32, rest: &[u32]) -> (Vec<u32>, &[u32]) {
    match rest {
        [vendor, number, inside @ ..] if extended == u32::from(kind::VENDOR_SPECIFIC) => {
            (vec![extended, *vendor, *number], inside)
        }
        inside => (vec![extended], inside),
    }
}

/// Extended type, perhaps vendor and its type, value.
fn short_extended(first: u32, head: &[u32], value: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
    let mut octets = Vec::new();
    match *head {
        [extended] => octets.push(octet(extended)?),
        [extended, vendor, number] => {
            octets.push(octet(extended)?);
            octets.extend(vendor.to_be_bytes());
            octets.push(octet(number)?);
        }
        _ => return Err(DoesNotFit { max: 0 }),
    }
    put(octet(first)?, &octets, value, out)
}

/// The same in as many pieces as it takes.
fn long_extended(first: u32, head: &[u32], value: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
    let (extended, mut whole) = match *head {
        [extended] => (extended, Vec::new()),
        [extended, vendor, number] => {
            let mut whole = vendor.to_be_bytes().to_vec();
            whole.push(octet(number)?);
            (extended, whole)
        }
        _ => return Err(DoesNotFit { max: 0 }),
    };
    whole.extend(value);
    let max = (PACKET_LEN_MAX - HEADER_LEN) / 255 * LONG_PIECE_LEN_MAX;
    if whole.len() > max {
        return Err(DoesNotFit { max });
    }
    let last = whole.len().saturating_sub(1) / LONG_PIECE_LEN_MAX;
    for at in 0..=last {
        let from = at * LONG_PIECE_LEN_MAX;
        let to = whole.len().min(from + LONG_PIECE_LEN_MAX);
        let more = if at == last { 0 } else { MORE };
        let head = [octet(extended)?, more];
        put(octet(first)?, &head, whole.get(from..to).unwrap_or_default(), out)?;
    }
    Ok(())
}

/// A value inside no, one or more TLVs, the innermost last; the outermost has `room` octets.
fn nested(inside: &[u32], value: &[u8], room: usize) -> Result<Vec<u8>, DoesNotFit> {
    let max = room.saturating_sub(2 * inside.len());
    if !inside.is_empty() && value.len() > max {
        return Err(DoesNotFit { max });
    }
    let mut value = value.to_vec();
    for number in inside.iter().rev() {
        let len = u8::try_from(2 + value.len()).map_err(|_| DoesNotFit { max })?;
        value.splice(0..0, [octet(*number)?, len]);
    }
    Ok(value)
}

/// Type, length, head, value.
fn put(first: u8, head: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
    let max = VALUE_LEN_MAX - head.len();
    let len = u8::try_from(2 + head.len() + value.len()).map_err(|_| DoesNotFit { max })?;
    out.extend([first, len]);
    out.extend(head);
    out.extend(value);
    Ok(())
}

/// The last octets of a number; `None` when it does not fit into them.
fn tail(number: u32, octets: u8) -> Option<Vec<u8>> {
    let all = number.to_be_bytes();
    let (zeros, rest) = all.split_at(all.len().checked_sub(usize::from(octets))?);
    zeros.iter().all(|octet| *octet == 0).then(|| rest.to_vec())
}

/// A number as a type octet.
fn octet(number: u32) -> Result<u8, DoesNotFit> {
    u8::try_from(number).map_err(|_| DoesNotFit { max: 0 })
}
