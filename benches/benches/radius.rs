//! What one packet costs the codec: decode, pick fields, check who sent it, build the reply.
//!
//! The packet is an interim Accounting-Request as a PPPoE gateway sends it: 22 attributes, about 200 octets. Everything
//! runs from memory on one thread, without sockets. Run it on a quiet machine, pinned: `taskset -c 1 cargo bench -p benches
//! --bench radius`; compare the column `fastest`, which other load disturbs least.
//!
//! A sketch on paper: MD5 takes a block of 64 octets in about 80 ns, so a check of 200 octets and a 9 octet secret (4
//! blocks) is about 0.35 us, a reply of 20 octets (1 block) 0.1 us, and reading the attributes is small beside them.

use std::hint::black_box;
use std::net::Ipv4Addr;

use divan::Bencher;
use radius::{
    Accounting, Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View, WriteError, kind,
    password,
};

/// Counts allocations beside the time: decoding and writing replies must show none.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// The shared secret of all packets here.
fn secret() -> SharedSecret {
    SharedSecret::new(b"xyzzy5461")
}

/// An interim record with 22 attributes, or 23 with Message-Authenticator.
fn interim(with_message_authenticator: bool) -> Vec<u8> {
    let mut buf = [0; PACKET_LEN_MAX];
    let written = write_interim(&mut buf, with_message_authenticator);
    written.unwrap_or_else(|error| panic!("the sample packet cannot be written: {error}"))
}

/// Writes the record of [`interim`].
fn write_interim(buf: &mut [u8], with_message_authenticator: bool) -> Result<Vec<u8>, WriteError> {
    let mut writer = RequestWriter::signed(buf, Code::AccountingRequest, 17)?;
    if with_message_authenticator {
        writer.reserve_message_authenticator()?;
    }
    writer.text(kind::USER_NAME, "alice@isp.example")?;
    writer.ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 1))?;
    writer.text(kind::NAS_IDENTIFIER, "bng-1")?;
    writer.u32(kind::NAS_PORT, 1_234)?;
    writer.text(kind::NAS_PORT_ID, "eth1.100")?;
    writer.u32(kind::NAS_PORT_TYPE, 15)?;
    writer.u32(kind::SERVICE_TYPE, 2)?;
    writer.u32(kind::FRAMED_PROTOCOL, 1)?;
    writer.ipv4(kind::FRAMED_IP_ADDRESS, Ipv4Addr::new(100, 64, 0, 9))?;
    writer.text(kind::CALLING_STATION_ID, "02:00:5e:00:00:01")?;
    writer.text(kind::CALLED_STATION_ID, "pppoe")?;
    writer.u32(kind::ACCT_STATUS_TYPE, 3)?;
    writer.text(kind::ACCT_SESSION_ID, "8100a1ff")?;
    writer.u32(kind::ACCT_AUTHENTIC, 1)?;
    writer.u32(kind::ACCT_SESSION_TIME, 86_400)?;
    for kind in [
        kind::ACCT_INPUT_OCTETS,
        kind::ACCT_OUTPUT_OCTETS,
        kind::ACCT_INPUT_PACKETS,
        kind::ACCT_OUTPUT_PACKETS,
    ] {
        writer.u32(kind, 123_456_789)?;
    }
    writer.u32(kind::ACCT_INPUT_GIGAWORDS, 3)?;
    writer.u32(kind::ACCT_OUTPUT_GIGAWORDS, 5)?;
    writer.u32(kind::EVENT_TIMESTAMP, 1_800_000_000)?;
    Ok(writer.finish(&secret()).to_vec())
}

/// Runs `work` on a decoded packet.
fn on_view<T>(bencher: Bencher<'_, '_>, octets: &[u8], work: impl Fn(&View<'_>) -> T + Sync) {
    let view = View::parse(octets).unwrap_or_else(|error| panic!("the sample packet is malformed: {error}"));
    bencher.bench(|| work(black_box(&view)));
}

/// Checking the shape of a datagram.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let octets = interim(false);
    bencher.bench(|| View::parse(black_box(&octets)).is_ok());
}

/// Decode, and the one pass over all attributes that accounting makes.
#[divan::bench]
fn decode_and_pick_fields(bencher: Bencher<'_, '_>) {
    let octets = interim(false);
    bencher.bench(|| {
        View::parse(black_box(&octets))
            .ok()
            .and_then(|view| Accounting::read(&view))
            .is_some()
    });
}

/// The four attributes a login is decided by, each searched for.
#[divan::bench]
fn pick_four_fields_one_by_one(bencher: Bencher<'_, '_>) {
    on_view(bencher, &interim(false), |view| {
        (
            view.text(kind::USER_NAME).is_some(),
            view.first(kind::CALLING_STATION_ID).is_some(),
            view.u32(kind::NAS_PORT_TYPE),
            view.first(kind::STATE).is_some(),
        )
    });
}

/// MD5 over the packet and the secret, compared in constant time.
#[divan::bench]
fn check_request_authenticator(bencher: Bencher<'_, '_>) {
    let secret = secret();
    on_view(bencher, &interim(false), |view| {
        secret.check_request_authenticator(view)
    });
}

/// HMAC-MD5 over the packet from the state prepared with the secret.
#[divan::bench]
fn check_message_authenticator(bencher: Bencher<'_, '_>) {
    let secret = secret();
    on_view(bencher, &interim(true), |view| {
        secret.check_message_authenticator(view, None)
    });
}

/// One block of PAP.
#[divan::bench]
fn check_pap(bencher: Bencher<'_, '_>) {
    let (secret, request, mut room) = (secret(), [7; 16], [0; password::PAP_LEN_MAX]);
    let hidden = password::hide_pap(&secret, &request, b"arctangent", &mut room).unwrap_or_default();
    bencher.bench_local(|| password::check_pap(&secret, &request, black_box(hidden), b"arctangent"));
}

/// The 20 octets that acknowledge an accounting record.
#[divan::bench]
fn build_accounting_response(bencher: Bencher<'_, '_>) {
    let secret = secret();
    on_view(bencher, &interim(false), |view| {
        let mut buf = [0; 64];
        ReplyWriter::new(&mut buf, Code::AccountingResponse, view).map(|writer| writer.finish(&secret).len())
    });
}

/// An Access-Accept with Message-Authenticator, a template of a plan, and Class.
#[divan::bench]
fn build_access_accept(bencher: Bencher<'_, '_>) {
    let secret = secret();
    let template = [
        &[27, 6, 0, 1, 0x51, 0x80, 85, 6, 0, 0, 0x02, 0x58, 88, 6][..],
        b"gold",
    ]
    .concat();
    on_view(bencher, &interim(false), |view| {
        let mut buf = [0; 512];
        let mut writer = ReplyWriter::new(&mut buf, Code::AccessAccept, view)?;
        writer.reserve_message_authenticator()?;
        writer.encoded(&template)?;
        writer.attribute(kind::CLASS, &[0x5a; 19])?;
        Ok::<_, WriteError>(writer.finish(&secret).len())
    });
}
