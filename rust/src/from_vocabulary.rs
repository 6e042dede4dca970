//! A tokenizer made from vocabulary files, as transformers 4.57 converts its slow tokenizers.

use crate::failure::Failure;
use crate::family::{Family, Kind, choose};
use crate::five;
use crate::moses_tokenizer::{self, MosesTokenizer};
use crate::sentence_piece_tokenizer;
use crate::settings::{Files, Settings, short};
use crate::special_tokens::SpecialTokens;
use crate::tokenizer_config::{Changes, split_special_tokens};
use crate::version::Version;
use crate::vocabulary_files::{Merge, Vocabulary, read_merges_txt, read_vocab_json, read_vocab_txt};
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{PostProcessorWrapper, Tokenizer};

/// What a tokenizer is made from.
pub struct Sources<'a> {
    pub files: &'a Files<'a>,
    pub family: &'static Family,
    pub tokenizer_config: Settings,
    pub special: SpecialTokens,
    pub room: Room,
    pub version: Version,
}

/// The ids that the model has.
pub struct Room {
    /// The vocabulary files, as people read them.
    pub files: String,
    /// config.json's vocab_size.
    pub ids: Option<u64>,
}

impl Room {
    /// Refuses a piece that does not fit into the model's embedding.
    pub fn check(&self, piece: &str, id: u32) -> Result<(), Failure> {
        match self.ids.filter(|&ids| u64::from(id) >= ids) {
            Some(ids) => Err(Failure::corrupt(format!(
                "{}: \"{}\" has id {id}, but config.json's vocab_size is {ids}, expected a vocabulary of this model",
                self.files,
                short(piece)
            ))),
            None => Ok(()),
        }
    }

    /// The same of all pieces; the empty one, which a blank line makes, is in no text.
    pub fn check_vocabulary(&self, tokenizer: &Tokenizer) -> Result<(), Failure> {
        let pieces = tokenizer.get_vocab(false).into_iter().filter(|(piece, _)| !piece.is_empty());
        pieces.max_by_key(|(_, id)| *id).map_or(Ok(()), |(piece, id)| self.check(&piece, id))
    }
}

impl Sources<'_> {
    pub fn switch(&self, key: &str, default: bool) -> Result<bool, Failure> {
        Ok(self.tokenizer_config.switch(key)?.unwrap_or(default))
    }

    pub fn special_token(&self, kind: &str) -> Result<&str, Failure> {
        let missing = || Failure::corrupt(format!("{}: {kind} is null, expected a token", self.tokenizer_config.file));
        self.special.content(kind).ok_or_else(missing)
    }
}

/// What vocabulary files make.
pub struct Built {
    pub tokenizer: Tokenizer,
    /// What encodes texts in place of `tokenizer`.
    pub moses: Option<MosesTokenizer>,
    /// The files that it is made from, as people read it.
    pub origin: String,
}

/// `version`: 5 too for the classes in Python, which cut texts as they do in 4.
pub fn build(files: &Files, version: Version) -> Result<Built, Failure> {
    let tokenizer_config = files.settings("tokenizer_config.json")?;
    let config = files.settings("config.json")?;
    let family = choose(&tokenizer_config, &config)?;
    let mut origin = family.files.join(" + ");
    if !tokenizer_config.is_empty() {
        origin += " + tokenizer_config.json";
    }
    let special = match version {
        Version::Four => SpecialTokens::read(files, &tokenizer_config, &family.defaults, None)?,
        Version::Five => five::tokens_in_python(files, &tokenizer_config, &family.defaults)?,
    };
    let room = Room { files: family.files.join(" + "), ids: config.count("vocab_size")? };
    let sources = Sources { files, family, tokenizer_config, special, room, version };
    let mut tokenizer = match family.kind {
        Kind::Bert | Kind::MpNet => word_piece(&sources)?,
        Kind::Roberta | Kind::Gpt2 | Kind::Deberta => byte_bpe(&sources)?,
        Kind::Xlm | Kind::Flaubert => moses_tokenizer::vocabulary(&sources)?,
        _ => sentence_piece_tokenizer::make(&sources)?,
    };
    sources.room.check_vocabulary(&tokenizer)?;

    let mut present: Vec<(u32, String)> =
        tokenizer.get_added_tokens_decoder().into_iter().map(|(id, token)| (id, token.content)).collect();
    present.sort();
    let present: Vec<String> = present.into_iter().map(|(_, content)| content).collect();
    tokenizer.add_tokens(sources.special.to_add(&present)).map_err(Failure::corrupt)?;
    sources.special.added.check_ids(&tokenizer)?;
    let post_processor = post_processor(&sources, &tokenizer)?;
    tokenizer.with_post_processor(Some(post_processor));
    let cut_by_moses = matches!(family.kind, Kind::Xlm | Kind::Flaubert);
    let moses = cut_by_moses.then(|| MosesTokenizer::new(&sources, &tokenizer)).transpose()?;
    split_special_tokens(&sources.tokenizer_config, &mut tokenizer, &mut Changes::default())?;
    Ok(Built { tokenizer, moses, origin })
}

/// WordPiece over a vocab.txt, which has to have the unknown piece.
pub fn word_piece_model(vocabulary: Vocabulary, unknown: &str) -> Result<ModelWrapper, Failure> {
    if !vocabulary.contains_key(unknown) {
        return Err(Failure::corrupt(format!(
            "vocab.txt has no {unknown:?}, the unk_token, expected it among the pieces"
        )));
    }
    Ok(WordPiece::builder().vocab(vocabulary).unk_token(unknown.to_owned()).build().map_err(Failure::corrupt)?.into())
}

/// BPE of bytes.
pub fn byte_bpe_model(vocabulary: Vocabulary, merges: Vec<Merge>) -> Result<ModelWrapper, Failure> {
    let builder = BPE::builder().vocab_and_merges(vocabulary, merges);
    let builder = builder.continuing_subword_prefix(String::new()).end_of_word_suffix(String::new());
    Ok(builder.build().map_err(Failure::corrupt)?.into())
}

fn word_piece(sources: &Sources) -> Result<Tokenizer, Failure> {
    let vocabulary = read_vocab_txt(sources.files.require("vocab.txt")?)?;
    let mut tokenizer = Tokenizer::new(word_piece_model(vocabulary, sources.special_token("unk_token")?)?);
    let lower_case = sources.switch("do_lower_case", true)?;
    let strip_accents = sources.tokenizer_config.switch("strip_accents")?;
    let mut chinese = sources.switch("tokenize_chinese_chars", true)?;
    if sources.family.kind == Kind::MpNet {
        chinese &= sources.switch("do_basic_tokenize", true)?;
    }
    let normalizer = BertNormalizer::new(true, chinese, strip_accents, lower_case);
    tokenizer.with_normalizer(Some(normalizer)).map_err(Failure::corrupt)?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    Ok(tokenizer)
}

fn byte_bpe(sources: &Sources) -> Result<Tokenizer, Failure> {
    let vocabulary = read_vocab_json(sources.files.require("vocab.json")?)?;
    let merges = read_merges_txt(sources.files.require("merges.txt")?, &vocabulary)?;
    let mut tokenizer = Tokenizer::new(byte_bpe_model(vocabulary, merges)?);
    let add_prefix_space = sources.switch("add_prefix_space", false)?;
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(add_prefix_space, true, true)));
    Ok(tokenizer)
}

/// A token and its id.
pub type WithId = (String, u32);

/// A template's texts, in which `{c}` and `{s}` stand for the tokens that begin and end a text.
pub struct Template<'a> {
    pub single: &'a str,
    pub pair: &'a str,
    pub begin: WithId,
    pub end: WithId,
}

/// Texts of a single one and of a pair.
pub type Texts = (&'static str, &'static str);
pub const BRACKETS: Texts = ("{c}:0 $A:0 {s}:0", "{c}:0 $A:0 {s}:0 $B:1 {s}:1");
pub const DOUBLED: Texts = ("{c} $A {s}", "{c} $A {s} {s} $B {s}");
pub const XLNET_TEXTS: Texts = ("$A:0 {s}:0 {c}:2", "$A:0 {s}:0 $B:1 {s}:1 {c}:2");

impl Template<'_> {
    pub fn processor(self) -> Result<PostProcessorWrapper, Failure> {
        let fill = |text: &str| -> Vec<String> {
            text.split(' ').map(|part| part.replace("{c}", &self.begin.0).replace("{s}", &self.end.0)).collect()
        };
        let mut builder = TemplateProcessing::builder();
        builder.try_single(fill(self.single)).map_err(Failure::corrupt)?;
        builder.try_pair(fill(self.pair)).map_err(Failure::corrupt)?;
        let tokens = vec![self.begin, self.end];
        Ok(builder.special_tokens(tokens).build().map_err(Failure::corrupt)?.into())
    }
}

fn post_processor(sources: &Sources, tokenizer: &Tokenizer) -> Result<PostProcessorWrapper, Failure> {
    let with_id = |token: &str| {
        let missing = || {
            Failure::corrupt(format!(
                "{} have no {token:?}, expected it among the pieces",
                sources.family.files.join(" and ")
            ))
        };
        let id = tokenizer.token_to_id(token).ok_or_else(missing)?;
        sources.room.check(token, id)?;
        Ok::<_, Failure>((token.to_owned(), id))
    };
    let kind = |kind: &str| with_id(sources.special_token(kind)?);
    let (texts, begin, end) = match sources.family.kind {
        Kind::Bert => (BRACKETS, kind("cls_token")?, kind("sep_token")?),
        Kind::MpNet => ((BRACKETS.0, "{c}:0 $A:0 {s}:0 {s}:0 $B:1 {s}:1"), kind("cls_token")?, kind("sep_token")?),
        Kind::Deberta | Kind::DebertaV2 | Kind::Albert => (BRACKETS, with_id("[CLS]")?, with_id("[SEP]")?),
        Kind::Camembert | Kind::XlmRoberta => (DOUBLED, with_id("<s>")?, with_id("</s>")?),
        Kind::XlNet => (XLNET_TEXTS, with_id("<cls>")?, with_id("<sep>")?),
        Kind::Xlm | Kind::Flaubert => (BRACKETS, kind("bos_token")?, kind("sep_token")?),
        Kind::Roberta => return Ok(RobertaProcessing::new(kind("sep_token")?, kind("cls_token")?).into()),
        Kind::Gpt2 if sources.switch("add_bos_token", false)? => {
            (("{c}:0 $A:0", "{c}:0 $A:0 $B:1"), kind("bos_token")?, kind("bos_token")?)
        }
        Kind::Gpt2 => return Ok(ByteLevel::new(true, false, true).into()),
    };
    Template { single: texts.0, pair: texts.1, begin, end }.processor()
}
