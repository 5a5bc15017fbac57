//! Which compressed form a client takes, by its Accept-Encoding (RFC 9110 section 12.5.3).
//! Never fails: what cannot be read asks for nothing.

use axum::http::{HeaderMap, header};

/// A form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
    /// As it is.
    Plain,
}

impl Encoding {
    /// The smallest form that the client takes.
    pub(super) fn choose(asked: &HeaderMap) -> Self {
        let values = asked.get_all(header::ACCEPT_ENCODING).iter();
        let (mut brotli, mut gzip) = (false, false);
        for item in values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let taken = !is_zero(parameters);
            match name.trim().to_ascii_lowercase().as_str() {
                "br" => brotli = taken,
                "gzip" => gzip = taken,
                _ => {}
            }
        }
        match (brotli, gzip) {
            (true, _) => Self::Brotli,
            (false, true) => Self::Gzip,
            (false, false) => Self::Plain,
        }
    }
}

/// Whether `q=0` says that it is not wanted.
fn is_zero(parameters: &str) -> bool {
    let weight = parameters
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("q="));
    weight.is_some_and(|weight| weight.trim().parse::<f32>() == Ok(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    #[track_caller]
    fn check(asked: &str, expect: Encoding) {
        let value = HeaderValue::from_str(asked).expect("a header");
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
        assert_eq!(Encoding::choose(&headers), expect, "{asked}");
    }

    #[test]
    fn the_smallest_form_that_is_taken() {
        check("gzip, deflate, br, zstd", Encoding::Brotli);
        check("gzip;q=1.0, br;q=0", Encoding::Gzip);
        check("GZIP", Encoding::Gzip);
        check("br;q=0.000, gzip; q=0", Encoding::Plain);
        check("identity", Encoding::Plain);
        check("brr, xgzip", Encoding::Plain);
        assert_eq!(Encoding::choose(&HeaderMap::new()), Encoding::Plain);
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&octets) {
                Encoding::choose(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]));
            }
        }
    }
}
