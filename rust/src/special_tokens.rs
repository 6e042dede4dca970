//! Special and added tokens of a model folder, in the order and with the properties that transformers 4.57 gives them.
//!
//! There a slow tokenizer is made first, whose properties of special tokens its fast counterpart takes over; both
//! orders and the moments at which `normalized` is settled decide which tokens are found in a text.

use crate::bounds::check_listed;
use crate::failure::Failure;
use crate::numbered_tokens::NumberedTokens;
use crate::settings::{Files, Settings, shown};
use serde_json::{Map, Value};
use std::collections::HashSet;
use tokenizers::{AddedToken, Tokenizer};

/// Kinds of special tokens, in the order in which they are added.
pub const KINDS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// The index of pad_token in KINDS.
pub const PAD: usize = 4;
pub const ADDITIONAL: &str = "additional_special_tokens";
pub const EXTRA: &str = "extra_special_tokens";
pub const DECODER: &str = "added_tokens_decoder";

/// A token with properties; `normalized` follows from `special` until it is settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub content: String,
    pub single_word: bool,
    pub lstrip: bool,
    pub rstrip: bool,
    pub normalized: Option<bool>,
    pub special: bool,
}

impl Token {
    /// `content` with the properties of none.
    pub fn plain(content: &str, special: bool) -> Self {
        Token {
            content: content.to_owned(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: None,
            special,
        }
    }

    fn settle(mut self) -> Self {
        self.normalized.get_or_insert(!self.special);
        self
    }

    pub fn to_added(&self, special: bool) -> AddedToken {
        AddedToken::from(self.content.clone(), special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized.unwrap_or(!special))
    }
}

impl From<&AddedToken> for Token {
    fn from(token: &AddedToken) -> Self {
        Token {
            content: token.content.clone(),
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            normalized: Some(token.normalized),
            special: token.special,
        }
    }
}

/// A special token as a file names it: bare, or with properties.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    Bare(String),
    Full(Token),
}

impl Named {
    pub fn content(&self) -> &str {
        match self {
            Named::Bare(content) => content,
            Named::Full(token) => &token.content,
        }
    }
}

/// What a tokenizer class makes of a bare special token; None: it stays bare.
#[derive(Clone, Copy)]
pub struct Form {
    pub lstrip: bool,
    pub normalized: Option<bool>,
    pub special: bool,
}

pub const SPECIAL: Option<Form> = Some(Form { lstrip: false, normalized: None, special: true });
/// Not called special where its properties are settled, so that it is looked for in the normalized text.
pub const NORMALIZED: Option<Form> = Some(Form { lstrip: false, normalized: None, special: false });
pub const MASK_SPECIAL: Option<Form> = Some(Form { lstrip: true, normalized: None, special: true });
pub const MASK_NORMALIZED: Option<Form> = Some(Form { lstrip: true, normalized: None, special: false });
pub const MASK_RAW: Option<Form> = Some(Form { lstrip: true, normalized: Some(false), special: false });

/// All kinds but the mask in one form, the mask in its own.
pub const fn forms(all: Option<Form>, mask: Option<Form>) -> [Option<Form>; 7] {
    [all, all, all, all, all, all, mask]
}

/// A tokenizer class' own special tokens.
pub struct Defaults {
    /// As KINDS; "" where there is none.
    pub tokens: [&'static str; 7],
    pub forms: [Option<Form>; 7],
    pub additional: &'static [&'static str],
}

/// All special and added tokens of a folder.
pub struct SpecialTokens {
    named: [Option<Named>; 7],
    additional: Vec<Named>,
    pub added: NumberedTokens,
}

pub fn read_token(place: &str, value: &Map<String, Value>) -> Result<Token, Failure> {
    let switch = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(*on)),
        Some(other) => Err(Failure::corrupt(format!("{place}: {key} is {}, expected true or false", shown(other)))),
    };
    let content = value.get("content").and_then(Value::as_str);
    let content = content.ok_or_else(|| Failure::corrupt(format!("{place} has no content, expected a string")))?;
    Ok(Token {
        content: content.to_owned(),
        single_word: switch("single_word")?.unwrap_or(false),
        lstrip: switch("lstrip")?.unwrap_or(false),
        rstrip: switch("rstrip")?.unwrap_or(false),
        normalized: switch("normalized")?,
        special: switch("special")?.unwrap_or(false),
    })
}

pub fn read_named(place: &str, value: &Value) -> Result<Named, Failure> {
    match value {
        Value::String(content) => Ok(Named::Bare(content.clone())),
        Value::Object(token) => Ok(Named::Full(read_token(place, token)?)),
        other => {
            Err(Failure::corrupt(format!("{place} is {}, expected a string or a token's properties", shown(other))))
        }
    }
}

pub fn read_list(place: &str, value: &Value) -> Result<Vec<Named>, Failure> {
    let list = value.as_array();
    let list =
        list.ok_or_else(|| Failure::corrupt(format!("{place} is {}, expected a list of tokens", shown(value))))?;
    check_listed(list.len(), place)?;
    list.iter().map(|token| read_named(place, token)).collect()
}

impl SpecialTokens {
    /// What the files say over a class' own. `beside`: a tokenizer.json that has tokens already, and may name one for
    /// padding; without one the class is a slow tokenizer first.
    pub fn read(
        files: &Files,
        config: &Settings,
        defaults: &Defaults,
        beside: Option<&Tokenizer>,
    ) -> Result<Self, Failure> {
        let mut tokens = Self::of(defaults, config.file);
        let padding = beside.and_then(|tokenizer| tokenizer.get_padding());
        tokens.named[PAD] = tokens.named[PAD].take().or(padding.map(|padding| Named::Bare(padding.pad_token.clone())));
        if config.get(DECODER).is_some() {
            tokens.take(config)?;
            tokens.added = NumberedTokens::of_decoder(config)?;
            tokens.refer_to_added(&[config]);
        } else {
            let map = tokens.take_named(files, config)?;
            tokens.take_added_tokens(&files.settings("added_tokens.json")?, &[config, &map])?;
            if let Some(tokenizer) = beside {
                tokens.added.take_tokenizer(tokenizer);
                tokens.refer_to_added(&[config, &map]);
            }
        }
        tokens.shape(defaults);
        tokens.take_extra(files, config)?;
        tokens.added.check_bounds()?;
        if beside.is_none() {
            tokens.settle();
        }
        Ok(tokens)
    }

    /// Those of a class in Python of transformers 5.24: each as it stands in `added`, else without properties.
    pub fn plain(named: [Option<Named>; 7], others: Vec<Named>, added: NumberedTokens) -> Self {
        let bare = |named: Named| Named::Bare(named.content().to_owned());
        SpecialTokens {
            named: named.map(|named| named.map(bare)),
            additional: others.into_iter().map(bare).collect(),
            added,
        }
    }

    fn of(defaults: &Defaults, added_file: &'static str) -> Self {
        let bare = |content: &str| (!content.is_empty()).then(|| Named::Bare(content.to_owned()));
        SpecialTokens {
            named: defaults.tokens.map(bare),
            additional: defaults.additional.iter().map(|content| Named::Bare((*content).to_owned())).collect(),
            added: NumberedTokens::new(added_file),
        }
    }

    /// What tokenizer_config.json and special_tokens_map.json name; returns the latter.
    fn take_named(&mut self, files: &Files, config: &Settings) -> Result<Settings, Failure> {
        self.take(config)?;
        let mut map = files.settings("special_tokens_map.json")?;
        for value in map.values.values_mut().filter_map(Value::as_object_mut) {
            value.insert("special".to_owned(), Value::Bool(true));
        }
        let configured = config.get(ADDITIONAL).map(|_| std::mem::take(&mut self.additional));
        self.take(&map)?;
        if let Some(mut all) = configured {
            if map.get(ADDITIONAL).is_some() {
                let new = std::mem::take(&mut self.additional).into_iter();
                new.for_each(|token| {
                    if !all.contains(&token) {
                        all.push(token)
                    }
                });
            }
            self.additional = all;
        }
        Ok(map)
    }

    /// What a file says of special tokens; null takes one away.
    fn take(&mut self, settings: &Settings) -> Result<(), Failure> {
        for (kind, named) in KINDS.iter().zip(&mut self.named) {
            match settings.values.get(*kind) {
                None => {}
                Some(Value::Null) => *named = None,
                Some(value) => *named = Some(read_named(&format!("{}: {kind}", settings.file), value)?),
            }
        }
        match settings.values.get(ADDITIONAL) {
            None => {}
            Some(Value::Null) => self.additional.clear(),
            Some(value) => {
                let mut list = read_list(&format!("{}: {ADDITIONAL}", settings.file), value)?;
                if settings.file == "special_tokens_map.json" {
                    list.iter_mut().for_each(|token| {
                        if let Named::Full(token) = token {
                            token.special = true
                        }
                    });
                }
                self.additional = list;
            }
        }
        Ok(())
    }

    /// extra_special_tokens names tokens as a model calls them, over the class' own kinds where the names are those. A list
    /// of them, which 5 writes, has no names.
    fn take_extra(&mut self, files: &Files, config: &Settings) -> Result<(), Failure> {
        let place = format!("{}: {EXTRA}", config.file);
        match config.get(EXTRA) {
            None => {}
            Some(Value::Object(tokens)) => {
                check_listed(tokens.len(), &place)?;
                for name in files.keys(config.file, Some(EXTRA)) {
                    let named = read_named(&format!("{place}'s {name}"), tokens.get(&name).unwrap_or(&Value::Null))?;
                    match KINDS.iter().position(|kind| *kind == name) {
                        Some(kind) => self.named[kind] = Some(named),
                        None => self.add_extra(named),
                    }
                }
            }
            Some(list) => read_list(&place, list)?.into_iter().for_each(|named| self.add_extra(named)),
        }
        Ok(())
    }

    /// The first of a content counts.
    fn add_extra(&mut self, named: Named) {
        if !named.content().is_empty() && self.additional.iter().all(|other| other.content() != named.content()) {
            self.additional.push(named);
        }
    }

    /// Of added_tokens.json those are special that a file calls so; the class' own do not count.
    fn take_added_tokens(&mut self, file: &Settings, named_in: &[&Settings]) -> Result<(), Failure> {
        let is_named = |kind: &str| named_in.iter().any(|settings| settings.get(kind).is_some());
        let named =
            KINDS.iter().zip(&self.named).filter(|(kind, _)| is_named(kind)).filter_map(|(_, named)| named.as_ref());
        let additional = self.additional.iter().filter(|_| is_named(ADDITIONAL));
        let special: HashSet<&str> = named.chain(additional).map(Named::content).collect();
        self.added.take_file(file, |content| special.contains(content))
    }

    /// A special token that these files name is the added token of that content, with its properties.
    fn refer_to_added(&mut self, named_in: &[&Settings]) {
        let is_named = |kind: &str| named_in.iter().any(|settings| settings.get(kind).is_some());
        let configured = KINDS.iter().zip(&mut self.named).filter(|(kind, _)| is_named(kind));
        for named in configured.filter_map(|(_, named)| named.as_mut()) {
            if let Some(token) = self.added.find(named.content()) {
                *named = Named::Full(token.clone());
            }
        }
    }

    /// Bare tokens in the class' form.
    fn shape(&mut self, defaults: &Defaults) {
        for (named, form) in self.named.iter_mut().zip(defaults.forms) {
            *named = match (named.take(), form) {
                (Some(Named::Bare(content)), Some(form)) => Some(Named::Full(
                    Token { lstrip: form.lstrip, normalized: form.normalized, ..Token::plain(&content, form.special) }
                        .settle(),
                )),
                (other, _) => other,
            };
        }
    }

    /// As a slow tokenizer hands them on.
    fn settle(&mut self) {
        for named in self.named.iter_mut().flatten().chain(&mut self.additional) {
            if let Named::Full(token) = named {
                *token = token.clone().settle();
            }
        }
    }

    /// The content of a special token.
    pub fn content(&self, kind: &str) -> Option<&str> {
        let index = KINDS.iter().position(|name| *name == kind)?;
        self.named[index].as_ref().map(Named::content).filter(|content| !content.is_empty())
    }

    /// Special tokens, each content once.
    fn all_special(&self) -> Vec<&Named> {
        let mut all: Vec<&Named> = Vec::new();
        for named in self.named.iter().flatten() {
            if !named.content().is_empty() && all.iter().all(|other| other.content() != named.content()) {
                all.push(named);
            }
        }
        let before = all.clone();
        all.extend(
            self.additional.iter().filter(|named| before.iter().all(|other| other.content() != named.content())),
        );
        all
    }

    /// The contents of special tokens, each once.
    pub fn contents(&self) -> Vec<&str> {
        self.all_special().into_iter().map(Named::content).collect()
    }

    /// The tokens to add to a tokenizer that has `present` already, in order.
    pub fn to_add(&self, present: &[String]) -> Vec<AddedToken> {
        let special = self.all_special();
        let contents: HashSet<&str> = special.iter().map(|named| named.content()).collect();
        let is_special = |content: &str| contents.contains(content);
        let mut list: Vec<AddedToken> =
            self.added.iter().map(|token| token.to_added(token.special || is_special(&token.content))).collect();
        let known: HashSet<String> =
            list.iter().map(|token| token.content.clone()).chain(present.iter().cloned()).collect();
        for named in &special {
            match named {
                Named::Bare(content) if known.contains(content) => {}
                Named::Bare(content) => list.push(AddedToken::from(content.clone(), true)),
                Named::Full(token) => list.push(token.to_added(true)),
            }
        }
        list
    }
}
