//! BPE over the characters of a word, the last of them with "</w>", as XLM's and FlauBERT's tokenizers do it.
//!
//! The library's own takes the first merge of all again after each single one; these merge every occurrence of a pair
//! before they look for the next pair, which differs where a merge's result takes part in an earlier merge. And their
//! merges name pieces that vocab.json does not have, which are unknown unless a later merge takes them in.

use crate::vocabulary_files::Merge;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

const END: &str = "</w>";
/// A symbol that no merge names.
const OTHER: u32 = u32::MAX;
/// What is left of the second symbol of a merged pair.
const GONE: u32 = u32::MAX - 1;

pub struct PlainBpe {
    /// Symbols of one character, and of a word's last one.
    characters: HashMap<(char, bool), u32>,
    merges: HashMap<(u32, u32), (u32, u32)>,
    /// The model's id of each symbol.
    ids: Vec<u32>,
    unknown: u32,
}

/// A merge that can be done: its rank, the place of its first symbol, both symbols. The least is done first.
type Candidate = Reverse<(u32, usize, u32, u32)>;

/// Symbols in a chain, in which places of merged ones are passed over.
struct Chain {
    symbols: Vec<u32>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Chain {
    fn next(&self, place: usize) -> Option<usize> {
        self.next.get(place).copied().filter(|&next| next < self.symbols.len())
    }

    fn previous(&self, place: usize) -> Option<usize> {
        (place > 0).then(|| self.previous[place])
    }

    fn merge(&mut self, place: usize, next: usize, symbol: u32) {
        self.symbols[place] = symbol;
        self.symbols[next] = GONE;
        self.next[place] = self.next[next];
        if let Some(behind) = self.next(place) {
            self.previous[behind] = place;
        }
    }
}

impl PlainBpe {
    /// `unknown` is the id of pieces that neither the vocabulary nor `added` has, which comes first.
    pub fn new<'a>(
        vocabulary: impl Iterator<Item = (&'a str, u32)>,
        added: impl Iterator<Item = (&'a str, u32)>,
        merges: &[Merge],
        unknown: u32,
    ) -> Self {
        let mut symbols: HashMap<&str, u32> = HashMap::new();
        let mut ids = Vec::new();
        for (piece, id) in added.chain(vocabulary) {
            symbols.entry(piece).or_insert_with(|| {
                ids.push(id);
                ids.len() as u32 - 1
            });
        }
        let joined: Vec<String> = merges.iter().map(|(left, right)| format!("{left}{right}")).collect();
        let mut ranks = HashMap::new();
        for (rank, ((left, right), joined)) in merges.iter().zip(&joined).enumerate() {
            let [left, right, joined] = [left.as_str(), right.as_str(), joined.as_str()].map(|piece| {
                *symbols.entry(piece).or_insert_with(|| {
                    ids.push(unknown);
                    ids.len() as u32 - 1
                })
            });
            // The last one where a pair stands there twice.
            ranks.insert((left, right), (rank as u32, joined));
        }
        let single = |piece: &str| {
            let mut characters = piece.chars();
            let first = characters.next()?;
            match characters.as_str() {
                "" => Some((first, false)),
                END => Some((first, true)),
                _ => None,
            }
        };
        let characters = symbols.iter().filter_map(|(piece, symbol)| Some((single(piece)?, *symbol))).collect();
        PlainBpe { characters, merges: ranks, ids, unknown }
    }

    /// Puts the ids of a word's pieces behind `out`.
    pub fn encode(&self, word: &str, out: &mut Vec<u32>) {
        let last = word.char_indices().next_back().map_or(0, |(at, _)| at);
        let characters = word.char_indices().map(|(at, c)| (c, at == last));
        let symbols: Vec<u32> =
            characters.map(|character| self.characters.get(&character).copied().unwrap_or(OTHER)).collect();
        let size = symbols.len();
        let mut chain = Chain {
            symbols,
            next: (1..=size).collect(),
            previous: (0..size).map(|place| place.saturating_sub(1)).collect(),
        };
        let mut heap: BinaryHeap<Candidate> = (0..size).filter_map(|place| self.candidate(&chain, place)).collect();
        let mut found: Vec<Candidate> = Vec::new();
        while let Some(&Reverse((rank, ..))) = heap.peek() {
            while let Some(Reverse((_, place, left, right))) = pop_if(&mut heap, rank) {
                let Some(next) = chain.next(place) else { continue };
                if chain.symbols[place] != left || chain.symbols[next] != right {
                    continue;
                }
                chain.merge(place, next, self.merges[&(left, right)].1);
                found.extend(chain.previous(place).and_then(|previous| self.candidate(&chain, previous)));
                found.extend(self.candidate(&chain, place));
            }
            heap.extend(found.drain(..));
        }
        let ids = chain.symbols.iter().filter(|&&symbol| symbol != GONE);
        out.extend(ids.map(|&symbol| self.ids.get(symbol as usize).copied().unwrap_or(self.unknown)));
    }

    fn candidate(&self, chain: &Chain, place: usize) -> Option<Candidate> {
        let (left, right) = (chain.symbols[place], chain.symbols[chain.next(place)?]);
        self.merges.get(&(left, right)).map(|(rank, _)| Reverse((*rank, place, left, right)))
    }
}

fn pop_if(heap: &mut BinaryHeap<Candidate>, rank: u32) -> Option<Candidate> {
    heap.peek().is_some_and(|Reverse((least, ..))| *least == rank).then(|| heap.pop()).flatten()
}
