//! The client's side of MS-CHAPv2 (RFC 2759), as a BNG forwards it (RFC 2548 section 2.3).
//!
//! The server's own proof in MS-CHAP2-Success is for the subscriber and not checked here; that the reply comes from the
//! server is proven by its authenticators, like every other reply.

use anyhow::Result;
use radius::RequestWriter;
use radius::kind::{microsoft, vendor::MICROSOFT};
use radius::mschap::{NtHash, v2};

use super::people::scatter;

/// Octets of MS-CHAP2-Response: identifier, flags, peer challenge, reserved, response.
const RESPONSE_LEN: usize = 50;

/// Adds challenge and response to a request.
///
/// # Errors
/// They do not fit.
pub fn prove(
    request: &mut RequestWriter<'_>,
    seed: u64,
    number: usize,
    name: &str,
    password: &str,
) -> Result<()> {
    let challenge = drawn(seed, number as u64);
    let peer_challenge = drawn(!seed, number as u64);
    let hash = NtHash::of(password);
    let proof = v2::nt_response(&challenge, &peer_challenge, name.as_bytes(), &hash);
    let mut response = [0; RESPONSE_LEN];
    response[0] = number as u8;
    response[2..18].copy_from_slice(&peer_challenge);
    response[26..].copy_from_slice(&proof);
    request.vendor(MICROSOFT, microsoft::CHAP_CHALLENGE, &challenge)?;
    request.vendor(MICROSOFT, microsoft::CHAP2_RESPONSE, &response)?;
    Ok(())
}

/// Sixteen octets that look random.
fn drawn(seed: u64, number: u64) -> [u8; 16] {
    let high = u128::from(scatter(seed ^ number));
    let low = u128::from(scatter(seed.rotate_left(17) ^ !number));
    ((high << 64) | low).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use radius::mschap::response::{Response2, challenge};
    use radius::{SharedSecret, View};

    use super::*;

    #[test]
    fn a_server_that_knows_the_password_takes_the_response_and_no_other_does() -> Result<()> {
        let mut room = [0; 512];
        let mut request = RequestWriter::access(&mut room, 1, [7; 16])?;
        prove(&mut request, 3, 4, "sub-0000001", "wifi-0007919")?;
        let octets = request.finish(&SharedSecret::new(b"between us")).to_vec();
        let view = View::parse(&octets)?;
        let challenge = challenge::<16>(&view).expect("a challenge");
        let value = view
            .vendor(MICROSOFT, microsoft::CHAP2_RESPONSE)
            .expect("a response");
        let response = Response2::parse(value).expect("well formed");
        let check =
            |password| v2::check(challenge, &response, b"sub-0000001", &NtHash::of(password)).is_some();
        assert!(check("wifi-0007919") && !check("wifi-0007918"));
        Ok(())
    }
}
