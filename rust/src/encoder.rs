//! A tokenizer.json, loaded and applied: what the C ABI exposes, in safe Rust.

use tokenizers::models::ModelWrapper;
use tokenizers::utils::truncation::truncate_encodings;
use tokenizers::{
    Encoding, PostProcessor, PostProcessorWrapper, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

/// Why something failed; the numbers are PacelineStatus in paceline_rust.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    Ok = 0,
    InvalidArgument = 1,
    Unsupported = 2,
    CorruptData = 3,
}

#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

impl Failure {
    pub fn new(status: Status, message: impl ToString) -> Self {
        Failure { status, message: message.to_string() }
    }
}

/// Token ids as the model reads them.
#[derive(Debug)]
pub struct Tokens {
    pub input_ids: Vec<i32>,
    pub token_type_ids: Vec<i32>,
    pub truncated: usize,
}

/// The tokenizer without its post-processor, which runs after our truncation.
pub struct Encoder {
    tokenizer: Tokenizer,
    post_processor: PostProcessorWrapper,
}

impl Encoder {
    pub fn load(json: &[u8]) -> Result<Self, Failure> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|e| Failure::new(Status::CorruptData, e))?;
        if let ModelWrapper::BPE(bpe) = tokenizer.get_model() {
            if let Some(dropout) = bpe.dropout.filter(|&p| p > 0.0) {
                let message = format!("BPE dropout {dropout} draws other tokens each time, expected none");
                return Err(Failure::new(Status::Unsupported, message));
            }
        }
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| Failure::new(Status::CorruptData, e))?;
        let without_special_tokens = || {
            let message = "no special tokens around a text, so that the empty text would have no token at all";
            Failure::new(Status::Unsupported, message)
        };
        let post_processor = tokenizer.get_post_processor().cloned().ok_or_else(without_special_tokens)?;
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        let encoder = Encoder { tokenizer, post_processor };
        // A post-processor that cannot work fails on every text, so the empty one shows it.
        if encoder.encode("", None, 0)?.input_ids.is_empty() {
            return Err(without_special_tokens());
        }
        Ok(encoder)
    }

    pub fn special_tokens(&self, pair: bool) -> usize {
        self.post_processor.added_tokens(pair)
    }

    pub fn vocab_size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// `max_length` 0: no limit.
    pub fn encode(&self, first: &str, second: Option<&str>, max_length: usize) -> Result<Tokens, Failure> {
        let first = self.encode_alone(first)?;
        let second = second.map(|text| self.encode_alone(text)).transpose()?;
        let whole = first.len() + second.as_ref().map_or(0, Encoding::len);
        let (mut first, mut second) = self.truncate(first, second, max_length)?;
        let truncated = whole - first.len() - second.as_ref().map_or(0, Encoding::len);

        // The parts cut off would be post-processed too, for a pair in every combination.
        first.take_overflowing();
        if let Some(encoding) = second.as_mut() {
            encoding.take_overflowing();
        }
        let encoding = self.post_processor.process(first, second, true).map_err(Self::failed)?;
        Ok(Tokens {
            input_ids: to_i32(encoding.get_ids())?,
            token_type_ids: to_i32(encoding.get_type_ids())?,
            truncated,
        })
    }

    fn encode_alone(&self, text: &str) -> Result<Encoding, Failure> {
        self.tokenizer.encode_fast(text, false).map_err(Self::failed)
    }

    fn truncate(
        &self,
        first: Encoding,
        second: Option<Encoding>,
        max_length: usize,
    ) -> Result<(Encoding, Option<Encoding>), Failure> {
        if max_length == 0 {
            return Ok((first, second));
        }
        let special = self.special_tokens(second.is_some());
        let Some(max_text_length) = max_length.checked_sub(special) else {
            let message = format!("max_length {max_length} is less than the {special} special tokens");
            return Err(Failure::new(Status::InvalidArgument, message));
        };
        let params = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: max_text_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        truncate_encodings(first, second, &params).map_err(Self::failed)
    }

    /// The text is valid by then, so what fails is what the file asks for.
    fn failed(error: tokenizers::Error) -> Failure {
        Failure::new(Status::CorruptData, error)
    }
}

fn to_i32(ids: &[u32]) -> Result<Vec<i32>, Failure> {
    ids.iter()
        .map(|&id| {
            i32::try_from(id)
                .map_err(|_| Failure::new(Status::CorruptData, format!("token id {id}, expected less than 2^31")))
        })
        .collect()
}
