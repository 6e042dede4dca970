//! A tokenizer.json, loaded and applied: what the C ABI exposes, in safe Rust.

use crate::long_text::{can_be_cut, find_cut};
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

/// How long a sequence may get.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// Tokens, special ones included; 0: no limit.
    pub max_length: usize,
    /// Whether `Tokens::truncated` has to be exact, for which the whole text is encoded.
    pub count_truncated: bool,
}

/// Token ids as the model reads them.
#[derive(Debug)]
pub struct Tokens {
    pub input_ids: Vec<i32>,
    pub token_type_ids: Vec<i32>,
    /// Tokens of the text that were cut off, or a lower bound of them above 0.
    pub truncated: usize,
}

/// The first prefix of a long text that is tried has these bytes for each token wanted: about twice what words take.
const BYTES_PER_TOKEN: usize = 8;

/// The tokens of a text, or of a part before a cut, which are the whole text's first ones.
struct Start {
    tokens: Encoding,
    is_cut: bool,
}

/// The tokenizer without its post-processor, which runs after our truncation.
pub struct Encoder {
    tokenizer: Tokenizer,
    post_processor: PostProcessorWrapper,
    can_be_cut: bool,
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
        let can_be_cut = can_be_cut(&tokenizer);
        let encoder = Encoder { tokenizer, post_processor, can_be_cut };
        // A post-processor that cannot work fails on every text, so the empty one shows it.
        if encoder.encode("", None, Limit::default())?.input_ids.is_empty() {
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

    pub fn encode(&self, first: &str, second: Option<&str>, limit: Limit) -> Result<Tokens, Failure> {
        let (first, second) = self.encode_as_far_as_needed(first, second, limit)?;
        let whole = first.len() + second.as_ref().map_or(0, Encoding::len);
        let (mut first, mut second) = self.truncate(first, second, limit.max_length)?;
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

    /// The texts' tokens; of a long text those that truncation will keep and at least one more.
    fn encode_as_far_as_needed(
        &self,
        first: &str,
        second: Option<&str>,
        limit: Limit,
    ) -> Result<(Encoding, Option<Encoding>), Failure> {
        let room = limit.max_length.saturating_sub(self.special_tokens(second.is_some()));
        if room == 0 || limit.count_truncated || !self.can_be_cut {
            return Ok((self.encode_alone(first)?, second.map(|text| self.encode_alone(text)).transpose()?));
        }
        let mut start = self.encode_start(first, room)?;
        let Some(text) = second else { return Ok((start.tokens, None)) };
        let mut second = self.encode_start(text, room)?;
        // Where neither text fits, an odd token goes to the longer one: that takes both lengths.
        if room % 2 == 1 && start.tokens.len() > room && second.tokens.len() > room {
            if start.is_cut {
                start.tokens = self.encode_alone(first)?;
            }
            if second.is_cut {
                second.tokens = self.encode_alone(text)?;
            }
        }
        Ok((start.tokens, Some(second.tokens)))
    }

    /// More than `enough` tokens where the text has them.
    fn encode_start(&self, text: &str, enough: usize) -> Result<Start, Failure> {
        let mut from = BYTES_PER_TOKEN.saturating_mul(enough);
        while from < text.len() / 2 {
            let Some(cut) = find_cut(&self.tokenizer, text, from) else { break };
            let tokens = self.encode_alone(&text[..cut])?;
            if tokens.len() > enough {
                return Ok(Start { tokens, is_cut: true });
            }
            from = cut.saturating_mul(2);
        }
        Ok(Start { tokens: self.encode_alone(text)?, is_cut: false })
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
