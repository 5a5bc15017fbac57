//! The typed reading of an Accounting-Request: counters, times, first of several.

use std::net::Ipv4Addr;

use radius::accounting::EVENT_SKEW_S_MAX;
use radius::{
    Accounting, Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, StatusType, View, WriteError, kind,
};

/// Sunday, 2 June 2024, 00:00 UTC.
const RECEIVED: i64 = 1_717_286_400;

/// Reads the request that `write` writes.
#[track_caller]
fn read<T>(
    write: impl FnOnce(&mut RequestWriter<'_>) -> Result<(), WriteError>,
    look: impl FnOnce(Option<Accounting<'_>>) -> T,
) -> T {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).unwrap();
    write(&mut writer).unwrap();
    look(Accounting::read(
        &View::parse(writer.finish(&SharedSecret::new(b"s"))).unwrap(),
    ))
}

/// Reads an interim record with four counters.
#[track_caller]
fn counters(attributes: &[(u8, u32)]) -> (Option<u64>, Option<u64>) {
    read(
        |writer| {
            writer.u32(kind::ACCT_STATUS_TYPE, 3)?;
            attributes
                .iter()
                .try_for_each(|(kind, value)| writer.u32(*kind, *value))
        },
        |accounting| accounting.map(|a| (a.octets_in, a.octets_out)).unwrap(),
    )
}

/// When a record with these attributes happened, and whether the claim was ignored.
#[track_caller]
fn event_time(attributes: &[(u8, u32)]) -> (i64, bool) {
    read(
        |writer| {
            writer.u32(kind::ACCT_STATUS_TYPE, 1)?;
            attributes
                .iter()
                .try_for_each(|(kind, value)| writer.u32(*kind, *value))
        },
        |accounting| {
            accounting
                .map(|a| (a.event_time(RECEIVED), a.event_time_skewed(RECEIVED)))
                .unwrap()
        },
    )
}

#[test]
fn stop_record_is_read_in_full() {
    read(
        |writer| {
            writer.u32(kind::ACCT_STATUS_TYPE, 2)?;
            writer.attribute(kind::ACCT_SESSION_ID, b"\x8100a1\xff")?;
            writer.attribute(kind::ACCT_MULTI_SESSION_ID, b"multi")?;
            writer.u32(kind::ACCT_LINK_COUNT, 2)?;
            writer.text(kind::USER_NAME, "nemo@isp.example")?;
            writer.attribute(kind::CLASS, b"hd1\0\x01")?;
            writer.attribute(kind::CHARGEABLE_USER_IDENTITY, b"cui")?;
            writer.ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 1))?;
            writer.attribute(
                kind::NAS_IPV6_ADDRESS,
                &"2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets(),
            )?;
            writer.text(kind::NAS_IDENTIFIER, "bng-1")?;
            writer.u32(kind::NAS_PORT, 17)?;
            writer.text(kind::NAS_PORT_ID, "eth0:100.7")?;
            writer.u32(kind::NAS_PORT_TYPE, 15)?;
            writer.text(kind::CALLED_STATION_ID, "isp-pppoe")?;
            writer.text(kind::CALLING_STATION_ID, "02:00:5e:00:00:01")?;
            writer.text(kind::CONNECT_INFO, "1000000000/1000000000")?;
            writer.u32(kind::SERVICE_TYPE, 2)?;
            writer.u32(kind::FRAMED_PROTOCOL, 1)?;
            writer.ipv4(kind::FRAMED_IP_ADDRESS, Ipv4Addr::new(198, 51, 100, 7))?;
            writer.attribute(kind::FRAMED_INTERFACE_ID, &[0, 0, 0, 0, 0, 0, 0, 9])?;
            writer.attribute(
                kind::FRAMED_IPV6_PREFIX,
                &[0, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0],
            )?;
            writer.attribute(
                kind::DELEGATED_IPV6_PREFIX,
                &[0, 52, 0x20, 0x01, 0x0d, 0xb8, 0, 2, 0xff, 0xff, 0xff],
            )?;
            writer.u32(kind::ACCT_AUTHENTIC, 1)?;
            writer.u32(kind::ACCT_SESSION_TIME, 3600)?;
            writer.u32(kind::ACCT_INPUT_PACKETS, 10)?;
            writer.u32(kind::ACCT_OUTPUT_PACKETS, 20)?;
            writer.u32(kind::ACCT_TERMINATE_CAUSE, 1)?;
            writer.u32(kind::ACCT_DELAY_TIME, 4)
        },
        |accounting| {
            let a = accounting.unwrap();
            assert_eq!(a.status, StatusType::Stop);
            assert_eq!(
                (a.session_id, a.multi_session_id),
                (Some(&b"\x8100a1\xff"[..]), Some(&b"multi"[..]))
            );
            assert_eq!((a.link_count, a.user_name), (Some(2), Some("nemo@isp.example")));
            assert_eq!(
                (a.class, a.chargeable_user_identity),
                (Some(&b"hd1\0\x01"[..]), Some(&b"cui"[..]))
            );
            assert_eq!(a.nas_ip, Some(Ipv4Addr::new(192, 0, 2, 1)));
            assert_eq!(a.nas_ipv6, "2001:db8::1".parse().ok());
            assert_eq!((a.nas_identifier, a.nas_port), (Some("bng-1"), Some(17)));
            assert_eq!((a.nas_port_id, a.nas_port_type), (Some("eth0:100.7"), Some(15)));
            assert_eq!(a.called_station_id, Some("isp-pppoe"));
            assert_eq!(a.calling_station_id, Some("02:00:5e:00:00:01"));
            assert_eq!(a.connect_info, Some("1000000000/1000000000"));
            assert_eq!((a.service_type, a.framed_protocol), (Some(2), Some(1)));
            assert_eq!(a.framed_ip, Some(Ipv4Addr::new(198, 51, 100, 7)));
            assert_eq!(a.framed_interface_id, Some([0, 0, 0, 0, 0, 0, 0, 9]));
            assert_eq!(a.framed_ipv6_prefix, Some(("2001:db8:1::".parse().unwrap(), 64)));
            assert_eq!(
                a.delegated_ipv6_prefix,
                Some(("2001:db8:2:f000::".parse().unwrap(), 52))
            );
            assert_eq!((a.authentic, a.session_time), (Some(1), Some(3600)));
            assert_eq!((a.packets_in, a.packets_out), (Some(10), Some(20)));
            assert_eq!((a.terminate_cause, a.delay_time), (Some(1), Some(4)));
            assert_eq!(
                (a.octets_in, a.octets_out, a.event_timestamp, a.framed_ipv6),
                (None, None, None, None)
            );
        },
    );
}

#[test]
fn status_types_have_their_numbers() {
    for number in [0, 1, 2, 3, 4, 7, 8, 9, 15, u32::MAX] {
        let status = read(
            |writer| writer.u32(kind::ACCT_STATUS_TYPE, number),
            |a| a.unwrap().status,
        );
        assert_eq!(status.number(), number);
        let known = matches!(number, 1 | 2 | 3 | 7 | 8);
        assert_eq!(matches!(status, StatusType::Other(_)), !known, "{number}");
    }
}

#[test]
fn record_without_status_type_reports_nothing() {
    assert!(read(
        |writer| writer.text(kind::USER_NAME, "nemo"),
        |accounting| accounting.is_none()
    ));
    assert!(read(
        |writer| writer.attribute(kind::ACCT_STATUS_TYPE, &[0, 1]),
        |accounting| accounting.is_none()
    ));
}

#[test]
fn gigawords_extend_the_counters() {
    let seen = counters(&[
        (kind::ACCT_INPUT_OCTETS, 5),
        (kind::ACCT_INPUT_GIGAWORDS, 2),
        (kind::ACCT_OUTPUT_GIGAWORDS, u32::MAX),
        (kind::ACCT_OUTPUT_OCTETS, u32::MAX),
    ]);
    assert_eq!(seen, (Some((2 << 32) + 5), Some(u64::MAX)));
}

#[test]
fn counters_without_gigawords_are_below_4_gib() {
    let seen = counters(&[(kind::ACCT_INPUT_OCTETS, u32::MAX)]);
    assert_eq!(seen, (Some(u64::from(u32::MAX)), None));
}

#[test]
fn gigawords_without_octets_count_nothing() {
    assert_eq!(counters(&[(kind::ACCT_INPUT_GIGAWORDS, 3)]), (None, None));
}

#[test]
fn first_of_several_counts() {
    read(
        |writer| {
            writer.u32(kind::ACCT_STATUS_TYPE, 1)?;
            writer.u32(kind::ACCT_STATUS_TYPE, 2)?;
            writer.attribute(kind::USER_NAME, b"\xff")?;
            writer.text(kind::USER_NAME, "second")
        },
        |accounting| {
            let accounting = accounting.unwrap();
            assert_eq!(
                (accounting.status, accounting.user_name),
                (StatusType::Start, None)
            );
        },
    );
}

#[test]
fn event_without_times_happened_when_it_was_received() {
    assert_eq!(event_time(&[]), (RECEIVED, false));
}

#[test]
fn event_timestamp_wins_over_delay() {
    let an_hour_ago = u32::try_from(RECEIVED - 3600).unwrap();
    assert_eq!(event_time(&[(kind::ACCT_DELAY_TIME, 5)]), (RECEIVED - 5, false));
    let both = [(kind::EVENT_TIMESTAMP, an_hour_ago), (kind::ACCT_DELAY_TIME, 5)];
    assert_eq!(event_time(&both), (RECEIVED - 3600, false));
}

#[test]
fn event_times_are_believed_up_to_seven_days() {
    let at = |offset: i64| event_time(&[(kind::EVENT_TIMESTAMP, u32::try_from(RECEIVED + offset).unwrap())]);
    for offset in [-EVENT_SKEW_S_MAX, EVENT_SKEW_S_MAX] {
        assert_eq!(at(offset), (RECEIVED + offset, false));
        assert_eq!(at(offset + offset.signum()), (RECEIVED, true));
    }
    // A NAS that never heard of NTP lives in 1970.
    assert_eq!(event_time(&[(kind::EVENT_TIMESTAMP, 77)]), (RECEIVED, true));
    assert_eq!(event_time(&[(kind::ACCT_DELAY_TIME, u32::MAX)]), (RECEIVED, true));
}
