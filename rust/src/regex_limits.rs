//! Oniguruma's limits: how often a search may try again before it gives up with an error.

use std::ffi::{c_int, c_ulong};
use std::sync::Once;

// Of the Oniguruma that the tokenizers crate links; its own crates do not hand these two out.
unsafe extern "C" {
    fn onig_set_retry_limit_in_match(limit: c_ulong) -> c_int;
    fn onig_set_retry_limit_in_search(limit: c_ulong) -> c_int;
}

/// From one place of a text. Splits and replacements of real tokenizers try again a few times, or once for each of many
/// blanks in a row.
const IN_MATCH: c_ulong = 1_000_000;
/// From all places of a text together: 0.3 s. One double blank looked for in 50 MB of words takes half of it.
const IN_SEARCH: c_ulong = 20_000_000;

/// Sets the limits for the whole process, once. A search that reaches one panics, which becomes an error.
pub fn set() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: they only store a number; nothing searches before the first tokenizer is loaded.
        unsafe {
            onig_set_retry_limit_in_match(IN_MATCH);
            onig_set_retry_limit_in_search(IN_SEARCH);
        }
    });
}
