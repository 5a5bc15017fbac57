//! Salted strings: hidden and revealed, by us and by others.

use proptest::prelude::*;
use radius::salt::{CLEAR_LEN_MAX, HIDDEN_LEN_MAX, Salt, hide, reveal};
use radius::{Authenticator, SharedSecret};

const REQUEST: Authenticator = [0x0f; 16];

#[test]
fn salts_have_their_first_bit_set_and_differ() {
    //= https://www.rfc-editor.org/rfc/rfc2548#section-2.4.2
    //= type=test
    //# The most
    //# significant bit (leftmost) of the Salt field MUST be set (1).
    for number in [0, 1, 0x7fff, 0x8000, 0xffff] {
        assert!(Salt::new(number).octets()[0] >= 0x80);
    }
    assert_ne!(Salt::new(6), Salt::new(7));
}

#[test]
fn string_is_hidden_in_whole_blocks_with_its_length() {
    let mut out = [0; HIDDEN_LEN_MAX];
    for (clear_len, hidden_len) in [(0, 18), (15, 18), (16, 34), (CLEAR_LEN_MAX, HIDDEN_LEN_MAX)] {
        let secret = SharedSecret::new(b"s");
        let hidden = hide(&secret, &REQUEST, Salt::new(1), &vec![7; clear_len], &mut out);
        assert_eq!(hidden.map(<[u8]>::len), Some(hidden_len), "{clear_len}");
    }
}

#[test]
fn string_that_fits_no_attribute_is_refused() {
    let (secret, mut out) = (SharedSecret::new(b"s"), [0; HIDDEN_LEN_MAX]);
    let too_long = vec![7; CLEAR_LEN_MAX + 1];
    assert_eq!(hide(&secret, &REQUEST, Salt::new(1), &too_long, &mut out), None);
}

#[test]
fn octets_of_another_shape_reveal_nothing() {
    let secret = SharedSecret::new(b"s");
    for hidden_len in [0, 1, 2, 3, 17, 19, HIDDEN_LEN_MAX + 16] {
        let mut room = [0; HIDDEN_LEN_MAX];
        let hidden = vec![0x80; hidden_len];
        assert_eq!(
            reveal(&secret, &REQUEST, &hidden, &mut room),
            None,
            "{hidden_len}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_hidden_is_revealed(
        clear in prop::collection::vec(any::<u8>(), 0..=CLEAR_LEN_MAX),
        number: u16,
        request: Authenticator,
        key in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let secret = SharedSecret::new(&key);
        let mut out = [0; HIDDEN_LEN_MAX];
        let hidden = hide(&secret, &request, Salt::new(number), &clear, &mut out).expect("fits");
        let mut room = [0; HIDDEN_LEN_MAX];
        prop_assert_eq!(reveal(&secret, &request, hidden, &mut room), Some(&clear[..]));
    }

    #[test]
    fn revealing_anything_never_panics(hidden in prop::collection::vec(any::<u8>(), 0..300), request: Authenticator) {
        let mut room = [0; HIDDEN_LEN_MAX];
        let _ = reveal(&SharedSecret::new(b"s"), &request, &hidden, &mut room);
    }
}
