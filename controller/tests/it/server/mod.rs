//! One installation from its first minute: set-up, people, a file applied, logins explained, sessions ended.
//! The steps share one server, because each start makes a whole database; they run in the order of [`story`].

mod file;
mod logins;
mod nas;
mod nouns;
mod people;
mod proof;
mod told;

use rustix::process::Signal;
use serde_json::Value;

use crate::stand::Place;
use nas::Nas;

/// The shared secret of the NAS.
const SECRET: &str = "a-long-shared-secret";

#[test]
fn story() {
    let place = Place::new();
    let server = place.serve(&[]);
    let nas = Nas::listen();
    people::set_up_works_once(&place, &server);
    people::logging_in_and_out(&place, &server);
    people::the_server_says_how_it_is(&server);
    file::a_file_is_applied_and_applied_again(&place, nas.port());
    file::others_servers_are_applied(&place);
    file::addresses_and_admission_are_applied(&place);
    nouns::lists_and_single_objects_show(&place);
    nouns::a_wrong_name_offers_close_ones(&place);
    nouns::single_objects_are_made_changed_and_removed(&place);
    nouns::exit_codes_tell_what_went_wrong(&place, &server);
    logins::logins_are_answered_and_explained(&place, &server);
    logins::sessions_are_ended_with_proof(&place, &server, &nas);
    logins::tools_of_freeradius_read_the_database(&place);
    logins::the_audit_names_everybody(&place);
    told::what_happens_is_told(&place);
    proof::the_audit_is_verified_without_the_server(&place);
    proof::a_telephone_is_wanted_beside_the_password(&place, &server);
    assert_eq!(server.end(Signal::INT), Some(0));
}

/// JSON out of what the program printed.
#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
