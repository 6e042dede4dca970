//! The token ids of a text, read in pieces.

use crate::bounds;
use crate::failure::{Failure, Status};
use crate::long_text::Cuts;
use crate::moses_tokenizer::MosesTokenizer;
use crate::out_of_memory::has_run_out;
use crate::pattern::Growth;
use tokenizers::Tokenizer;

/// A long text is encoded in pieces of so many bytes for each token wanted, about twice what words take, so that one
/// piece is mostly enough. The library needs 200 bytes of memory for each byte of a piece, an id takes 4.
const BYTES_PER_TOKEN: usize = 8;
const SMALLEST_PIECE: usize = 64;
const LARGEST_PIECE: usize = 1 << 16;

/// Bytes of a text where a pattern's cost grows with the square: half a second.
const LONGEST_SQUARE: usize = 20_000;

/// How much of a text is read.
#[derive(Clone, Copy)]
pub struct Reading {
    /// Bytes of a piece.
    pub piece: usize,
    /// Ids that are wanted, from the beginning.
    pub keep: usize,
    /// Whether the tokens behind these need no count.
    pub stops: bool,
}

/// The ids of a text that are wanted.
#[derive(Default)]
pub struct Ids {
    pub ids: Vec<u32>,
    /// Tokens that were read: all that there are, or more than are wanted.
    pub count: usize,
    pub is_cut: bool,
}

/// The tokenizer without its post-processor, and how it may be applied.
pub struct TextReader {
    pub tokenizer: Tokenizer,
    /// What encodes texts in its place, where there is one.
    pub moses: Option<MosesTokenizer>,
    /// Where the tokenizer came from: "tokenizer.json", or the vocabulary files.
    pub origin: String,
    /// Where a text may be cut.
    pub cuts: Cuts,
    /// How much longer the normalizer makes a text.
    pub lengths: bounds::Growth,
    /// How a pattern's cost grows with a text.
    pub growth: Growth,
}

impl TextReader {
    /// The ids of both texts.
    pub fn read_pair(
        &self,
        first: &str,
        second: Option<&str>,
        reading: Reading,
    ) -> Result<(Ids, Option<Ids>), Failure> {
        let mut start = self.read(first, reading)?;
        let Some(text) = second else { return Ok((start, None)) };
        let mut second = self.read(text, reading)?;
        // Where neither text fits, an odd token goes to the longer one: that takes both lengths.
        if reading.keep % 2 == 1 && start.count > reading.keep && second.count > reading.keep {
            let to_end = Reading { stops: false, ..reading };
            if start.is_cut {
                start = self.read(first, to_end)?;
            }
            if second.is_cut {
                second = self.read(text, to_end)?;
            }
        }
        Ok((start, Some(second)))
    }

    /// The ids of a text, in pieces where that changes none of them.
    fn read(&self, text: &str, reading: Reading) -> Result<Ids, Failure> {
        if self.growth == Growth::Square && text.len() > LONGEST_SQUARE {
            let message = format!(
                "a text of {} bytes, and a pattern in {} whose cost grows with its square, expected at most {LONGEST_SQUARE}",
                text.len(),
                self.origin
            );
            return Err(Failure::unsupported(message));
        }
        let mut read = Ids::default();
        let (mut start, mut wanted) = (0, reading.piece);
        while let Some(cut) = self.cut_behind(text, start, wanted) {
            let ids = self.ids_of(&text[start..cut])?;
            if !self.cuts.may_end_with(ids.last().copied()) {
                wanted = wanted.max(cut - start).saturating_mul(2);
                continue;
            }
            read.add(ids, reading.keep);
            if has_run_out() {
                return Err(Failure::new(Status::OutOfMemory, "memory ended"));
            }
            if reading.stops && self.cuts.may_skip_the_rest() && read.count > reading.keep {
                read.is_cut = true;
                return Ok(read);
            }
            (start, wanted) = (cut, reading.piece);
        }
        read.add(self.ids_of(&text[start..])?, reading.keep);
        Ok(read)
    }

    /// Where a piece of at least `wanted` bytes from `start` may end; None: with the text.
    fn cut_behind(&self, text: &str, start: usize, wanted: usize) -> Option<usize> {
        let rest = text.len() - start;
        // What is left would be a piece too small to gain anything.
        if wanted >= rest / 2 { None } else { self.cuts.next(&self.tokenizer, text, start + wanted) }
    }

    fn ids_of(&self, text: &str) -> Result<Vec<u32>, Failure> {
        match &self.moses {
            Some(moses) => Ok(moses.encode(text)),
            None => {
                self.lengths.check(self.tokenizer.get_normalizer(), text)?;
                Ok(self.tokenizer.encode_fast(text, false).map_err(failed)?.get_ids().to_vec())
            }
        }
    }
}

impl Ids {
    /// The next of them, of which at most `keep` are kept in all.
    fn add(&mut self, mut ids: Vec<u32>, keep: usize) {
        self.count += ids.len();
        ids.truncate(keep.saturating_sub(self.ids.len()));
        if self.ids.is_empty() {
            self.ids = ids;
        } else {
            self.ids.append(&mut ids);
        }
    }
}

/// Bytes of a piece where so many tokens are wanted.
pub fn piece_for(room: usize) -> usize {
    room.saturating_mul(BYTES_PER_TOKEN).clamp(SMALLEST_PIECE, LARGEST_PIECE)
}

/// The text is valid by then, so what fails is what the file asks for.
pub fn failed(error: tokenizers::Error) -> Failure {
    Failure::new(Status::CorruptData, error)
}
