//! A rate in bit/s as people write it: 512k, 100M, 2.5G.
//! Never rounds: what is no whole number of bit/s is refused.

/// Rates above this are a slip of the keyboard: 1 Tbit/s, as the API has it.
const RATE_BPS_MAX: u64 = 1_000_000_000_000;

/// Reads a rate.
///
/// # Errors
/// In words, when it is none.
pub fn parse(text: &str) -> Result<u64, String> {
    let refused = || {
        format!("\"{text}\" is no rate: write bit/s, or a number with k, M or G such as 100M, at most 1000G")
    };
    let (digits, unit) = match text.trim().char_indices().last() {
        Some((at, 'k' | 'K')) => (&text.trim()[..at], 1_000),
        Some((at, 'M' | 'm')) => (&text.trim()[..at], 1_000_000),
        Some((at, 'G' | 'g')) => (&text.trim()[..at], 1_000_000_000),
        _ => (text.trim(), 1u64),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !numeric(whole) || !numeric(part) || (digits.contains('.') && part.is_empty()) {
        return Err(refused());
    }
    let scale = u32::try_from(part.len())
        .ok()
        .and_then(|len| 10u64.checked_pow(len))
        .ok_or_else(refused)?;
    let fraction: u64 = if part.is_empty() {
        0
    } else {
        part.parse().map_err(|_| refused())?
    };
    let fraction = fraction
        .checked_mul(unit)
        .filter(|bits| bits.is_multiple_of(scale))
        .ok_or_else(refused)?
        / scale;
    let whole: u64 = whole.parse().map_err(|_| refused())?;
    whole
        .checked_mul(unit)
        .and_then(|bits| bits.checked_add(fraction))
        .filter(|bits| (1..=RATE_BPS_MAX).contains(bits))
        .ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_are_decimal_and_fractions_exact() {
        let read: Vec<Option<u64>> = ["512k", "100M", "2.5G", "64000", "1.0001k"]
            .iter()
            .map(|text| parse(text).ok())
            .collect();
        assert_eq!(
            read,
            [
                Some(512_000),
                Some(100_000_000),
                Some(2_500_000_000),
                Some(64_000),
                None
            ]
        );
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "M",
            "0",
            "-1",
            "1.M",
            ".5M",
            "1e9",
            "100 Mbit",
            "99999999999G",
            "18446744073709551615G",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
