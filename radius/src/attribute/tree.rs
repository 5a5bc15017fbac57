//! All attributes of a packet with what is inside them: vendors' in any of their formats, extended ones, TLVs, tags, long
//! values joined. For people, tools and proxies; it allocates, and nothing between a datagram and its reply uses it.
//!
//! Nothing is ever lost: what does not make sense in a deeper layer stays as the octets it came in, one layer further out.
//! That is decided by writing: a layer is taken apart only if putting it together gives the same octets. So
//! [`Tree::encode`] of any decoded packet gives that packet's octets.

use super::{Attribute, Attributes, HEADER_LEN, VALUE_LEN_MAX, is_whole, kind};
use crate::dictionary::source::Format;
use crate::dictionary::{DataType, Dictionary, Oid};

/// Types of extended attributes whose values stand in one piece (RFC 6929 section 2.1).
const EXTENDED: std::ops::RangeInclusive<u8> = 241..=244;
/// Types of extended attributes whose values may come in pieces (section 2.2).
const LONG_EXTENDED: std::ops::RangeInclusive<u8> = 245..=246;
/// The flag that says that another piece follows.
const MORE: u8 = 0x80;
/// Octets of a vendor's number.
const VENDOR_LEN: usize = 4;
/// TLVs inside one another that are looked into.
const TLV_DEPTH_MAX: usize = 5;

/// The attributes of a packet in the order they came.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tree {
    /// The outermost layer.
    nodes: Vec<Node>,
}

/// An attribute, or several that came in one.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub oid: Oid,
    /// What it holds.
    pub content: Content,
    /// Octets of the pieces it came in; empty: one piece, or as many as it takes.
    pieces: Vec<u8>,
}

/// What a node holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A value.
    Value {
        /// The tag before it (RFC 2868), when the dictionary says that there may be one and there is.
        tag: Option<u8>,
        /// Its octets, pieces joined.
        octets: Vec<u8>,
    },
    /// Attributes: those of one Vendor-Specific, or of one TLV.
    Inside(Vec<Node>),
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the octets: they may be a password.
        match &self.content {
            Content::Value { octets, .. } => write!(f, "{}: {} octets", self.oid, octets.len()),
            Content::Inside(nodes) => f.debug_list().entries(nodes).finish(),
        }
    }
}

impl Tree {
    /// Takes encoded attributes apart, as far as the dictionary knows how.
    ///
    /// `octets` are attributes and nothing else, as those of a [`crate::View`] are; reading ends where they stop being so.
    #[must_use]
    pub fn decode(octets: &[u8], dictionary: &Dictionary) -> Self {
        let (mut nodes, mut rest) = (Vec::new(), octets);
        while let Some(first) = Attributes::new(rest).next() {
            let (node, len) = take(&first, rest, dictionary);
            nodes.push(node);
            rest = rest.get(len..).unwrap_or_default();
        }
        Tree { nodes }
    }

    /// The attributes in order, what came in one Vendor-Specific or TLV below it.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Every value, depth first, with where it stands and its tag.
    pub fn values(&self) -> Vec<(Oid, Option<u8>, &[u8])> {
        let mut values = Vec::new();
        for node in &self.nodes {
            node.collect(&mut values);
        }
        values
    }

    /// Puts everything together again: the octets it was decoded from, given the dictionary it was decoded with.
    #[must_use]
    pub fn encode(&self, dictionary: &Dictionary) -> Vec<u8> {
        let mut out = Vec::new();
        for node in &self.nodes {
            node.encode(dictionary, &mut out);
        }
        out
    }

    /// Lines for people: `Acct-Session-Time = 17`, one a value.
    #[must_use]
    pub fn show(&self, dictionary: &Dictionary) -> Vec<String> {
        let values = self.values();
        let line = |(oid, tag, octets): (Oid, Option<u8>, &[u8])| match tag {
            None => dictionary.show_at(&oid, octets),
            Some(tag) => dictionary.show_tagged(&oid, tag, octets),
        };
        values.into_iter().map(line).collect()
    }
}

impl Node {
    /// A value without tag, in one piece.
    fn plain(oid: Oid, octets: &[u8]) -> Self {
        Node {
            oid,
            content: Content::Value {
                tag: None,
                octets: octets.to_vec(),
            },
            pieces: Vec::new(),
        }
    }

    /// Adds the values in here.
    fn collect<'n>(&'n self, values: &mut Vec<(Oid, Option<u8>, &'n [u8])>) {
        match &self.content {
            Content::Value { tag, octets } => values.push((self.oid, *tag, octets)),
            Content::Inside(nodes) => nodes.iter().for_each(|node| node.collect(values)),
        }
    }

    /// What stands behind type and length of the innermost layer that is this node's own.
    fn value_octets(&self) -> Vec<u8> {
        match &self.content {
            Content::Value { tag, octets } => tag.iter().chain(octets).copied().collect(),
            Content::Inside(nodes) => {
                let mut inside = Vec::new();
                for node in nodes {
                    put(node.oid.number(), &node.value_octets(), &mut inside);
                }
                inside
            }
        }
    }

    /// Appends the attribute, or attributes, that carry this node on the outermost layer.
    fn encode(&self, dictionary: &Dictionary, out: &mut Vec<u8>) {
        match (self.oid.as_slice(), &self.content) {
            ([26, vendor], Content::Inside(nodes)) => {
                let format = format_of(dictionary, *vendor);
                encode_vendor(*vendor, format, nodes, &self.pieces, out);
            }
            ([first, _, ..], _) if LONG_EXTENDED.contains(&octet(*first)) => {
                let (head, whole) = self.extended();
                for (piece, more) in cut(&whole, &self.pieces, VALUE_LEN_MAX - 2) {
                    let flags = if more { MORE } else { 0 };
                    put(*first, &[&[head, flags][..], piece].concat(), out);
                }
            }
            ([first, _, ..], _) if EXTENDED.contains(&octet(*first)) => {
                let (head, whole) = self.extended();
                put(*first, &[&[head][..], &whole].concat(), out);
            }
            ([first, ..], _) => {
                for (piece, _) in cut(&self.value_octets(), &self.pieces, VALUE_LEN_MAX) {
                    put(*first, piece, out);
                }
            }
            ([], _) => {}
        }
    }

    /// The extended type of a node in extended space, and what follows it (flags and pieces aside).
    fn extended(&self) -> (u8, Vec<u8>) {
        let value = self.value_octets();
        match *self.oid.as_slice() {
            [_, 26, vendor, number] => {
                let whole = [&vendor.to_be_bytes()[..], &[octet(number)], &value].concat();
                (kind::VENDOR_SPECIFIC, whole)
            }
            [_, extended, ..] => (octet(extended), value),
            _ => (0, value),
        }
    }
}

/// Takes the first attribute of `rest`, and those that belong to it, apart; how many octets that were.
fn take(first: &Attribute<'_>, rest: &[u8], dictionary: &Dictionary) -> (Node, usize) {
    let oid = Oid::of_number(0, first.kind);
    let raw_len = HEADER_LEN + first.value.len();
    let candidate = match first.kind {
        kind::VENDOR_SPECIFIC => vendor_specific(rest, dictionary),
        number if EXTENDED.contains(&number) => extended(first, dictionary).map(|node| (node, raw_len)),
        number if LONG_EXTENDED.contains(&number) => long_extended(first.kind, rest, dictionary),
        _ => plain(oid, first, rest, dictionary),
    };
    // The proof that nothing was lost; otherwise the octets stay as they came.
    match candidate {
        Some((node, len)) if is_same(&node, rest.get(..len), dictionary) => (node, len),
        _ => (Node::plain(oid, first.value), raw_len),
    }
}

/// Whether putting a node together gives these octets.
fn is_same(node: &Node, octets: Option<&[u8]>, dictionary: &Dictionary) -> bool {
    let mut again = Vec::new();
    node.encode(dictionary, &mut again);
    Some(again.as_slice()) == octets
}

/// An attribute of the IETF; one that may go on takes those of its type that follow.
fn plain(oid: Oid, first: &Attribute<'_>, rest: &[u8], dictionary: &Dictionary) -> Option<(Node, usize)> {
    let definition = dictionary.by_oid(&oid);
    if !definition.is_some_and(|definition| definition.flags.concat) {
        let len = HEADER_LEN + first.value.len();
        return Some((node(oid, first.value, dictionary, 0), len));
    }
    let same: Vec<_> = Attributes::new(rest)
        .take_while(|attribute| attribute.kind == first.kind)
        .map(|attribute| attribute.value)
        .collect();
    let len = same.iter().map(|value| HEADER_LEN + value.len()).sum();
    let mut joined = node(oid, &same.concat(), dictionary, 0);
    joined.pieces = lens(&same)?;
    Some((joined, len))
}

/// A vendor's attributes; a value that goes on takes the Vendor-Specific attributes that follow (WiMAX).
fn vendor_specific(rest: &[u8], dictionary: &Dictionary) -> Option<(Node, usize)> {
    let mut attributes = Attributes::new(rest);
    let first = attributes.next()?;
    let (number, inside) = first.value.split_first_chunk::<VENDOR_LEN>()?;
    let vendor = u32::from_be_bytes(*number);
    let oid = Oid::new(&[kind::VENDOR_SPECIFIC.into(), vendor])?;
    let format = format_of(dictionary, vendor);
    let mut len = HEADER_LEN + first.value.len();
    let (mut nodes, mut pieces) = (Vec::new(), Vec::new());
    if format.continued {
        let (kind, mut more, piece) = continued(inside)?;
        let mut whole = piece.to_vec();
        pieces.push(u8::try_from(piece.len()).ok()?);
        while more {
            let next = attributes.next()?;
            let inside = next.value.strip_prefix(&vendor.to_be_bytes())?;
            let (next_kind, next_more, piece) = continued(inside)?;
            if next_kind != kind || next.kind != kind::VENDOR_SPECIFIC {
                return None;
            }
            whole.extend(piece);
            pieces.push(u8::try_from(piece.len()).ok()?);
            len += HEADER_LEN + next.value.len();
            more = next_more;
        }
        nodes.push(node(oid.inside(kind.into())?, &whole, dictionary, 0));
    } else {
        let mut left = inside;
        while !left.is_empty() {
            let (number, value, after) = split(left, format)?;
            nodes.push(node(oid.inside(number)?, value, dictionary, 0));
            left = after;
        }
    }
    // Nothing inside, or nobody whose it would be: there is nothing to show but octets.
    if nodes.is_empty() || vendor == 0 {
        return None;
    }
    let whole = Node {
        oid,
        content: Content::Inside(nodes),
        pieces,
    };
    Some((whole, len))
}

/// One WiMAX attribute that fills its Vendor-Specific: type, whether it goes on, value.
fn continued(inside: &[u8]) -> Option<(u8, bool, &[u8])> {
    let [kind, length, flags, value @ ..] = inside else {
        return None;
    };
    (usize::from(*length) == inside.len()).then_some((*kind, flags & MORE != 0, value))
}

/// Splits a vendor's first attribute off: type, value, what follows.
fn split(octets: &[u8], format: Format) -> Option<(u32, &[u8], &[u8])> {
    let (kind, after) = octets.split_at_checked(format.type_len.into())?;
    let (length, after) = after.split_at_checked(format.length_len.into())?;
    let head_len = kind.len() + length.len();
    let value_len = match length {
        [] => after.len(),
        length => (number(length) as usize).checked_sub(head_len)?,
    };
    let (value, after) = after.split_at_checked(value_len)?;
    Some((number(kind), value, after))
}

/// An extended attribute in one piece.
fn extended(first: &Attribute<'_>, dictionary: &Dictionary) -> Option<Node> {
    let [extended, value @ ..] = first.value else {
        return None;
    };
    in_extended_space(first.kind, *extended, value, dictionary)
}

/// A long extended attribute with the pieces that follow.
fn long_extended(outer: u8, rest: &[u8], dictionary: &Dictionary) -> Option<(Node, usize)> {
    let (mut pieces, mut len, mut extended) = (Vec::new(), 0, None);
    for attribute in Attributes::new(rest) {
        let [inner, flags, piece @ ..] = attribute.value else {
            return None;
        };
        if attribute.kind != outer || *extended.get_or_insert(*inner) != *inner {
            return None;
        }
        pieces.push(piece);
        len += HEADER_LEN + attribute.value.len();
        if flags & MORE == 0 {
            let mut node = in_extended_space(outer, extended?, &pieces.concat(), dictionary)?;
            node.pieces = lens(&pieces)?;
            return Some((node, len));
        }
    }
    None
}

/// What stands behind an extended type: a value, or a vendor's attribute.
fn in_extended_space(outer: u8, extended: u8, value: &[u8], dictionary: &Dictionary) -> Option<Node> {
    let oid = Oid::of_number(0, outer).inside(extended.into())?;
    if extended != kind::VENDOR_SPECIFIC {
        return Some(node(oid, value, dictionary, 0));
    }
    let (vendor, value) = value.split_first_chunk::<VENDOR_LEN>()?;
    let (kind, value) = value.split_first()?;
    let oid = oid.inside(u32::from_be_bytes(*vendor))?.inside((*kind).into())?;
    Some(node(oid, value, dictionary, 0))
}

/// A value as the dictionary sees it: attributes inside, a tag before it, or nothing special.
fn node(oid: Oid, value: &[u8], dictionary: &Dictionary, depth: usize) -> Node {
    let Some(definition) = dictionary.by_oid(&oid) else {
        return Node::plain(oid, value);
    };
    if definition.data_type == DataType::Tlv && depth < TLV_DEPTH_MAX && is_whole(value) {
        let inside: Option<Vec<Node>> = Attributes::new(value)
            .map(|inner| {
                let oid = oid.inside(inner.kind.into())?;
                Some(node(oid, inner.value, dictionary, depth + 1))
            })
            .collect();
        if let Some(nodes) = inside {
            return Node {
                oid,
                content: Content::Inside(nodes),
                pieces: Vec::new(),
            };
        }
    }
    match definition.split_tag(value) {
        (Some(tag), octets) => Node {
            content: Content::Value {
                tag: Some(tag),
                octets: octets.to_vec(),
            },
            ..Node::plain(oid, &[])
        },
        (None, octets) => Node::plain(oid, octets),
    }
}

/// Writes a vendor's attributes as they came: all in one Vendor-Specific, or one in several.
fn encode_vendor(vendor: u32, format: Format, nodes: &[Node], pieces: &[u8], out: &mut Vec<u8>) {
    let mut inside = vendor.to_be_bytes().to_vec();
    for node in nodes {
        let value = node.value_octets();
        let number = node.oid.number();
        if !format.continued {
            head(number, value.len(), format, &mut inside);
            inside.extend(value);
            continue;
        }
        for (piece, more) in cut(&value, pieces, VALUE_LEN_MAX - VENDOR_LEN - 3) {
            let mut inside = vendor.to_be_bytes().to_vec();
            head(number, piece.len() + 1, format, &mut inside);
            inside.push(if more { MORE } else { 0 });
            inside.extend(piece);
            put(kind::VENDOR_SPECIFIC.into(), &inside, out);
        }
    }
    if !format.continued {
        put(kind::VENDOR_SPECIFIC.into(), &inside, out);
    }
}

/// Type and length of a vendor's attribute.
fn head(number: u32, value_len: usize, format: Format, out: &mut Vec<u8>) {
    let tail = |number: u32, octets: u8| {
        number
            .to_be_bytes()
            .into_iter()
            .skip(4 - usize::from(octets.min(4)))
    };
    let len = value_len + usize::from(format.type_len + format.length_len);
    out.extend(tail(number, format.type_len));
    out.extend(tail(u32::try_from(len).unwrap_or(u32::MAX), format.length_len));
}

/// Cuts a value into pieces of these lengths, or of `usual` each, and says of each whether another follows.
fn cut<'v>(value: &'v [u8], pieces: &[u8], usual: usize) -> Vec<(&'v [u8], bool)> {
    let (mut cut, mut rest, mut at) = (Vec::new(), value, 0);
    loop {
        let wanted = pieces.get(at).map_or(usual, |len| usize::from(*len));
        let (piece, after) = rest.split_at(wanted.min(rest.len()));
        at += 1;
        let more = !after.is_empty() || at < pieces.len();
        cut.push((piece, more));
        if !more {
            return cut;
        }
        rest = after;
    }
}

/// Type, length, value. A value too long for that gives a wrong length, which the comparison at decoding finds.
fn put(number: u32, value: &[u8], out: &mut Vec<u8>) {
    let len = u8::try_from(HEADER_LEN + value.len()).unwrap_or(0);
    out.extend([octet(number), len]);
    out.extend(value);
}

/// How a vendor packs its attributes.
fn format_of(dictionary: &Dictionary, vendor: u32) -> Format {
    dictionary
        .vendor(vendor)
        .map_or_else(Format::default, |vendor| vendor.format)
}

/// The lengths of pieces.
fn lens(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    pieces
        .iter()
        .map(|piece| u8::try_from(piece.len()).ok())
        .collect()
}

/// Up to four octets as a number.
fn number(octets: &[u8]) -> u32 {
    octets
        .iter()
        .fold(0, |number, octet| number << 8 | u32::from(*octet))
}

/// A number of one octet; numbers come from the wire or were checked by the dictionary.
fn octet(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}
