//! A folder's tokenizer, loaded and applied: what the C ABI exposes, in safe Rust.

use crate::components::check_components;
use crate::failure::{Failure, Status};
use crate::from_vocabulary;
use crate::long_text::{can_be_cut, find_cut};
use crate::pattern::Growth;
use crate::regex_limits;
use crate::settings::Files;
use tokenizers::models::ModelWrapper;
use tokenizers::utils::truncation::truncate_encodings;
use tokenizers::{
    Encoding, PostProcessor, PostProcessorWrapper, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

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
    post_processor: Option<PostProcessorWrapper>,
    origin: String,
    can_be_cut: bool,
    growth: Growth,
}

/// Bytes of a text where a pattern's cost grows with the square: half a second.
const LONGEST_SQUARE: usize = 20_000;

/// Models that are made for texts without special tokens: model_type in config.json.
const WITHOUT_SPECIAL_TOKENS: [&str; 1] = ["gpt2"];

/// tokenizer.json where the folder has one, else the vocabulary files; and what it came from.
fn read_tokenizer(files: &Files) -> Result<(Tokenizer, String, Growth), Failure> {
    let Some(json) = files.get("tokenizer.json") else {
        return from_vocabulary::build(files).map(|(tokenizer, origin)| (tokenizer, origin, Growth::Linear));
    };
    let growth = check_components(json)?;
    let fail =
        |e| Failure::corrupt(format!("tokenizer.json: {e}, expected a tokenizer.json of Hugging Face tokenizers"));
    Ok((Tokenizer::from_bytes(json).map_err(fail)?, "tokenizer.json".to_owned(), growth))
}

impl Encoder {
    pub fn load(files: &Files) -> Result<Self, Failure> {
        regex_limits::set();
        let (mut tokenizer, origin, growth) = read_tokenizer(files)?;
        if let ModelWrapper::BPE(bpe) = tokenizer.get_model() {
            if let Some(dropout) = bpe.dropout.filter(|&p| p > 0.0) {
                let message = format!("{origin}: BPE dropout {dropout} draws other tokens each time, expected none");
                return Err(Failure::unsupported(message));
            }
        }
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(Failure::corrupt)?;
        let post_processor = tokenizer.get_post_processor().cloned();
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        let can_be_cut = can_be_cut(&tokenizer);
        let encoder = Encoder { tokenizer, post_processor, origin, can_be_cut, growth };
        // A post-processor that cannot work fails on every text, so the empty one shows it.
        if encoder.encode("", None, Limit::default())?.input_ids.is_empty() {
            let config = files.settings("config.json")?;
            if !config.string("model_type")?.is_some_and(|model| WITHOUT_SPECIAL_TOKENS.contains(&model)) {
                let message = "no special tokens around a text, so that the empty text would have no token at all";
                return Err(Failure::unsupported(format!(
                    "{}: {message}, expected some for this model",
                    encoder.origin
                )));
            }
        }
        Ok(encoder)
    }

    /// Where the tokenizer came from: "tokenizer.json", or the vocabulary files.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The kind of its model: "WordPiece", "BPE", "Unigram", "WordLevel".
    pub fn kind(&self) -> &'static str {
        match self.tokenizer.get_model() {
            ModelWrapper::BPE(_) => "BPE",
            ModelWrapper::WordPiece(_) => "WordPiece",
            ModelWrapper::WordLevel(_) => "WordLevel",
            ModelWrapper::Unigram(_) => "Unigram",
        }
    }

    pub fn special_tokens(&self, pair: bool) -> usize {
        self.post_processor.as_ref().map_or(0, |processor| processor.added_tokens(pair))
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
        let encoding = self.process(first, second)?;
        Ok(Tokens {
            input_ids: to_i32(encoding.get_ids())?,
            token_type_ids: to_i32(encoding.get_type_ids())?,
            truncated,
        })
    }

    fn process(&self, first: Encoding, second: Option<Encoding>) -> Result<Encoding, Failure> {
        let encoding = match &self.post_processor {
            Some(processor) => processor.process(first, second, true),
            None => without_processor(first, second),
        };
        encoding.map_err(Self::failed)
    }

    /// The first text's windows, each but the last of `max_length` tokens, one behind the other; the second text stands
    /// in each. `stride` tokens are shared; they must be fewer than half of the room.
    pub fn encode_windows(
        &self,
        first: &str,
        second: Option<&str>,
        max_length: usize,
        stride: usize,
    ) -> Result<Tokens, Failure> {
        let room = max_length.saturating_sub(self.special_tokens(second.is_some()));
        let mut first = self.encode_alone(first)?;
        let mut second = second.map(|text| self.encode_alone(text)).transpose()?;
        let mut truncated = 0;
        if let Some(encoding) = second.as_mut() {
            let keep = (room / 2).min(room.saturating_sub(2 * stride));
            if first.len() + encoding.len() > room && encoding.len() > keep {
                // A short first text leaves the second all that it does not need.
                let keep = keep.max(room.saturating_sub(first.len()));
                truncated = encoding.len().saturating_sub(keep);
                encoding.truncate(keep, 0, TruncationDirection::Right);
                encoding.take_overflowing();
            }
        }
        let first_room = room.saturating_sub(second.as_ref().map_or(0, Encoding::len));
        if first_room <= stride && first.len() > first_room {
            let message = format!("windows with room for {first_room} tokens cannot share {stride}");
            return Err(Failure::new(Status::InvalidArgument, message));
        }
        first.truncate(first_room, stride, TruncationDirection::Right);
        let behind = first.take_overflowing();
        let mut tokens = Tokens { input_ids: Vec::new(), token_type_ids: Vec::new(), truncated };
        for window in std::iter::once(first).chain(behind) {
            let encoding = self.process(window, second.clone())?;
            tokens.input_ids.append(&mut to_i32(encoding.get_ids())?);
            tokens.token_type_ids.append(&mut to_i32(encoding.get_type_ids())?);
        }
        Ok(tokens)
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
        if self.growth == Growth::Square && text.len() > LONGEST_SQUARE {
            let message = format!(
                "a text of {} bytes, and a pattern in {} whose cost grows with its square, expected at most {LONGEST_SQUARE}",
                text.len(),
                self.origin
            );
            return Err(Failure::unsupported(message));
        }
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

/// What the library makes of a text or pair without a post-processor.
fn without_processor(first: Encoding, second: Option<Encoding>) -> tokenizers::Result<Encoding> {
    let encodings = std::iter::once(first).chain(second);
    let encodings = encodings.enumerate().map(|(index, mut encoding)| {
        encoding.set_sequence_id(index);
        let types = vec![index as u32; encoding.len()];
        encoding.set_type_ids(types);
        encoding
    });
    Ok(Encoding::merge(encodings, false))
}

fn to_i32(ids: &[u32]) -> Result<Vec<i32>, Failure> {
    ids.iter()
        .map(|&id| {
            i32::try_from(id)
                .map_err(|_| Failure::new(Status::CorruptData, format!("token id {id}, expected less than 2^31")))
        })
        .collect()
}
