//! The tokenizer of a class of transformers 5.24, over a tokenizer.json or from vocabulary files.

use super::class::{Choice, Class, Kind, choose};
use super::tokens::{Beside, Tokens};
use super::vocabulary::{read_merges_txt, read_vocab_json, read_vocab_txt};
use crate::charsmap::check_charsmap;
use crate::failure::Failure;
use crate::from_vocabulary::{
    self, BRACKETS, Built, DOUBLED, Room, Template, XLNET_TEXTS, byte_bpe_model, word_piece_model,
};
use crate::sentence_piece::{ModelType, PieceType, SentencePiece};
use crate::settings::{Files, Settings, shown};
use crate::special_tokens::Token;
use crate::tokenizer_config::{Changes, describe_tokens, refuse_other_sources, split_special_tokens};
use crate::version::Version;
use crate::vocabulary_files::Vocabulary;
use serde_json::Value;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{
    BertNormalizer, Lowercase, NFC, NFKD, NormalizerWrapper, Precompiled, Replace, Sequence, Strip, StripAccents,
};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedVocabulary, Model, PostProcessorWrapper, Tokenizer};

const FILE: &str = "tokenizer_config.json";
const METASPACE: char = '\u{2581}';

struct Sources<'a> {
    class: &'static Class,
    config: &'a Settings,
    tokens: &'a Tokens,
    /// SentencePiece's map of characters.
    charsmap: Option<Precompiled>,
    /// The unknown piece of a SentencePiece model.
    unk_id: Option<i64>,
}

impl Sources<'_> {
    /// true or false; null, which transformers passes on to where nothing takes it, is refused.
    fn switch(&self, key: &str, default: bool) -> Result<bool, Failure> {
        match self.config.values.get(key) {
            None => Ok(default),
            Some(Value::Bool(on)) => Ok(*on),
            Some(other) => {
                let message = format!("{FILE}: {key} is {}, expected true or false", shown(other));
                Err(Failure::corrupt(message))
            }
        }
    }
}

/// Changes a tokenizer.json's tokenizer as the class of its folder does; `unk_id` is that of its Unigram model.
pub fn apply(files: &Files, json: &[u8], tokenizer: &mut Tokenizer, unk_id: Option<u64>) -> Result<Changes, Failure> {
    let config = files.settings(FILE)?;
    refuse_other_sources(&config)?;
    let Choice { class, note, .. } = choose(&config, &files.settings("config.json")?, Some(json))?;
    let mut changes = Changes { notes: note.into_iter().collect(), ..Changes::default() };
    let as_it_is = matches!(class.kind, Kind::Backend | Kind::BertOverFile);
    let beside = Beside { tokenizer, as_it_is };
    let tokens = Tokens::read(files, &config, &class.defaults, Some(beside), None)?;
    let before = tokenizer.get_added_tokens_decoder();
    let mut sources = Sources { class, config: &config, tokens: &tokens, charsmap: None, unk_id: None };
    if !as_it_is {
        sources.charsmap = charsmap(tokenizer.get_normalizer());
        tokenizer.with_added_vocabulary(AddedVocabulary::new());
        if let Some(remade) = model(&sources, tokenizer.get_model(), unk_id)? {
            tokenizer.with_model(remade.model);
            let settings = || format!("the model's settings are {}'s, over tokenizer.json's", class.name());
            changes.applied.extend(remade.by_settings.then(settings));
        }
        set_stages(&sources, tokenizer, &mut changes)?;
    }
    let early = early_ids(tokenizer, &tokens);
    tokens.add_to(tokenizer)?;
    describe_tokens(&before, tokenizer, &mut changes);
    if let Some(processor) = post_processor(&sources, tokenizer, early)? {
        let own = tokenizer.get_post_processor();
        if !same(own, Some(&processor)) {
            changes.applied.push(format!("the post-processor is {}'s, over tokenizer.json's", class.name()));
        }
        tokenizer.with_post_processor(Some(processor));
    }
    split_special_tokens(&config, tokenizer, &mut changes)?;
    Ok(changes)
}

/// From vocabulary files.
pub fn build(files: &Files) -> Result<Built, Failure> {
    let config = files.settings(FILE)?;
    let model_config = files.settings("config.json")?;
    let Choice { class, in_python, note } = choose(&config, &model_config, None)?;
    if in_python {
        return from_vocabulary::build(files, Version::Five);
    }
    if class.kind == Kind::Backend {
        let asked = note.unwrap_or_else(|| format!("{} reads the folder", class.name()));
        let message = format!("no tokenizer.json, and {asked}, which is not built from vocabulary files, expected one");
        return Err(Failure::unsupported(message));
    }
    let mut origin = class.files.join(" + ");
    if !config.is_empty() {
        origin = format!("{origin} + {FILE}");
    }
    let room = Room { files: class.files.join(" + "), ids: model_config.count("vocab_size")? };
    let first = class.files[0];
    let spm = first.ends_with(".model").then(|| SentencePiece::read(first, files.require(first)?)).transpose()?;
    let tokens = Tokens::read(files, &config, &class.defaults, None, spm.as_ref().map(special_pieces))?;
    let mut sources = Sources { class, config: &config, tokens: &tokens, charsmap: None, unk_id: None };
    let model = match &spm {
        Some(spm) => {
            sources.unk_id = Some(i64::from(spm.unk_id));
            if !spm.charsmap.is_empty() {
                check_charsmap(&spm.charsmap, first)?;
                sources.charsmap = Some(Precompiled::from(&spm.charsmap).map_err(Failure::corrupt)?);
            }
            unigram(&sources, scored_pieces(&sources, spm)?)?
        }
        None => model_of_files(&sources, files)?,
    };
    let mut tokenizer = Tokenizer::new(model);
    set_stages(&sources, &mut tokenizer, &mut Changes::default())?;
    room.check_vocabulary(&tokenizer)?;
    let early = early_ids(&tokenizer, &tokens);
    tokens.add_to(&mut tokenizer)?;
    let processor = match post_processor(&sources, &tokenizer, early)? {
        None => bos_and_eos(&sources, &tokenizer)?,
        own => own,
    };
    tokenizer.with_post_processor(processor);
    split_special_tokens(&config, &mut tokenizer, &mut Changes::default())?;
    Ok(Built { tokenizer, moses: None, origin })
}

/// The first Precompiled of a normalizer or of its stages.
fn charsmap(normalizer: Option<&NormalizerWrapper>) -> Option<Precompiled> {
    let own = |stage: &NormalizerWrapper| match stage {
        NormalizerWrapper::Precompiled(map) => Some(map.clone()),
        _ => None,
    };
    match normalizer? {
        NormalizerWrapper::Sequence(stages) => stages.as_ref().iter().find_map(own),
        stage => own(stage),
    }
}

fn special_pieces(spm: &SentencePiece) -> Vec<Token> {
    let own = spm.pieces.iter().filter(|piece| matches!(piece.kind, PieceType::Control | PieceType::UserDefined));
    own.map(|piece| Token { normalized: Some(false), ..Token::plain(&piece.text, piece.kind == PieceType::Control) })
        .collect()
}

fn scored_pieces(sources: &Sources, spm: &SentencePiece) -> Result<Vec<(String, f64)>, Failure> {
    let kind = sources.class.kind;
    let name = sources.class.files[0];
    if kind == Kind::Camembert && spm.model_type != ModelType::Unigram {
        let message = format!(
            "{name} is a SentencePiece model of type {:?}, which transformers 5 does not read for {}, expected Unigram",
            spm.model_type,
            sources.class.name()
        );
        return Err(Failure::unsupported(message));
    }
    let scored = |skip: usize| spm.pieces.iter().skip(skip).map(|piece| (piece.text.clone(), f64::from(piece.score)));
    let token = |kind: &str| Ok::<_, Failure>((sources.tokens.require(kind)?.to_owned(), 0.0));
    let fixed = |piece: &str, score: f64| (piece.to_owned(), score);
    Ok(match kind {
        Kind::Camembert => {
            let mut all = vec![fixed("<s>NOTUSED", 0.0), token("pad_token")?, fixed("</s>NOTUSED", 0.0)];
            all.extend([token("unk_token")?, fixed("<unk>NOTUSED", -100.0)]);
            all.extend(scored(1));
            all.push(token("mask_token")?);
            all
        }
        Kind::XlmRoberta => {
            let mut all = vec![token("bos_token")?, token("pad_token")?, token("eos_token")?, token("unk_token")?];
            all.extend(scored(3));
            all.push(token("mask_token")?);
            all
        }
        _ => scored(0).collect(),
    })
}

fn model_of_files(sources: &Sources, files: &Files) -> Result<ModelWrapper, Failure> {
    if sources.class.files.len() == 1 {
        let vocabulary = read_vocab_txt(files.require("vocab.txt")?)?;
        return word_piece_model(vocabulary, sources.tokens.require("unk_token")?);
    }
    let vocabulary = read_vocab_json(files.require("vocab.json")?)?;
    let merges = read_merges_txt(files.require("merges.txt")?, &vocabulary)?;
    byte_bpe_model(vocabulary, merges)
}

fn unigram(sources: &Sources, pieces: Vec<(String, f64)>) -> Result<ModelWrapper, Failure> {
    let unk_id = usize::try_from(unigram_unknown(sources, &pieces)?).ok().filter(|&id| id < pieces.len());
    let outside = || {
        Failure::corrupt(format!("{}'s unknown piece is not in the vocabulary, expected a piece", sources.class.name()))
    };
    Ok(Unigram::from(pieces, Some(unk_id.ok_or_else(outside)?), false).map_err(Failure::corrupt)?.into())
}

/// The id of the unknown piece as the class has it.
fn unigram_unknown(sources: &Sources, pieces: &[(String, f64)]) -> Result<i64, Failure> {
    let configured = |default: i64| match (sources.unk_id, sources.config.values.get("unk_id")) {
        (Some(id), _) => Ok(id),
        (None, None) => Ok(default),
        (None, Some(id)) => id
            .as_i64()
            .ok_or_else(|| Failure::corrupt(format!("{FILE}: unk_id is {}, expected a whole number", shown(id)))),
    };
    let unknown = sources.tokens.require("unk_token")?;
    let at = |found: &dyn Fn(&(String, f64)) -> bool| pieces.iter().position(found).map(|id| id as i64);
    match sources.class.kind {
        Kind::Camembert => Ok(at(&|(piece, _)| piece == unknown).unwrap_or(0)),
        Kind::XlmRoberta => Ok(3),
        Kind::Albert => Ok(1),
        Kind::DebertaV2 => match at(&|(piece, score)| piece == unknown && *score == 0.0) {
            Some(id) => Ok(id),
            None => configured(1),
        },
        _ => configured(0),
    }
}

/// A class' model in place of the tokenizer.json's.
struct Remade {
    model: ModelWrapper,
    /// It has other settings, which people want to know; else its scores are a bit off.
    by_settings: bool,
}

/// The class' model where the tokenizer.json's is another one.
fn model(sources: &Sources, own: &ModelWrapper, unk_id: Option<u64>) -> Result<Option<Remade>, Failure> {
    let by_settings = |model: ModelWrapper| Some(Remade { model, by_settings: true });
    let refuse = |expected: &str| {
        let message = format!(
            "tokenizer.json has another model than {} takes, expected {expected}. Is tokenizer_class right?",
            sources.class.name()
        );
        Err(Failure::unsupported(message))
    };
    match (sources.class.kind, own) {
        (Kind::Bert | Kind::Funnel | Kind::MpNet, ModelWrapper::WordPiece(own)) => {
            let (wanted, unknown) = (WordPiece::default(), sources.tokens.require("unk_token")?);
            let same = own.unk_token == unknown
                && own.continuing_subword_prefix == wanted.continuing_subword_prefix
                && own.max_input_chars_per_word == wanted.max_input_chars_per_word;
            if same {
                return Ok(None);
            }
            let vocabulary: Vocabulary = own.get_vocab().into_iter().collect();
            let builder = WordPiece::builder().vocab(vocabulary).unk_token(unknown.to_owned());
            Ok(by_settings(builder.build().map_err(Failure::corrupt)?.into()))
        }
        (Kind::Bert | Kind::Funnel | Kind::MpNet, _) => refuse("WordPiece"),
        (Kind::Roberta | Kind::Gpt2 | Kind::Deberta, ModelWrapper::BPE(own)) => {
            let none = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
            let same = own.unk_token.is_none()
                && none(&own.continuing_subword_prefix)
                && none(&own.end_of_word_suffix)
                && own.dropout.is_none()
                && !(own.byte_fallback || own.ignore_merges);
            if same {
                return Ok(None);
            }
            byte_bpe_model(own.get_vocab().into_iter().collect(), merges(own)?).map(by_settings)
        }
        (Kind::Roberta | Kind::Gpt2 | Kind::Deberta, _) => refuse("BPE"),
        (_, ModelWrapper::Unigram(own)) => {
            let pieces: Vec<(String, f64)> = own.iter().map(|(piece, score)| (piece.clone(), exact(*score))).collect();
            let wanted = unigram_unknown(sources, &pieces)?;
            let same = unk_id.is_some_and(|own| i64::try_from(own) == Ok(wanted)) && !own.byte_fallback();
            if same && own.iter().eq(&pieces) {
                return Ok(None);
            }
            Ok(Some(Remade { model: unigram(sources, pieces)?, by_settings: !same }))
        }
        _ => refuse("Unigram"),
    }
}

/// The classes read scores with Python, to the last bit, and serde_json reads some decimals a bit off, which decides
/// between pieces that add up to the same. SentencePiece's scores are floats of 32 bits, far from one another.
fn exact(score: f64) -> f64 {
    const MOST_BITS: u64 = 4;
    let float = f64::from(score as f32);
    if float.to_bits().abs_diff(score.to_bits()) <= MOST_BITS { float } else { score }
}

/// In the order of their ranks.
fn merges(model: &BPE) -> Result<Vec<(String, String)>, Failure> {
    let value = serde_json::to_value(model).map_err(Failure::corrupt)?;
    let merges = value.get("merges").and_then(Value::as_array).into_iter().flatten();
    let part = |merge: &Value, index: usize| merge.get(index)?.as_str().map(str::to_owned);
    Ok(merges.filter_map(|merge| Some((part(merge, 0)?, part(merge, 1)?))).collect())
}

fn same<T: serde::Serialize>(own: Option<&T>, new: Option<&T>) -> bool {
    let json = |stage: Option<&T>| serde_json::to_value(stage).ok();
    json(own) == json(new)
}

/// Normalizer and pre-tokenizer of the class.
fn set_stages(sources: &Sources, tokenizer: &mut Tokenizer, changes: &mut Changes) -> Result<(), Failure> {
    let normalizer = normalizer(sources)?;
    let pre_tokenizer = pre_tokenizer(sources)?;
    for (name, same) in [
        ("normalizer", same(tokenizer.get_normalizer(), normalizer.as_ref())),
        ("pre-tokenizer", same(tokenizer.get_pre_tokenizer(), Some(&pre_tokenizer))),
    ] {
        if !same {
            changes.applied.push(format!("the {name} is {}'s, over tokenizer.json's", sources.class.name()));
        }
    }
    tokenizer.with_normalizer(normalizer).map_err(Failure::corrupt)?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    Ok(())
}

fn replace(pattern: ReplacePattern, content: &str) -> Result<NormalizerWrapper, Failure> {
    Ok(Replace::new(pattern, content).map_err(Failure::corrupt)?.into())
}

fn quotes() -> Result<Vec<NormalizerWrapper>, Failure> {
    let replaced = |text: &str| replace(ReplacePattern::String(text.to_owned()), "\"");
    Ok(vec![replaced("``")?, replaced("''")?])
}

fn normalizer(sources: &Sources) -> Result<Option<NormalizerWrapper>, Failure> {
    let charsmap = || sources.charsmap.clone().map(NormalizerWrapper::from);
    let mut stages: Vec<NormalizerWrapper> = Vec::new();
    match sources.class.kind {
        Kind::Bert | Kind::BertOverFile | Kind::Funnel | Kind::MpNet => {
            let clean = sources.class.kind != Kind::Funnel || sources.switch("clean_text", true)?;
            let chinese = sources.switch("tokenize_chinese_chars", true)?;
            let accents = sources.config.switch("strip_accents")?;
            let lower_case = sources.switch("do_lower_case", true)?;
            return Ok(Some(BertNormalizer::new(clean, chinese, accents, lower_case).into()));
        }
        Kind::Albert | Kind::XlNet => {
            let lower_case = sources.class.kind == Kind::Albert;
            stages.extend(quotes()?);
            // XLNet's class does not look at it.
            if sources.class.kind == Kind::XlNet || !sources.switch("keep_accents", false)? {
                stages.extend([NFKD.into(), StripAccents.into()]);
            }
            if sources.switch("do_lower_case", lower_case)? {
                stages.push(Lowercase.into());
            }
            stages.extend(charsmap());
        }
        Kind::DebertaV2 => {
            if sources.switch("do_lower_case", false)? {
                stages.push(Lowercase.into());
            }
            stages.push(replace(ReplacePattern::Regex(r"\s{2,}|[\n\r\t]".to_owned()), " ")?);
            stages.extend([NFC.into(), Strip::new(false, true).into()]);
        }
        Kind::Camembert | Kind::XlmRoberta => return Ok(charsmap()),
        Kind::Roberta | Kind::Gpt2 | Kind::Deberta | Kind::Backend => return Ok(None),
    }
    Ok(Some(Sequence::new(stages).into()))
}

fn pre_tokenizer(sources: &Sources) -> Result<PreTokenizerWrapper, Failure> {
    let metaspace = |scheme| PreTokenizerWrapper::from(Metaspace::new(METASPACE, scheme, true));
    let at_blanks = |scheme| PreTokenizers::new(vec![WhitespaceSplit.into(), metaspace(scheme)]).into();
    let prefix =
        |otherwise| Ok(if sources.switch("add_prefix_space", true)? { PrependScheme::Always } else { otherwise });
    Ok(match sources.class.kind {
        Kind::Bert | Kind::BertOverFile | Kind::Funnel | Kind::MpNet => BertPreTokenizer.into(),
        Kind::Roberta | Kind::Gpt2 | Kind::Deberta | Kind::Backend => {
            ByteLevel::new(sources.switch("add_prefix_space", false)?, true, true).into()
        }
        Kind::DebertaV2 => {
            let mut stages: Vec<PreTokenizerWrapper> = Vec::new();
            if sources.switch("split_by_punct", false)? {
                stages.push(Punctuation::default().into());
            }
            stages.push(metaspace(prefix(PrependScheme::First)?));
            PreTokenizers::new(stages).into()
        }
        Kind::XlNet => at_blanks(PrependScheme::Always),
        Kind::Albert | Kind::Camembert | Kind::XlmRoberta => at_blanks(prefix(PrependScheme::Never)?),
    })
}

/// ALBERT's template takes the ids of these before special tokens are added.
type EarlyIds = [Option<u32>; 2];

fn early_ids(tokenizer: &Tokenizer, tokens: &Tokens) -> EarlyIds {
    ["cls_token", "sep_token"].map(|kind| tokenizer.get_model().token_to_id(tokens.content(kind)?))
}

/// The class' own, where it has one.
fn post_processor(
    sources: &Sources,
    tokenizer: &Tokenizer,
    early: EarlyIds,
) -> Result<Option<PostProcessorWrapper>, Failure> {
    let with_id = |kind: &str| {
        let token = sources.tokens.require(kind)?;
        let missing = || Failure::corrupt(format!("{FILE}: {kind} {token:?} has no id, expected it among the pieces"));
        Ok::<_, Failure>((token.to_owned(), tokenizer.token_to_id(token).ok_or_else(missing)?))
    };
    let (texts, begin, end) = match sources.class.kind {
        Kind::Backend | Kind::Gpt2 => return Ok(None),
        // It is set before the tokenizer.json's.
        Kind::Albert if tokenizer.get_post_processor().is_some() => return Ok(None),
        Kind::MpNet | Kind::Roberta => {
            return Ok(Some(RobertaProcessing::new(with_id("sep_token")?, with_id("cls_token")?).into()));
        }
        Kind::Albert => {
            let early = |index: usize, kind: &str, name: &str| {
                let missing =
                    || Failure::corrupt(format!("the vocabulary has no {kind}, expected it among the pieces"));
                Ok::<_, Failure>((name.to_owned(), early[index].ok_or_else(missing)?))
            };
            (BRACKETS, early(0, "cls_token", "[CLS]")?, early(1, "sep_token", "[SEP]")?)
        }
        Kind::Funnel => {
            let texts = ("{c}:2 $A:0 {s}:0", "{c}:2 $A:0 {s}:0 $B:1 {s}:1");
            (texts, with_id("cls_token")?, with_id("sep_token")?)
        }
        Kind::XlNet => (XLNET_TEXTS, with_id("cls_token")?, with_id("sep_token")?),
        Kind::Deberta => (DOUBLED, with_id("cls_token")?, with_id("sep_token")?),
        Kind::Camembert | Kind::XlmRoberta => (DOUBLED, with_id("bos_token")?, with_id("eos_token")?),
        Kind::Bert | Kind::BertOverFile | Kind::DebertaV2 => (BRACKETS, with_id("cls_token")?, with_id("sep_token")?),
    };
    Template { single: texts.0, pair: texts.1, begin, end }.processor().map(Some)
}

/// Where neither class nor file has a post-processor.
fn bos_and_eos(sources: &Sources, tokenizer: &Tokenizer) -> Result<Option<PostProcessorWrapper>, Failure> {
    let asked = |switch: &str, kind: &str| {
        let on = sources.config.switch(switch)?.unwrap_or(false);
        let token = sources.tokens.content(kind).filter(|_| on);
        Ok::<_, Failure>(token.and_then(|token| Some((token.to_owned(), tokenizer.token_to_id(token)?))))
    };
    let (begin, end) = (asked("add_bos_token", "bos_token")?, asked("add_eos_token", "eos_token")?);
    let (b, e) = (begin.is_some(), end.is_some());
    let single = format!("{}$A:0{}", if b { "{c}:0 " } else { "" }, if e { " {s}:0" } else { "" });
    let pair = format!("{single}{} $B:1{}", if b { " {c}:1" } else { "" }, if e { " {s}:1" } else { "" });
    let none = || (String::new(), 0);
    let (begin, end) = (begin.unwrap_or_else(none), end.unwrap_or_else(none));
    Template { single: &single, pair: &pair, begin, end }.processor().map(Some)
}
