//! Who logs in: subscribers by number, the same names and passwords in every server's store.
//!
//! Never random: the SQL and the users file that put them into a server compute the same from the number.

/// A prime that spreads passwords; the SQL in `bench/subject` says the same.
pub const PASSWORD_FACTOR: u64 = 7_919;
/// The modulus that goes with it.
pub const PASSWORD_MODULUS: u64 = 9_999_991;

/// The user name of a subscriber.
pub fn name(number: usize) -> String {
    format!("sub-{number:07}")
}

/// The password of a subscriber.
pub fn password(number: usize) -> String {
    let spread = number as u64 * PASSWORD_FACTOR % PASSWORD_MODULUS;
    format!("wifi-{spread:07}")
}

/// The hardware address of a subscriber's router, as a BNG writes it into Calling-Station-Id.
pub fn hardware_address(number: usize) -> String {
    let [_, _, _, _, _, b, c, d] = (number as u64).to_be_bytes();
    format!("02:1A:B0:{b:02X}:{c:02X}:{d:02X}")
}

/// A number that looks random and is the same for the same input: SplitMix64's finalizer.
pub fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_what_the_sql_makes_of_the_number() {
        assert_eq!(
            (name(42).as_str(), password(42).as_str()),
            ("sub-0000042", "wifi-0332598")
        );
        assert_eq!(
            password(1_000_000),
            format!("wifi-{:07}", 7_919_000_000_u64 % 9_999_991)
        );
        assert_eq!(hardware_address(0x01_02_03), "02:1A:B0:01:02:03");
    }
}
