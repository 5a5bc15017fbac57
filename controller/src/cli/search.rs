//! `headend search`: anyone by anything, of one partner.
//! Never decides what is shown; the API leaves out what its caller may not read.

use clap::Args;

use super::context::Context;
use crate::failure::Failure;
use crate::output;

/// What is looked for.
#[derive(Args)]
pub struct Search {
    /// The beginning of a word of a name, a whole address or MAC in any spelling, a whole line or port
    text: String,
    /// At most so many hits, 1 to 50
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

impl Search {
    /// Finds it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let limit = self.limit.to_string();
        let query = [("q", self.text.as_str()), ("limit", limit.as_str())];
        let hits = context
            .api
            .query(&["partners", &partner, "search"], &query)
            .await?;
        let hits = hits.as_array().cloned().unwrap_or_default();
        context.show_list(hits, &["KIND", "TITLE", "DETAIL", "BY", "ID"], |hit| {
            ["kind", "title", "detail", "by", "id"]
                .map(|name| output::field(hit, name))
                .to_vec()
        });
        Ok(())
    }
}
