//! Tokenizers as transformers 5.24 reads them.
//!
//! There is one class for each kind of tokenizer. TokenizersBackend takes a tokenizer.json as it is. Most other classes
//! take its vocabulary and merges alone and bring normalizer, pre-tokenizer and post-processor along, whether the
//! vocabulary is from a tokenizer.json or from files of its own.

mod build;
mod class;
mod tokens;
mod vocabulary;

pub use build::{apply, build};
