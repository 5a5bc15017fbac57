//! What a login by MS-CHAP costs beyond PAP: check the response, make the server's proof, derive and hide both keys.
//!
//! The numbers are those of RFC 2759 section 9.2. Everything runs from memory on one thread, without sockets. Run it on a
//! quiet machine, pinned: `taskset -c 1 cargo bench -p benches --bench mschap`; compare the column `fastest`, which other
//! load disturbs least.
//!
//! A sketch on paper: three DES keys and blocks 0.8 us, MD4 over the password and over the hash 0.2 us, SHA-1 over the
//! name and challenges (1 block), the proof (2 and 2) and the keys (2, 3 and 3) 13 blocks at 0.05 us with the processor's
//! SHA instructions 0.65 us: 1.65 us together, half of it DES. Two salted keys of two MD5 blocks each: 0.45 us more.

use std::hint::black_box;

use divan::Bencher;
use radius::mschap::{Failure, FailureCode, NtHash, Response2, SessionKeys, Version, failure, v1, v2};
use radius::salt::{self, Salt};
use radius::{Authenticator, SharedSecret};

/// Counts allocations beside the time: none of this may show one.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

/// The NAS's challenge.
const CHALLENGE: &[u8; 16] = b"[]|}{?/><,`!2&&(";
/// The peer's.
const PEER_CHALLENGE: &[u8; 16] = b"!@#$%^&*()_+:3|~";
/// The user name.
const NAME: &[u8] = b"User";
/// The password.
const PASSWORD: &str = "clientPass";
/// The authenticator of the request.
const REQUEST: Authenticator = [0x5a; 16];

fn main() {
    divan::main();
}

/// The right response, owned.
fn nt_response() -> [u8; 24] {
    v2::nt_response(CHALLENGE, PEER_CHALLENGE, NAME, &NtHash::of(PASSWORD))
}

/// Runs `work` on the right response.
fn on_response<T>(bencher: Bencher<'_, '_>, work: impl Fn(&Response2<'_>) -> T + Sync) {
    let nt_response = nt_response();
    let response = Response2 {
        ident: 7,
        peer_challenge: PEER_CHALLENGE,
        nt_response: &nt_response,
    };
    bencher.bench(|| work(black_box(&response)));
}

/// The NT hash of a stored password of ten characters.
#[divan::bench]
fn nt_hash(bencher: Bencher<'_, '_>) {
    bencher.bench(|| NtHash::of(black_box(PASSWORD)));
}

/// Version 1: password to verdict.
#[divan::bench]
fn v1_check(bencher: Bencher<'_, '_>) {
    let challenge = [0x5a; 8];
    let response = v1::nt_response(&challenge, &NtHash::of(PASSWORD));
    bencher.bench(|| v1::check(black_box(&challenge), &response, &NtHash::of(PASSWORD)));
}

/// Version 2: password to verdict.
#[divan::bench]
fn v2_check(bencher: Bencher<'_, '_>) {
    on_response(bencher, |response| {
        v2::check(CHALLENGE, response, NAME, &NtHash::of(PASSWORD)).is_some()
    });
}

/// Version 2: password to verdict, the server's proof, and both keys.
#[divan::bench]
fn v2_check_prove_and_derive_keys(bencher: Bencher<'_, '_>) {
    on_response(bencher, |response| {
        let proof = v2::check(CHALLENGE, response, NAME, &NtHash::of(PASSWORD))?;
        Some((proof.success(), SessionKeys::derive(&proof)))
    });
}

/// Both keys hidden for the NAS.
#[divan::bench]
fn hide_two_keys(bencher: Bencher<'_, '_>) {
    let (secret, key) = (SharedSecret::new(b"xyzzy5461"), [7; 16]);
    bencher.bench_local(|| {
        let mut out = [0; salt::HIDDEN_LEN_MAX];
        [1, 2].map(|number| {
            salt::hide(&secret, &REQUEST, Salt::new(number), black_box(&key), &mut out).map(<[u8]>::len)
        })
    });
}

/// The text of a failure.
#[divan::bench]
fn write_failure(bencher: Bencher<'_, '_>) {
    let failure = Failure {
        ident: 7,
        version: Version::Two,
        code: FailureCode::Authentication,
        retry: true,
        challenge: *CHALLENGE,
        message: "Login incorrect",
    };
    bencher.bench_local(|| {
        let mut out = [0; failure::FAILURE_LEN_MAX];
        black_box(&failure).write(&mut out).len()
    });
}
