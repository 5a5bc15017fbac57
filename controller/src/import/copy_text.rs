//! One line of `COPY ... TO STDOUT`: fields between tabs, `\N` for NULL, escapes behind backslashes.
//! Never sees the end of data; whoever reads lines knows `\.`.

/// Octets a line may have; a row of FreeRADIUS's is a few hundred.
pub const LINE_OCTETS_MAX: usize = 1 << 20;

/// The fields of a line without its end; `Err` says why it is none.
pub fn fields(line: &[u8]) -> Result<Vec<Option<String>>, String> {
    line.split(|octet| *octet == b'\t').map(field).collect()
}

/// One field.
fn field(raw: &[u8]) -> Result<Option<String>, String> {
    if raw == b"\\N" {
        return Ok(None);
    }
    let mut octets = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&octet) = raw.get(at) {
        at += 1;
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        let Some(&escape) = raw.get(at) else {
            return Err("a line ends behind a backslash".to_owned());
        };
        at += 1;
        octets.push(match escape {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'0'..=b'7' => {
                at -= 1;
                number(raw, &mut at, 8, 3)
            }
            b'x' if raw.get(at).is_some_and(u8::is_ascii_hexdigit) => number(raw, &mut at, 16, 2),
            other => other,
        });
    }
    text(octets).map(Some)
}

/// The octet that at most so many digits from `at` spell; `at` moves behind them.
fn number(raw: &[u8], at: &mut usize, base: u32, digits: usize) -> u8 {
    let (start, mut value) = (*at, 0_u32);
    while *at - start < digits
        && let Some(digit) = raw.get(*at).and_then(|octet| char::from(*octet).to_digit(base))
    {
        value = value * base + digit;
        *at += 1;
    }
    // Three octal digits can say more than an octet holds; PostgreSQL keeps the low one.
    u8::try_from(value & 0xff).unwrap_or(0)
}

/// Octets as text that our tables can hold.
pub fn text(octets: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(octets).map_err(|_| "a value is no UTF-8".to_owned())?;
    if text.contains('\0') {
        return Err("a value has a NUL character".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a field as PostgreSQL does.
    fn written(value: Option<&str>) -> String {
        let Some(value) = value else {
            return "\\N".to_owned();
        };
        value
            .replace('\\', "\\\\")
            .replace('\t', "\\t")
            .replace('\n', "\\n")
            .replace('\r', "\\r")
    }

    #[test]
    fn a_line_is_read_as_postgresql_writes_it() {
        let line = b"1\tbob\t\\N\ta\\\\b\\tc\t\tm\\303\\274\\x6e";
        let expect = [
            Some("1"),
            Some("bob"),
            None,
            Some("a\\b\tc"),
            Some(""),
            Some("m\u{fc}n"),
        ];
        let read = fields(line).expect("a line");
        assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), expect);
        for wrong in [&b"a\\"[..], b"\xff", b"a\\000b"] {
            assert!(fields(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_is_read(values in proptest::collection::vec(proptest::option::of("[^\0]{0,12}"), 1..6)) {
            let line: Vec<String> = values.iter().map(|value| written(value.as_deref())).collect();
            proptest::prop_assert_eq!(fields(line.join("\t").as_bytes()).expect("a line"), values);
        }

        #[test]
        fn any_octets_are_a_line_or_none(line: Vec<u8>) {
            drop(fields(&line));
        }
    }
}
