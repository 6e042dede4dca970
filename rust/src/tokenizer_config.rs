//! What tokenizer_config.json and the files beside it change of a tokenizer.json, as transformers 4.57 reads both.
//!
//! There the class that reads a tokenizer.json adds its special tokens and those of the files, sets the prefix space of a
//! ByteLevel pre-tokenizer, and (BERT's kin) the case and accents of a BertNormalizer; what the files leave out is the
//! class' own. So a tokenizer.json alone does not say which ids a text has.

use crate::classes::NO_TOKENS;
use crate::failure::Failure;
use crate::fast_class::{Choice, FastClass, Reaction, choose};
use crate::settings::{Files, Settings, short, shown};
use crate::special_tokens::SpecialTokens;
use ahash::AHashMap;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{AddedToken, AddedVocabulary, NormalizerWrapper, Tokenizer};

const FILE: &str = "tokenizer_config.json";

/// What was changed, each as a clause that people read.
#[derive(Default)]
pub struct Changes {
    pub applied: Vec<String>,
    /// What the files ask for, and is not done.
    pub notes: Vec<String>,
    /// The normalizer that added tokens went through, where it is not the tokenizer's own any more.
    pub added_by: Option<NormalizerWrapper>,
}

/// A change from what tokenizer.json has to what a file or a class says.
struct Change<'a> {
    setting: &'a str,
    before: String,
    after: String,
}

struct Sources<'a> {
    config: &'a Settings,
    class: Option<&'static FastClass>,
}

impl Sources<'_> {
    fn describe(&self, change: Change) -> String {
        let Change { setting, before, after } = change;
        match self.class.filter(|_| !self.config.values.contains_key(setting)) {
            Some(class) => {
                format!("{setting} is {after} as {}Fast has it, over tokenizer.json's {before}", class.name)
            }
            None => format!("{setting} is {after}, over tokenizer.json's {before}"),
        }
    }
}

/// Changes a tokenizer.json's tokenizer as the class of its folder does.
pub fn apply(files: &Files, tokenizer: &mut Tokenizer) -> Result<Changes, Failure> {
    let config = files.settings(FILE)?;
    refuse_other_sources(&config)?;
    let Choice { class, note } = choose(&config, &files.settings("config.json")?)?;
    let mut changes = Changes { notes: note.into_iter().collect(), ..Changes::default() };
    if class.is_none() && config.is_empty() && changes.notes.is_empty() {
        return Ok(changes);
    }
    let sources = Sources { config: &config, class };
    add_tokens(files, &sources, tokenizer, &mut changes)?;
    set_prefix_space(&sources, tokenizer, &mut changes)?;
    split_special_tokens(&config, tokenizer, &mut changes)?;
    match class.map_or(Reaction::Nothing, |class| class.reaction) {
        Reaction::Nothing => {}
        reaction => set_case(&sources, reaction, tokenizer, &mut changes)?,
    }
    Ok(changes)
}

/// Refuses what names another source than tokenizer.json.
pub fn refuse_other_sources(config: &Settings) -> Result<(), Failure> {
    if config.switch("from_slow")?.unwrap_or(false) {
        let message = format!("{FILE}: from_slow is true, which passes over the tokenizer.json, expected false");
        return Err(Failure::unsupported(message));
    }
    let Some(value) = config.get("fast_tokenizer_files") else { return Ok(()) };
    let names = value.as_array().map_or(&[][..], Vec::as_slice);
    match names.iter().find(|name| name.as_str() != Some("tokenizer.json")) {
        None => Ok(()),
        Some(name) => Err(Failure::unsupported(format!(
            "{FILE}: fast_tokenizer_files names {}, expected tokenizer.json only",
            shown(name)
        ))),
    }
}

pub fn split_special_tokens(
    config: &Settings,
    tokenizer: &mut Tokenizer,
    changes: &mut Changes,
) -> Result<(), Failure> {
    if config.switch("split_special_tokens")?.unwrap_or(false) {
        tokenizer.set_encode_special_tokens(true);
        changes.applied.push("split_special_tokens is true: special tokens in a text are split like words".to_owned());
    }
    Ok(())
}

fn add_tokens(
    files: &Files,
    sources: &Sources,
    tokenizer: &mut Tokenizer,
    changes: &mut Changes,
) -> Result<(), Failure> {
    let defaults = sources.class.map_or(&NO_TOKENS, |class| &class.defaults);
    let mut special = SpecialTokens::read(files, sources.config, defaults, Some(tokenizer))?;
    let before = tokenizer.get_added_tokens_decoder();
    let mut present: Vec<(u32, String)> = before.iter().map(|(id, token)| (*id, token.content.clone())).collect();
    present.sort();
    let present: Vec<String> = present.into_iter().map(|(_, content)| content).collect();
    let mut tokens = special.to_add(&present);
    settle_searches(before.values(), &mut tokens, &mut changes.notes);
    tokenizer.add_tokens(tokens).map_err(Failure::corrupt)?;
    let present: HashSet<String> = present.into_iter().collect();
    special.added.forget(|content| present.contains(content));
    special.added.check_ids(tokenizer)?;

    describe_tokens(&before, tokenizer, changes);
    Ok(())
}

/// Says which added tokens a tokenizer has besides those of `before`, by id, or other than there.
pub fn describe_tokens(before: &AHashMap<u32, AddedToken>, tokenizer: &Tokenizer, changes: &mut Changes) {
    let mut after: Vec<_> = tokenizer.get_added_tokens_decoder().into_iter().collect();
    after.sort_by_key(|(id, _)| *id);
    let names = |keep: &dyn Fn(u32) -> bool| -> Vec<&str> {
        let kept = after.iter().filter(|(id, token)| keep(*id) && before.get(id) != Some(token));
        kept.map(|(_, token)| token.content.as_str()).collect()
    };
    for (what, names) in [
        ("found in a text, and not by tokenizer.json alone", names(&|id| !before.contains_key(&id))),
        ("found by other rules than tokenizer.json's", names(&|id| before.contains_key(&id))),
    ] {
        if !names.is_empty() {
            changes.applied.push(format!("{} {}", tokens_are(&names), what));
        }
    }
}

/// In transformers a special token is looked for in the text as given or in the normalized one, as it was when it became
/// special; the rest goes by the last to be added. An ordinary one is looked for in both once it was added for both.
fn settle_searches<'a>(
    before: impl Iterator<Item = &'a AddedToken>,
    tokens: &mut [AddedToken],
    notes: &mut Vec<String>,
) {
    let mut known: BTreeMap<String, (bool, bool)> =
        before.map(|token| (token.content.clone(), (token.special, token.normalized))).collect();
    for token in tokens {
        match known.get(&token.content).copied() {
            Some((true, normalized)) => token.normalized = normalized,
            Some((false, normalized)) if normalized != token.normalized => {
                token.normalized = true;
                notes.push(format!(
                    "transformers looks for the token {:?} in the text as given too, which is not done",
                    short(&token.content)
                ));
            }
            _ => {}
        }
        let entry = known.entry(token.content.clone()).or_default();
        *entry = (entry.0 || token.special, token.normalized);
    }
}

/// "the token "x" is", or "the tokens "x", "y" and 5 more are".
fn tokens_are(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{:?}", short(name))).collect();
    let list = shown.join(", ");
    match names.len() {
        1 => format!("the token {list} is"),
        count if count > SHOWN => format!("the tokens {list} and {} more are", count - SHOWN),
        _ => format!("the tokens {list} are"),
    }
}

/// Of a ByteLevel that is the whole pre-tokenizer; null leaves it as it is.
fn set_prefix_space(sources: &Sources, tokenizer: &mut Tokenizer, changes: &mut Changes) -> Result<(), Failure> {
    const KEY: &str = "add_prefix_space";
    let wanted = match sources.config.values.get(KEY) {
        Some(Value::Null) => return Ok(()),
        _ => sources.config.switch(KEY)?.unwrap_or(false),
    };
    let Some(PreTokenizerWrapper::ByteLevel(byte_level)) = tokenizer.get_pre_tokenizer() else { return Ok(()) };
    if byte_level.add_prefix_space == wanted {
        return Ok(());
    }
    let (mut byte_level, before) = (*byte_level, byte_level.add_prefix_space.to_string());
    byte_level.add_prefix_space = wanted;
    tokenizer.with_pre_tokenizer(Some(byte_level));
    changes.applied.push(sources.describe(Change { setting: KEY, before, after: wanted.to_string() }));
    Ok(())
}

fn set_case(
    sources: &Sources,
    reaction: Reaction,
    tokenizer: &mut Tokenizer,
    changes: &mut Changes,
) -> Result<(), Failure> {
    let lower_case = sources.config.switch("do_lower_case")?.unwrap_or(true);
    let strip_accents = sources.config.switch("strip_accents")?;
    let chinese = sources.config.switch("tokenize_chinese_chars")?.unwrap_or(true);
    let Some(NormalizerWrapper::BertNormalizer(old)) = tokenizer.get_normalizer() else {
        let has = tokenizer.get_normalizer().map_or("none", |_| "another one");
        let keys = ["do_lower_case", "strip_accents", "tokenize_chinese_chars"];
        if let Some(key) = keys.into_iter().find(|key| sources.config.get(key).is_some()) {
            let note = format!("{FILE}'s {key} has no effect: it sets a BertNormalizer, and tokenizer.json has {has}");
            changes.notes.push(note);
        }
        return Ok(());
    };
    let old = *old;
    let chinese = if reaction == Reaction::CaseAndChinese { chinese } else { old.handle_chinese_chars };
    let new = BertNormalizer::new(old.clean_text, chinese, strip_accents, lower_case);
    let accents = |accents: Option<bool>| accents.map_or("null".to_owned(), |strip| strip.to_string());
    let count = changes.applied.len();
    for (setting, before, after) in [
        ("do_lower_case", old.lowercase.to_string(), lower_case.to_string()),
        ("strip_accents", accents(old.strip_accents), accents(strip_accents)),
        ("tokenize_chinese_chars", old.handle_chinese_chars.to_string(), chinese.to_string()),
    ] {
        if before != after {
            changes.applied.push(sources.describe(Change { setting, before, after }));
        }
    }
    if changes.applied.len() > count {
        changes.added_by = Some(old.into());
        replace_normalizer(tokenizer, new.into())?;
    }
    Ok(())
}

/// The added tokens stay as the old normalizer made them: the classes set the new one when they are in place.
fn replace_normalizer(tokenizer: &mut Tokenizer, normalizer: NormalizerWrapper) -> Result<(), Failure> {
    let added: AddedVocabulary = tokenizer.get_added_vocabulary().clone();
    tokenizer.with_normalizer(Some(normalizer)).map_err(Failure::corrupt)?;
    tokenizer.with_added_vocabulary(added);
    Ok(())
}
