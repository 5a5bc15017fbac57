//! An error with everything that caused it, in one line, for a log field or a health page.

use std::error::Error;

/// "cannot write /x/y: No space left on device".
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
