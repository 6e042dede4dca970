//! How a post-processor puts special tokens around the tokens of a text or pair, found out once.
//!
//! The library's post-processors copy every part of an encoding (texts, offsets, masks), 60 bytes a token. None of them
//! looks at the tokens themselves, so what it does to one marker for each text says what it does to any.

use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper};

/// A place in what the model reads, and its token type.
#[derive(Clone, Copy, Debug)]
enum Part {
    Special(u32, u32),
    First(u32),
    Second(u32),
}

/// What the model reads of a text or pair.
#[derive(Debug)]
pub struct Assembly(Vec<Part>);

const FIRST: u32 = u32::MAX;
const SECOND: u32 = u32::MAX - 1;

/// An encoding of one token.
fn marker(id: u32) -> Encoding {
    let no_overflow = Vec::new();
    let text = vec![String::new()];
    Encoding::new(vec![id], vec![0], text, vec![None], vec![(0, 0)], vec![0], vec![1], no_overflow, Default::default())
}

impl Assembly {
    /// Fails where the post-processor cannot work.
    pub fn find(processor: Option<&PostProcessorWrapper>, pair: bool) -> tokenizers::Result<Self> {
        let Some(processor) = processor else {
            let second = pair.then_some(Part::Second(1));
            return Ok(Assembly(std::iter::once(Part::First(0)).chain(second).collect()));
        };
        let encoding = processor.process(marker(FIRST), pair.then(|| marker(SECOND)), true)?;
        let places = encoding.get_ids().iter().zip(encoding.get_type_ids());
        let parts = places.map(|(&id, &kind)| match id {
            FIRST => Part::First(kind),
            SECOND => Part::Second(kind),
            id => Part::Special(id, kind),
        });
        Ok(Assembly(parts.collect()))
    }

    pub fn special_tokens(&self) -> usize {
        self.0.iter().filter(|part| matches!(part, Part::Special(..))).count()
    }

    /// Appends ids and token types of one sequence.
    pub fn append(&self, first: &[u32], second: &[u32], ids: &mut Vec<u32>, types: &mut Vec<u32>) {
        for part in &self.0 {
            let (tokens, kind) = match part {
                Part::Special(id, kind) => (std::slice::from_ref(id), kind),
                Part::First(kind) => (first, kind),
                Part::Second(kind) => (second, kind),
            };
            ids.extend_from_slice(tokens);
            types.resize(ids.len(), *kind);
        }
    }
}
