//! A folder's tokenizer, loaded and applied: what the C ABI exposes, in safe Rust.

use crate::assembly::Assembly;
use crate::bounds;
use crate::components::check_components;
use crate::equal_tokens::leave_first;
use crate::failure::{Failure, Status};
use crate::five;
use crate::from_vocabulary::{self, Built};
use crate::known_keys::unknown_keys;
use crate::long_text::Cuts;
use crate::pattern::Growth;
use crate::regex_limits;
use crate::settings::{Files, Settings};
use crate::text_reader::{Reading, TextReader, failed, piece_for};
use crate::tokenizer_config::{self, Changes};
use crate::version::Version;
use ahash::AHashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::models::ModelWrapper;
use tokenizers::{PostProcessorWrapper, Tokenizer, TruncationDirection};

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

/// The tokenizer without its post-processor, which runs after our truncation.
pub struct Encoder {
    reader: TextReader,
    /// Added tokens that no text has, since another one is found in their place.
    left_out: AHashMap<u32, String>,
    single: Assembly,
    /// Some post-processors work for texts alone; then why.
    pair: Result<Assembly, String>,
    changes: Changes,
    /// The end that truncation keeps is the last one.
    keeps_end: bool,
    /// A pair that is cut, whose second text has no token, loses that text's separator.
    forgets_empty_second: bool,
}

/// Models that are made for texts without special tokens: model_type in config.json.
const WITHOUT_SPECIAL_TOKENS: [&str; 1] = ["gpt2"];

struct Source {
    built: Built,
    growth: Growth,
    changes: Changes,
}

/// tokenizer.json where the folder has one, else the vocabulary files.
fn read_tokenizer(files: &Files, version: Version) -> Result<Source, Failure> {
    let Some(json) = files.get("tokenizer.json") else {
        let built = match version {
            Version::Four => from_vocabulary::build(files, Version::Four)?,
            Version::Five => five::build(files)?,
        };
        return Ok(Source { built, growth: Growth::Linear, changes: Changes::default() });
    };
    let components = check_components(json)?;
    let fail =
        |e| Failure::corrupt(format!("tokenizer.json: {e}, expected a tokenizer.json of Hugging Face tokenizers"));
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(fail)?;
    let changes = match version {
        Version::Four => tokenizer_config::apply(files, &mut tokenizer)?,
        Version::Five => five::apply(files, json, &mut tokenizer, components.unk_id)?,
    };
    let built = Built { tokenizer, moses: None, origin: "tokenizer.json".to_owned() };
    Ok(Source { built, growth: components.growth, changes })
}

/// Whether a text that is too long loses its beginning.
fn keeps_end(tokenizer: &Tokenizer, config: &Settings) -> Result<bool, Failure> {
    match config.string("truncation_side")? {
        Some("left") => Ok(true),
        Some("right") => Ok(false),
        None => Ok(tokenizer.get_truncation().is_some_and(|params| params.direction == TruncationDirection::Left)),
        Some(other) => {
            let message = format!("{}: truncation_side is {other:?}, expected \"left\" or \"right\"", config.file);
            Err(Failure::corrupt(message))
        }
    }
}

fn find_pair(processor: Option<&PostProcessorWrapper>) -> Result<Assembly, String> {
    match catch_unwind(AssertUnwindSafe(|| Assembly::find(processor, true))) {
        Ok(found) => found.map_err(|e| e.to_string()),
        Err(_) => Err("the post-processor gave up on a pair".to_owned()),
    }
}

impl Encoder {
    pub fn load(files: &Files, version: Version) -> Result<Self, Failure> {
        regex_limits::set();
        let Source { built, growth, mut changes } = read_tokenizer(files, version)?;
        let Built { mut tokenizer, moses, origin } = built;
        if let ModelWrapper::BPE(bpe) = tokenizer.get_model() {
            if let Some(dropout) = bpe.dropout.filter(|&p| p > 0.0) {
                let message = format!("{origin}: BPE dropout {dropout} draws other tokens each time, expected none");
                return Err(Failure::unsupported(message));
            }
        }
        let config = files.settings("tokenizer_config.json")?;
        changes.notes.extend(unknown_keys(&config));
        let keeps_end = keeps_end(&tokenizer, &config)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(Failure::corrupt)?;
        let processor = tokenizer.get_post_processor().cloned();
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        // A post-processor that cannot work fails on every text.
        let single = Assembly::find(processor.as_ref(), false).map_err(failed)?;
        let pair = find_pair(processor.as_ref());
        if keeps_end {
            changes.applied.push("truncation_side is left: a text that is too long loses its beginning".to_owned());
        }
        let left_out = leave_first(&mut tokenizer, changes.added_by.as_ref())?;
        let cuts = Cuts::find(&tokenizer, changes.added_by.as_ref());
        if let ModelWrapper::Unigram(model) = tokenizer.get_model() {
            bounds::check_pieces(model.iter().map(|(piece, _)| piece.as_str()), &origin)?;
        }
        let lengths = bounds::Growth::of(tokenizer.get_normalizer());
        let forgets_empty_second = version == Version::Five && moses.is_some() && keeps_end;
        let encoder = Encoder {
            reader: TextReader { tokenizer, moses, origin, cuts, lengths, growth },
            left_out,
            single,
            pair,
            changes,
            keeps_end,
            forgets_empty_second,
        };
        if encoder.encode("", None, Limit::default())?.input_ids.is_empty() {
            let config = files.settings("config.json")?;
            if !config.string("model_type")?.is_some_and(|model| WITHOUT_SPECIAL_TOKENS.contains(&model)) {
                let message = "no special tokens around a text, so that the empty text would have no token at all";
                return Err(Failure::unsupported(format!(
                    "{}: {message}, expected some for this model",
                    encoder.reader.origin
                )));
            }
        }
        Ok(encoder)
    }

    /// Where the tokenizer came from: "tokenizer.json", or the vocabulary files.
    pub fn origin(&self) -> &str {
        &self.reader.origin
    }

    /// What other files changed of tokenizer.json, and what they ask for that is not done.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The kind of its model: "WordPiece", "BPE", "Unigram", "WordLevel".
    pub fn kind(&self) -> &'static str {
        match self.reader.tokenizer.get_model() {
            ModelWrapper::BPE(_) => "BPE",
            ModelWrapper::WordPiece(_) => "WordPiece",
            ModelWrapper::WordLevel(_) => "WordLevel",
            ModelWrapper::Unigram(_) => "Unigram",
        }
    }

    pub fn special_tokens(&self, pair: bool) -> usize {
        self.assembly(pair).map_or(0, Assembly::special_tokens)
    }

    pub fn vocab_size(&self) -> usize {
        self.reader.tokenizer.get_vocab_size(true) + self.left_out.len()
    }

    pub fn token(&self, id: u32) -> Option<String> {
        self.reader.tokenizer.id_to_token(id).or_else(|| self.left_out.get(&id).cloned())
    }

    fn assembly(&self, pair: bool) -> Result<&Assembly, Failure> {
        if !pair {
            return Ok(&self.single);
        }
        self.pair.as_ref().map_err(|reason| Failure::corrupt(format!("{}: {reason}", self.reader.origin)))
    }

    pub fn encode(&self, first: &str, second: Option<&str>, limit: Limit) -> Result<Tokens, Failure> {
        let assembly = self.assembly(second.is_some())?;
        let special = assembly.special_tokens();
        let room = match limit.max_length {
            0 => usize::MAX,
            max_length => max_length.checked_sub(special).ok_or_else(|| {
                let message = format!("max_length {max_length} is less than the {special} special tokens");
                Failure::new(Status::InvalidArgument, message)
            })?,
        };
        let reading = Reading {
            piece: piece_for(room),
            keep: if self.keeps_end { usize::MAX } else { room },
            stops: !limit.count_truncated && !self.keeps_end,
        };
        let (first, second) = self.reader.read_pair(first, second, reading)?;
        let (first_room, second_room) = self.share_out(first.count, second.as_ref().map(|ids| ids.count), room);
        let second = second.unwrap_or_default();
        let forgets_second = self.forgets_empty_second && second.count == 0 && first.count > room;
        let assembly = if forgets_second { &self.single } else { assembly };
        let truncated = first.count + second.count - first_room - second_room;
        let mut ids = Vec::with_capacity(first_room + second_room + special);
        let mut types = Vec::with_capacity(ids.capacity());
        assembly.append(self.kept(&first.ids, first_room), self.kept(&second.ids, second_room), &mut ids, &mut types);
        tokens(ids, types, truncated)
    }

    /// How many tokens of a text or pair stay where both together may have `room`.
    fn share_out(&self, first: usize, second: Option<usize>, room: usize) -> (usize, usize) {
        let share_out = if self.reader.moses.is_some() { longest_first_of_slow_classes } else { longest_first };
        share_out(first, second, room)
    }

    /// What truncation to `room` leaves.
    fn kept<'a>(&self, ids: &'a [u32], room: usize) -> &'a [u32] {
        let room = room.min(ids.len());
        if self.keeps_end { &ids[ids.len() - room..] } else { &ids[..room] }
    }

    /// The first text's windows, each but the last of `max_length` tokens, one behind the other, from the end that
    /// truncation keeps; the second text stands in each. `stride` tokens are shared; they must be fewer than half of the room.
    pub fn encode_windows(
        &self,
        first: &str,
        second: Option<&str>,
        max_length: usize,
        stride: usize,
    ) -> Result<Tokens, Failure> {
        let assembly = self.assembly(second.is_some())?;
        let special = assembly.special_tokens();
        let room = max_length.saturating_sub(special);
        let reading = Reading { piece: piece_for(room), keep: usize::MAX, stops: false };
        let (first, second) = self.reader.read_pair(first, second, reading)?;
        let (first, mut second) = (first.ids, second.unwrap_or_default().ids);
        let mut truncated = 0;
        let keep = (room / 2).min(room.saturating_sub(2 * stride));
        if first.len() + second.len() > room && second.len() > keep {
            // A short first text leaves the second all that it does not need.
            let keep = keep.max(room.saturating_sub(first.len()));
            truncated = second.len().saturating_sub(keep);
            second = self.kept(&second, keep).to_vec();
        }
        let first_room = room.saturating_sub(second.len());
        if first_room <= stride && first.len() > first_room {
            let message = format!("windows with room for {first_room} tokens cannot share {stride}");
            return Err(Failure::new(Status::InvalidArgument, message));
        }
        let (mut ids, mut types) = (Vec::new(), Vec::new());
        let mut start = 0;
        loop {
            let end = first.len().min(start + first_room);
            let window = if self.keeps_end { first.len() - end..first.len() - start } else { start..end };
            assembly.append(&first[window], &second, &mut ids, &mut types);
            if end == first.len() {
                return tokens(ids, types, truncated);
            }
            start = end - stride;
        }
    }
}

/// How many tokens of a text or pair stay where both together may have `room`: the longer text is cut down to the
/// shorter, then both alike. An odd token stays with the longer one, with the second where both are as long.
fn longest_first(first: usize, second: Option<usize>, room: usize) -> (usize, usize) {
    let Some(second) = second else { return (first.min(room), 0) };
    if first.saturating_add(second) <= room {
        return (first, second);
    }
    let (shorter, half) = (first.min(second), room / 2);
    let (less, more) = if shorter <= half { (shorter, room - shorter) } else { (half, room - half) };
    if first > second { (more, less) } else { (less, more) }
}

/// As transformers' slow classes do it: an odd token stays with the first text. The fast ones leave it to the longer one.
fn longest_first_of_slow_classes(first: usize, second: Option<usize>, room: usize) -> (usize, usize) {
    let Some(second) = second else { return (first.min(room), 0) };
    let keep = first.min(room.div_ceil(2).max(room.saturating_sub(second)));
    (keep, second.min(room - keep))
}

fn tokens(ids: Vec<u32>, types: Vec<u32>, truncated: usize) -> Result<Tokens, Failure> {
    Ok(Tokens { input_ids: to_i32(ids)?, token_type_ids: to_i32(types)?, truncated })
}

fn to_i32(ids: Vec<u32>) -> Result<Vec<i32>, Failure> {
    ids.into_iter()
        .map(|id| {
            i32::try_from(id)
                .map_err(|_| Failure::new(Status::CorruptData, format!("token id {id}, expected less than 2^31")))
        })
        .collect()
}
