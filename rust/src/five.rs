//! Tokenizers as transformers 5.24 reads them.
//!
//! There is one class for each kind of tokenizer. TokenizersBackend takes a tokenizer.json as it is. Most other classes
//! take its vocabulary and merges alone and bring normalizer, pre-tokenizer and post-processor along, whether the
//! vocabulary is from a tokenizer.json or from files of its own.

mod build;
mod class;
mod tokens;
mod vocabulary;

use crate::failure::Failure;
use crate::settings::{Files, Settings};
use crate::special_tokens::{Defaults, SpecialTokens};
pub use build::{apply, build};

/// The special tokens of a class in Python, which gives them no properties but those of its files.
pub fn tokens_in_python(files: &Files, config: &Settings, defaults: &Defaults) -> Result<SpecialTokens, Failure> {
    Ok(tokens::Tokens::read(files, config, defaults, None, None)?.into_plain())
}
