//! What is documented is what there is.

use headend::config::KEYS;

/// A page of the repository.
fn page(name: &str) -> String {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_key_and_variable_is_documented() {
    let text = page("configuration.md");
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(
            text.contains(&format!("`{name}`")),
            "docs/configuration.md does not name {}",
            key.path
        );
        assert!(
            text.contains(key.env),
            "docs/configuration.md does not name {}",
            key.env
        );
    }
}

#[test]
fn the_example_configuration_is_valid_and_names_every_key() {
    let path = format!("{}/../docs/headend.example.toml", env!("CARGO_MANIFEST_DIR"));
    let config = headend::config::Config::load(Some(path.as_ref()), &|_| None, &[]).map(|_| ());
    assert_eq!(config.map_err(|error| error.to_string()), Ok(()));
    let text = page("headend.example.toml");
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(
            text.contains(&format!("{name} =")),
            "the example does not name {}",
            key.path
        );
    }
}

#[test]
fn the_documented_apply_file_is_valid() {
    let text = page("apply.md");
    let example = text
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let literal = example
        .replace("{ env = \"BRAS1_SECRET\" }", "\"s\"")
        .replace("{ file = \"noc.password\" }", "\"p\"");
    let read = headend::apply::file::parse(&literal, "/srv/isp.toml".as_ref()).map(|_| ());
    assert_eq!(read.map_err(|failure| failure.to_string()), Ok(()));
}

#[test]
fn no_two_schemas_of_the_api_share_a_name() {
    let kernel = kernel::http::routes::routes().described();
    let all = kernel.merge(access::http::routes().described());
    assert_eq!(all.clashes(), Vec::<&str>::new());
}
