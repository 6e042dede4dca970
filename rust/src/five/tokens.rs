//! Special and added tokens of a folder, in the order and with the properties that transformers 5.24 gives them.
//!
//! Other than in 4, a token that a file gives properties is added once with these; what names it again changes nothing.

use crate::bounds::check_listed;
use crate::failure::Failure;
use crate::numbered_tokens::NumberedTokens;
use crate::settings::{Files, Settings, shown};
use crate::special_tokens::{
    ADDITIONAL, DECODER, Defaults, EXTRA, KINDS, Named, PAD, SpecialTokens, Token, read_list, read_named,
};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use tokenizers::{AddedToken, Tokenizer};

const MAP: &str = "special_tokens_map.json";

pub struct Tokens {
    /// As KINDS.
    named: [Option<Named>; 7],
    /// Those that a model names otherwise, such as image_token.
    others: Vec<Named>,
    extra: Vec<Named>,
    added: NumberedTokens,
}

/// What the files say: tokenizer_config.json, with special_tokens_map.json where that is read.
struct Said {
    values: Map<String, Value>,
    /// Of other names, in the order in which they are added.
    others: Vec<(String, Value)>,
    has_extra: bool,
}

/// What a tokenizer.json has beside its model.
pub struct Beside<'a> {
    pub tokenizer: &'a Tokenizer,
    /// Whether it is read as it is, so that its padding names a token.
    pub as_it_is: bool,
}

fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

/// Whether a key names a token as only a model calls it.
fn is_other(key: &str, value: &Value) -> bool {
    key.ends_with("_token") && !KINDS.contains(&key) && (value.is_string() || is_added_token(value))
}

impl Said {
    fn read(files: &Files, config: &Settings) -> Result<Self, Failure> {
        let mut said = Said { values: config.values.clone(), others: Vec::new(), has_extra: false };
        if said.values.contains_key(ADDITIONAL) && !is_true(said.values.get(EXTRA)) {
            let additional = said.values.remove(ADDITIONAL).unwrap_or_default();
            said.values.insert(EXTRA.to_owned(), additional);
        }
        let is_text = |key: &String| config.values.get(key).is_some_and(Value::is_string);
        let (texts, others): (Vec<String>, Vec<String>) = files.keys(config.file, None).into_iter().partition(is_text);
        said.take_others(texts, config.file)?;
        said.take_dict(files, config.file)?;
        let reads_map = config.get(DECODER).is_none();
        if reads_map {
            said.take_map(files)?;
        }
        // Before these come tokens with properties, and those of the map; the later of two of a name gives the value.
        let later = std::mem::take(&mut said.others);
        said.take_others(others, config.file)?;
        if reads_map {
            said.take_others(files.keys(MAP, None), MAP)?;
        }
        later.into_iter().try_for_each(|(name, value)| said.add_other(name, value, config.file))?;
        said.has_extra = said.values.contains_key(EXTRA);
        Ok(said)
    }

    fn take_others(&mut self, keys: Vec<String>, file: &str) -> Result<(), Failure> {
        for key in keys {
            if self.values.get(&key).is_some_and(|value| is_other(&key, value)) {
                let value = self.values.remove(&key).unwrap_or_default();
                self.add_other(key, value, file)?;
            }
        }
        Ok(())
    }

    /// In place of another of that name.
    fn add_other(&mut self, name: String, value: Value, file: &str) -> Result<(), Failure> {
        match self.others.iter_mut().find(|(other, _)| *other == name) {
            Some((_, other)) => *other = value,
            None => self.others.push((name, value)),
        }
        check_listed(self.others.len(), file)
    }

    /// A dict of extra_special_tokens names them.
    fn take_dict(&mut self, files: &Files, file: &str) -> Result<(), Failure> {
        if !self.values.get(EXTRA).is_some_and(Value::is_object) {
            return Ok(());
        }
        let mut tokens = self.values.remove(EXTRA).unwrap_or_default();
        for name in files.keys(file, Some(EXTRA)) {
            if KINDS.contains(&name.as_str()) {
                let message = format!("{file}: {EXTRA} names {name}, expected other names than those of any tokenizer");
                return Err(Failure::unsupported(message));
            }
            let value = tokens.get_mut(&name).map(Value::take).unwrap_or_default();
            self.add_other(name, value, file)?;
        }
        Ok(())
    }

    fn take_map(&mut self, files: &Files) -> Result<(), Failure> {
        let map = files.settings(MAP)?;
        for (key, value) in &map.values {
            let value = match value {
                Value::Object(token) if key != EXTRA => {
                    let mut token = token.clone();
                    token.insert("special".to_owned(), Value::Bool(true));
                    token.insert("__type".to_owned(), Value::from("AddedToken"));
                    Value::Object(token)
                }
                Value::Array(list) if key == EXTRA => self.joined(list)?,
                value => value.clone(),
            };
            self.values.insert(key.clone(), value);
        }
        self.take_dict(files, MAP)?;
        let list = map.values.get(ADDITIONAL).and_then(Value::as_array);
        match list.filter(|_| !self.values.contains_key(EXTRA)).and_then(|list| list.iter().find(|v| v.is_object())) {
            None => Ok(()),
            Some(token) => {
                let message = format!("{MAP}: {ADDITIONAL} has {}, expected strings", shown(token));
                Err(Failure::corrupt(message))
            }
        }
    }

    fn joined(&self, list: &[Value]) -> Result<Value, Failure> {
        let mut all = self.values.get(EXTRA).and_then(Value::as_array).cloned().unwrap_or_default();
        check_listed(all.len().max(list.len()), MAP)?;
        for token in list {
            if !all.contains(token) {
                all.push(token.clone());
            }
        }
        Ok(Value::Array(all))
    }

    fn list(&self, key: &str, file: &str) -> Result<Vec<Named>, Failure> {
        let value = self.values.get(key).filter(|value| !value.is_null());
        value.map_or(Ok(Vec::new()), |value| read_list(&format!("{file}: {key}"), value))
    }
}

fn is_added_token(value: &Value) -> bool {
    value.get("__type").is_some_and(|kind| kind == "AddedToken")
}

impl Tokens {
    /// `pieces`: control and user-defined pieces of a SentencePiece model, which stand in for the class' own list.
    pub fn read(
        files: &Files,
        config: &Settings,
        defaults: &Defaults,
        beside: Option<Beside>,
        pieces: Option<Vec<Token>>,
    ) -> Result<Self, Failure> {
        let said = Said::read(files, config)?;
        let mut tokens = Tokens {
            named: [const { None }; 7],
            others: Vec::new(),
            extra: Vec::new(),
            added: added_tokens(files, config, &said, beside.as_ref())?,
        };
        tokens.name(&said, config, defaults)?;
        let names_padding = defaults.tokens[PAD].is_empty() && !said.values.contains_key(KINDS[PAD]);
        let padding = beside.filter(|beside| beside.as_it_is && names_padding);
        if let Some(padding) = padding.and_then(|beside| beside.tokenizer.get_padding()) {
            tokens.named[PAD] = Some(Named::Bare(padding.pad_token.clone()));
        }
        tokens.extra = match pieces {
            _ if said.has_extra => said.list(EXTRA, config.file)?,
            Some(pieces) => pieces.into_iter().map(Named::Full).collect(),
            None if said.values.get(ADDITIONAL).is_some_and(|value| !value.is_null()) => said.list(ADDITIONAL, MAP)?,
            None => defaults.additional.iter().map(|content| Named::Bare((*content).to_owned())).collect(),
        };
        tokens.added.check_bounds()?;
        Ok(tokens)
    }

    /// As a class in Python adds them.
    pub fn into_plain(self) -> SpecialTokens {
        SpecialTokens::plain(self.named, self.others.into_iter().chain(self.extra).collect(), self.added)
    }

    /// The class' own tokens, and those of the files over them: each the added token of that content where there is one.
    fn name(&mut self, said: &Said, config: &Settings, defaults: &Defaults) -> Result<(), Failure> {
        for (index, kind) in KINDS.iter().enumerate() {
            let named = match said.values.get(*kind) {
                None => (!defaults.tokens[index].is_empty()).then(|| Named::Bare(defaults.tokens[index].to_owned())),
                Some(Value::Null) => None,
                Some(value) => {
                    let named = read_named(&format!("{}: {kind}", config.file), value)?;
                    let known = self.added.find(named.content());
                    Some(known.map_or(named.clone(), |token| Named::Full(token.clone())))
                }
            };
            self.named[index] = match (named, defaults.forms[index]) {
                (Some(Named::Bare(content)), Some(form)) => Some(Named::Full(Token {
                    lstrip: form.lstrip,
                    normalized: form.normalized,
                    ..Token::plain(&content, form.special)
                })),
                (named, _) => named,
            };
        }
        for (name, value) in &said.others {
            self.others.push(read_named(&format!("{}: {name}", config.file), value)?);
        }
        Ok(())
    }

    /// The content of a special token.
    pub fn content(&self, kind: &str) -> Option<&str> {
        let index = KINDS.iter().position(|name| *name == kind)?;
        self.named[index].as_ref().map(Named::content).filter(|content| !content.is_empty())
    }

    pub fn require(&self, kind: &str) -> Result<&str, Failure> {
        let missing = || Failure::corrupt(format!("tokenizer_config.json: {kind} is null, expected a token"));
        self.content(kind).ok_or_else(missing)
    }

    /// Adds what the tokenizer does not have yet.
    pub fn add_to(&self, tokenizer: &mut Tokenizer) -> Result<(), Failure> {
        let present = tokenizer.get_added_tokens_decoder();
        let own: HashMap<&str, Token> =
            present.values().map(|token| (token.content.as_str(), Token::from(token))).collect();
        let mut known: HashSet<&str> = own.keys().copied().collect();
        let is_new = |token: &Token| own.get(token.content.as_str()) != Some(&settled(token));
        let named: Vec<&Named> = self.named.iter().flatten().chain(&self.others).collect();
        let names: HashSet<&str> = named.iter().map(|named| named.content()).collect();
        let is_named = |content: &str| names.contains(content);
        let mut list: Vec<AddedToken> = Vec::new();
        for token in self.added.iter().filter(|token| is_new(token)) {
            known.insert(&token.content);
            list.push(token.to_added(token.special || is_named(&token.content)));
        }
        let missing = named.iter().copied().chain(&self.extra).filter(|named| !known.contains(named.content()));
        list.extend(missing.map(|named| match named {
            Named::Bare(content) => AddedToken::from(content.clone(), true),
            Named::Full(token) => token.to_added(token.special || is_named(&token.content)),
        }));
        tokenizer.add_tokens(list).map_err(Failure::corrupt)?;
        self.added.check_ids(tokenizer)
    }
}

/// Tokens with ids: those of one file, or of the old files and the tokenizer.json.
fn added_tokens(
    files: &Files,
    config: &Settings,
    said: &Said,
    beside: Option<&Beside>,
) -> Result<NumberedTokens, Failure> {
    if config.get(DECODER).is_some() {
        return NumberedTokens::of_decoder(config);
    }
    let mut special: HashSet<&str> = HashSet::new();
    let named = KINDS.iter().filter_map(|kind| said.values.get(*kind));
    let extra = said.values.get(EXTRA).and_then(Value::as_array).into_iter().flatten();
    special.extend(named.chain(extra).filter_map(|value| value.get("content").unwrap_or(value).as_str()));
    let mut added = NumberedTokens::new(config.file);
    added.take_file(&files.settings("added_tokens.json")?, |content| special.contains(content))?;
    beside.into_iter().for_each(|beside| added.take_tokenizer(beside.tokenizer));
    Ok(added)
}

fn settled(token: &Token) -> Token {
    Token { normalized: Some(token.normalized.unwrap_or(!token.special)), ..token.clone() }
}
