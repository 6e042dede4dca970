//! Added tokens in a text, found as transformers' slow tokenizers find them.
//!
//! The fast ones take the leftmost longest match; the slow ones advance all partial matches side by side and look ahead
//! from the first one that is whole, which differs where tokens overlap. So does what they strip around a token.

use crate::characters::is_python_blank;
use crate::failure::Failure;
use crate::settings::short;
use std::collections::HashMap;
use tokenizers::AddedToken;

/// Characters of a token: partial matches, of which a text's every character may begin one, are as long at most.
const LONGEST: usize = 256;

#[derive(Default)]
struct Node {
    /// Sorted.
    children: Vec<(char, usize)>,
    /// The least rank of the tokens that end here.
    end: Option<usize>,
}

/// Tokens by their characters. Node 0 is the root.
pub struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    /// Ranks are the tokens' places in the list. Empty tokens are passed over.
    pub fn new<'a>(tokens: impl Iterator<Item = &'a str>) -> Self {
        let mut trie = Trie { nodes: vec![Node::default()] };
        for (rank, token) in tokens.enumerate().filter(|(_, token)| !token.is_empty()) {
            let mut node = 0;
            for c in token.chars() {
                node = match trie.nodes[node].children.binary_search_by_key(&c, |child| child.0) {
                    Ok(place) => trie.nodes[node].children[place].1,
                    Err(place) => {
                        let new = trie.nodes.len();
                        trie.nodes.push(Node::default());
                        trie.nodes[node].children.insert(place, (c, new));
                        new
                    }
                };
            }
            trie.nodes[node].end.get_or_insert(rank);
        }
        trie
    }

    fn child(&self, node: usize, c: Option<&char>) -> Option<usize> {
        let children = &self.nodes[node].children;
        children.binary_search_by_key(c?, |child| child.0).ok().map(|place| children[place].1)
    }

    fn ends(&self, node: usize) -> bool {
        self.nodes[node].end.is_some()
    }

    pub fn begins_with(&self, c: char) -> bool {
        self.child(0, Some(&c)).is_some()
    }

    /// The characters of the token of least rank with which a text begins.
    pub fn first_of(&self, text: &[char]) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        let mut node = 0;
        for (index, c) in text.iter().enumerate() {
            let Some(child) = self.child(node, Some(c)) else { break };
            node = child;
            if let Some(rank) = self.nodes[node].end.filter(|&rank| best.is_none_or(|(least, _)| rank < least)) {
                best = Some((rank, index + 1));
            }
        }
        best.map(|(_, length)| length)
    }

    /// The parts of a text, tokens and what lies between them.
    fn split(&self, text: &[char]) -> Vec<String> {
        let mut states: Vec<(usize, usize)> = Vec::new();
        let mut offsets = vec![0];
        let mut skip = 0;
        for current in 0..text.len() {
            if current < skip {
                continue;
            }
            let mut partial = Vec::with_capacity(states.len());
            let mut index = 0;
            while index < states.len() {
                let (start, node) = states[index];
                if self.ends(node) {
                    offsets.extend(self.look_ahead(text, current, &states, start, &mut skip));
                    partial.clear();
                    break;
                }
                if let Some(child) = self.child(node, Some(&text[current])) {
                    states[index].1 = child;
                    partial.push((start, child));
                }
                index += 1;
            }
            states = partial;
            if let Some(child) = self.child(0, Some(&text[current])).filter(|_| current >= skip) {
                states.push((current, child));
            }
        }
        if let Some((start, _)) = states.iter().find(|(_, node)| self.ends(*node)) {
            offsets.extend([*start, text.len()]);
        }
        offsets.push(text.len());
        cut_at(text, &offsets)
    }

    /// Where the token begins and ends that `states` lead to: the longest one from the earliest start. The states before
    /// `start` have read the current character, or stand where they failed to.
    fn look_ahead(
        &self,
        text: &[char],
        current: usize,
        states: &[(usize, usize)],
        mut start: usize,
        skip: &mut usize,
    ) -> [usize; 2] {
        let mut end = current;
        for &(look_start, mut node) in states {
            if look_start > start {
                break;
            }
            let mut ahead = if look_start < start { current + 1 } else { current };
            end = ahead;
            loop {
                if self.ends(node) {
                    (start, end, *skip) = (look_start, ahead, ahead);
                }
                let Some(child) = self.child(node, text.get(ahead)) else { break };
                node = child;
                ahead += 1;
            }
        }
        [start, end]
    }
}

fn cut_at(text: &[char], offsets: &[usize]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut start = 0;
    for &end in offsets.iter().filter(|&&end| end <= text.len()) {
        if start < end {
            parts.push(text[start..end].iter().collect());
            start = end;
        }
    }
    parts
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Token(u32),
    Text(String),
}

pub struct AddedTokens {
    tokens: HashMap<String, (u32, AddedToken)>,
    trie: Trie,
}

impl AddedTokens {
    pub fn new(tokens: impl Iterator<Item = (u32, AddedToken)>) -> Result<Self, Failure> {
        let tokens: HashMap<String, (u32, AddedToken)> =
            tokens.map(|(id, token)| (token.content.clone(), (id, token))).collect();
        if let Some(content) = tokens.keys().find(|content| content.chars().count() > LONGEST) {
            let message = format!(
                "an added token \"{}\" of {} characters, expected at most {LONGEST}",
                short(content),
                content.chars().count()
            );
            return Err(Failure::unsupported(message));
        }
        let trie = Trie::new(tokens.keys().map(String::as_str));
        Ok(AddedTokens { tokens, trie })
    }

    pub fn id(&self, content: &str) -> Option<u32> {
        self.tokens.get(content).map(|(id, _)| *id)
    }

    pub fn ids(&self) -> impl Iterator<Item = (&str, u32)> {
        self.tokens.iter().map(|(content, (id, _))| (content.as_str(), *id))
    }

    /// The text cut at its added tokens, whose properties take blanks away around them or undo the cut.
    pub fn split(&self, text: String) -> Vec<Part> {
        if !text.contains(|c| self.trie.begins_with(c)) {
            return if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] };
        }
        let mut parts = self.trie.split(&text.chars().collect::<Vec<char>>());
        for index in 0..parts.len() {
            if let Some((_, token)) = self.tokens.get(&parts[index]) {
                apply(token, &mut parts, index);
            }
        }
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.map(|part| self.id(&part).map_or(Part::Text(part), Part::Token)).collect()
    }
}

fn apply(token: &AddedToken, parts: &mut [String], index: usize) {
    let has_right = index + 1 < parts.len() && !parts[index + 1].is_empty();
    let has_left = index > 0 && !parts[index - 1].is_empty();
    // As they stood before blanks were taken away.
    let right_joins = has_right && !parts[index + 1].starts_with(' ');
    let left_joins = has_left && !parts[index - 1].ends_with(' ');
    if token.rstrip && has_right {
        parts[index + 1] = parts[index + 1].trim_start_matches(is_python_blank).to_owned();
    }
    if token.lstrip && has_left {
        parts[index - 1] = parts[index - 1].trim_end_matches(is_python_blank).to_owned();
    }
    if token.single_word && left_joins {
        let joined = std::mem::take(&mut parts[index]);
        parts[index - 1] += &joined;
    } else if token.single_word && right_joins {
        let joined = std::mem::take(&mut parts[index]);
        parts[index + 1].insert_str(0, &joined);
    }
}
