//! Tokens to which a folder's files give ids, for the readings of transformers 4.57 and 5.24.

use crate::bounds::Added;
use crate::failure::Failure;
use crate::settings::{Settings, shown};
use crate::special_tokens::{DECODER, Token, read_token};
use std::collections::BTreeMap;
use tokenizers::Tokenizer;

pub struct NumberedTokens {
    tokens: BTreeMap<u64, Token>,
    /// The file that gives the ids.
    file: &'static str,
}

impl NumberedTokens {
    pub fn new(file: &'static str) -> Self {
        NumberedTokens { tokens: BTreeMap::new(), file }
    }

    /// tokenizer_config.json's added_tokens_decoder.
    pub fn of_decoder(config: &Settings) -> Result<Self, Failure> {
        let mut numbered = Self::new(config.file);
        for (id, value) in config.object(DECODER)?.into_iter().flatten() {
            let place = format!("{}: {DECODER}'s {id:?}", config.file);
            let wrong = |expected: &str| Failure::corrupt(format!("{place} is {}, expected {expected}", shown(value)));
            let token = value.as_object().ok_or_else(|| wrong("a token's properties"))?;
            let id = id.parse().map_err(|_| Failure::corrupt(format!("{place} is no id, expected a whole number")))?;
            numbered.tokens.insert(id, read_token(&place, token)?);
        }
        Ok(numbered)
    }

    /// added_tokens.json: tokens and their ids.
    pub fn take_file(&mut self, file: &Settings, is_special: impl Fn(&str) -> bool) -> Result<(), Failure> {
        for content in file.values.keys() {
            let special = is_special(content);
            let token = Token { normalized: Some(!special), ..Token::plain(content, special) };
            if let Some(other) = self.tokens.insert(file.count(content)?.unwrap_or(u64::MAX), token) {
                let message = format!(
                    "{}: {:?} and {content:?} have the same id, expected each id once",
                    file.file, other.content
                );
                return Err(Failure::corrupt(message));
            }
        }
        if !file.is_empty() {
            self.file = file.file;
        }
        Ok(())
    }

    /// Those of a tokenizer.json.
    pub fn take_tokenizer(&mut self, tokenizer: &Tokenizer) {
        let own = tokenizer.get_added_tokens_decoder();
        self.tokens.extend(own.iter().map(|(id, token)| (u64::from(*id), Token::from(token))));
    }

    /// By their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Token> {
        self.tokens.values()
    }

    /// The last one where a content stands there twice.
    pub fn find(&self, content: &str) -> Option<&Token> {
        self.iter().rev().find(|token| token.content == content)
    }

    /// Leaves out of check_ids what a tokenizer.json had before.
    pub fn forget(&mut self, known: impl Fn(&str) -> bool) {
        self.tokens.retain(|_, token| !known(&token.content));
    }

    pub fn check_bounds(&self) -> Result<(), Failure> {
        let mut added = Added::default();
        self.iter().for_each(|token| added.add(&token.content));
        added.check(self.file)
    }

    /// Refuses a file that gives a token another id than it has.
    pub fn check_ids(&self, tokenizer: &Tokenizer) -> Result<(), Failure> {
        for (id, token) in self.tokens.iter().filter(|(_, token)| !token.content.is_empty()) {
            let real = tokenizer.token_to_id(&token.content);
            if real.map(u64::from) != Some(*id) {
                let message = format!(
                    "{}: {:?} has id {id}, but its id by the vocabulary is {}, expected the same",
                    self.file,
                    token.content,
                    real.map_or("none".to_owned(), |id| id.to_string())
                );
                return Err(Failure::corrupt(message));
            }
        }
        Ok(())
    }
}
