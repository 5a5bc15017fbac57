//! `headend openapi`: the description of the API, for generators of clients and for people who read or click.
//! Needs no server: the document is that of this very binary.

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::{openapi, output};

/// In which form.
#[derive(Args)]
pub struct Openapi {
    /// Print a Postman collection (format 2.1) in place of the OpenAPI document
    #[arg(long)]
    postman: bool,
}

impl Openapi {
    /// Prints it.
    pub fn run(self) -> Result<(), Failure> {
        if self.postman {
            output::json(&openapi::postman::collection(&openapi::document()));
            return Ok(());
        }
        let text = openapi::text().map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot write the description of the API: {error}"),
            )
        })?;
        output::line(&text);
        Ok(())
    }
}
