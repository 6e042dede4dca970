//! Special and added tokens of a folder, in the order and with the properties that transformers 5.24 gives them.
//!
//! Other than in 4, a token that a file gives properties is added once with these; what names it again changes nothing.

use crate::bounds::{Added, check_listed};
use crate::failure::Failure;
use crate::settings::{Files, Settings, shown};
use crate::special_tokens::{
    ADDITIONAL, DECODER, Defaults, KINDS, Named, PAD, Token, read_list, read_named, read_token,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use tokenizers::{AddedToken, Tokenizer};

const EXTRA: &str = "extra_special_tokens";
const MAP: &str = "special_tokens_map.json";

pub struct Tokens {
    /// As KINDS.
    named: [Option<Named>; 7],
    /// Those that a model names otherwise, such as image_token.
    others: Vec<Named>,
    extra: Vec<Named>,
    /// By the id that a file gives them.
    added: BTreeMap<u64, Token>,
    added_file: &'static str,
}

/// What the files say: tokenizer_config.json, with special_tokens_map.json where that is read.
struct Said {
    values: Map<String, Value>,
    /// By name: those of other names, and a dict of extra_special_tokens.
    others: BTreeMap<String, Value>,
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

impl Said {
    fn read(files: &Files, config: &Settings) -> Result<Self, Failure> {
        let mut said = Said { values: config.values.clone(), others: BTreeMap::new(), has_extra: false };
        if said.values.contains_key(ADDITIONAL) && !is_true(said.values.get(EXTRA)) {
            let additional = said.values.remove(ADDITIONAL).unwrap_or_default();
            said.values.insert(EXTRA.to_owned(), additional);
        }
        let other = |key: &String, value: &Value| {
            key.ends_with("_token") && !KINDS.contains(&key.as_str()) && (value.is_string() || is_added_token(value))
        };
        let names: Vec<String> =
            said.values.iter().filter(|(key, value)| other(key, value)).map(|(key, _)| key.clone()).collect();
        for name in names {
            let value = said.values.remove(&name).unwrap_or_default();
            said.others.insert(name, value);
        }
        said.take_dict();
        if config.get(DECODER).is_none() {
            said.take_map(&files.settings(MAP)?)?;
        }
        said.has_extra = said.values.contains_key(EXTRA);
        Ok(said)
    }

    /// A dict of extra_special_tokens names them.
    fn take_dict(&mut self) {
        if let Some(Value::Object(named)) = self.values.get(EXTRA).cloned() {
            self.values.remove(EXTRA);
            self.others.extend(named);
        }
    }

    fn take_map(&mut self, map: &Settings) -> Result<(), Failure> {
        for (key, value) in &map.values {
            let value = match value {
                Value::Object(token) if key != EXTRA => {
                    let mut token = token.clone();
                    token.insert("special".to_owned(), Value::Bool(true));
                    token.insert("__type".to_owned(), Value::from("AddedToken"));
                    Value::Object(token)
                }
                Value::Array(list) if key == EXTRA => self.joined(list),
                value => value.clone(),
            };
            self.values.insert(key.clone(), value);
        }
        self.take_dict();
        let list = map.values.get(ADDITIONAL).and_then(Value::as_array);
        match list.filter(|_| !self.values.contains_key(EXTRA)).and_then(|list| list.iter().find(|v| v.is_object())) {
            None => Ok(()),
            Some(token) => {
                let message = format!("{MAP}: {ADDITIONAL} has {}, expected strings", shown(token));
                Err(Failure::corrupt(message))
            }
        }
    }

    fn joined(&self, list: &[Value]) -> Value {
        let mut all = self.values.get(EXTRA).and_then(Value::as_array).cloned().unwrap_or_default();
        for token in list {
            if !all.contains(token) {
                all.push(token.clone());
            }
        }
        Value::Array(all)
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
            added: BTreeMap::new(),
            added_file: config.file,
        };
        tokens.take_added(files, config, &said, beside.as_ref())?;
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
        check_listed(tokens.extra.len().max(tokens.others.len()), config.file)?;
        let mut added = Added::default();
        tokens.added.values().for_each(|token| added.add(&token.content));
        added.check(tokens.added_file)?;
        Ok(tokens)
    }

    /// Tokens with ids: those of one file, or of the old files and the tokenizer.json.
    fn take_added(
        &mut self,
        files: &Files,
        config: &Settings,
        said: &Said,
        beside: Option<&Beside>,
    ) -> Result<(), Failure> {
        if let Some(decoder) = config.object(DECODER)? {
            for (id, value) in decoder {
                let place = format!("{}: {DECODER}'s {id:?}", config.file);
                let wrong =
                    |expected: &str| Failure::corrupt(format!("{place} is {}, expected {expected}", shown(value)));
                let token = value.as_object().ok_or_else(|| wrong("a token's properties"))?;
                let id =
                    id.parse().map_err(|_| Failure::corrupt(format!("{place} is no id, expected a whole number")))?;
                self.added.insert(id, read_token(&place, token)?);
            }
            return Ok(());
        }
        let mut special: HashSet<&str> = HashSet::new();
        let named = KINDS.iter().filter_map(|kind| said.values.get(*kind));
        let extra = said.values.get(EXTRA).and_then(Value::as_array).into_iter().flatten();
        special.extend(named.chain(extra).filter_map(|value| value.get("content").unwrap_or(value).as_str()));
        let file = files.settings("added_tokens.json")?;
        for content in file.values.keys() {
            let is_special = special.contains(content.as_str());
            let token = Token { normalized: Some(!is_special), ..Token::plain(content, is_special) };
            self.added.insert(file.count(content)?.unwrap_or(u64::MAX), token);
        }
        if !file.is_empty() {
            self.added_file = file.file;
        }
        if let Some(beside) = beside {
            let own = beside.tokenizer.get_added_tokens_decoder();
            self.added.extend(own.iter().map(|(id, token)| (u64::from(*id), Token::from(token))));
        }
        Ok(())
    }

    /// The class' own tokens, and those of the files over them: each the added token of that content where there is one.
    fn name(&mut self, said: &Said, config: &Settings, defaults: &Defaults) -> Result<(), Failure> {
        for (index, kind) in KINDS.iter().enumerate() {
            let named = match said.values.get(*kind) {
                None => (!defaults.tokens[index].is_empty()).then(|| Named::Bare(defaults.tokens[index].to_owned())),
                Some(Value::Null) => None,
                Some(value) => {
                    let named = read_named(&format!("{}: {kind}", config.file), value)?;
                    let known = self.added.values().rev().find(|token| token.content == named.content());
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
        for token in self.added.values().filter(|token| is_new(token)) {
            known.insert(&token.content);
            list.push(token.to_added(token.special || is_named(&token.content)));
        }
        let missing = named.iter().copied().chain(&self.extra).filter(|named| !known.contains(named.content()));
        list.extend(missing.map(|named| match named {
            Named::Bare(content) => AddedToken::from(content.clone(), true),
            Named::Full(token) => token.to_added(token.special || is_named(&token.content)),
        }));
        tokenizer.add_tokens(list).map_err(Failure::corrupt)?;
        self.check_ids(tokenizer)
    }

    /// Refuses a file that gives a token another id than it has.
    fn check_ids(&self, tokenizer: &Tokenizer) -> Result<(), Failure> {
        for (id, token) in self.added.iter().filter(|(_, token)| !token.content.is_empty()) {
            let real = tokenizer.token_to_id(&token.content);
            if real.map(u64::from) != Some(*id) {
                let message = format!(
                    "{}: {:?} has id {id}, but its id by the vocabulary is {}, expected the same",
                    self.added_file,
                    token.content,
                    real.map_or("none".to_owned(), |id| id.to_string())
                );
                return Err(Failure::corrupt(message));
            }
        }
        Ok(())
    }
}

fn settled(token: &Token) -> Token {
    Token { normalized: Some(token.normalized.unwrap_or(!token.special)), ..token.clone() }
}
