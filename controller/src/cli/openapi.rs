//! `headend openapi`: the description of the API, for generators of clients and for people who read.
//! Needs no server: the document is that of this very binary.

use crate::failure::{Exit, Failure};
use crate::{openapi, output};

/// Prints it.
pub fn run() -> Result<(), Failure> {
    output::line(&openapi::text().map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("cannot write the description of the API: {error}"),
        )
    })?);
    Ok(())
}
