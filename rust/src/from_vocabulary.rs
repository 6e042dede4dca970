//! A tokenizer made from vocabulary files, as transformers 4.57 converts its slow tokenizers.

use crate::failure::Failure;
use crate::family::{Family, Kind, choose};
use crate::moses_tokenizer::{self, MosesTokenizer};
use crate::sentence_piece_tokenizer;
use crate::settings::{Files, Settings, short};
use crate::special_tokens::SpecialTokens;
use crate::vocabulary_files::{read_merges_txt, read_vocab_json, read_vocab_txt};
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
    /// config.json's vocab_size: ids that the model has.
    pub room: Option<u64>,
}

impl Sources<'_> {
    pub fn switch(&self, key: &str, default: bool) -> Result<bool, Failure> {
        Ok(self.tokenizer_config.switch(key)?.unwrap_or(default))
    }

    /// Refuses a piece that does not fit into the model's embedding.
    fn check_room(&self, piece: &str, id: u32) -> Result<(), Failure> {
        match self.room.filter(|&room| u64::from(id) >= room) {
            Some(room) => Err(Failure::corrupt(format!(
                "{}: \"{}\" has id {id}, but config.json's vocab_size is {room}, expected a vocabulary of this model",
                self.family.files.join(" + "),
                short(piece)
            ))),
            None => Ok(()),
        }
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

pub fn build(files: &Files) -> Result<Built, Failure> {
    let tokenizer_config = files.settings("tokenizer_config.json")?;
    let config = files.settings("config.json")?;
    let family = choose(&tokenizer_config, &config)?;
    let mut origin = family.files.join(" + ");
    if !tokenizer_config.is_empty() {
        origin += " + tokenizer_config.json";
    }
    let special = SpecialTokens::read(files, &tokenizer_config, &family.defaults, None)?;
    let room = config.count("vocab_size")?;
    let sources = Sources { files, family, tokenizer_config, special, room };
    let mut tokenizer = match family.kind {
        Kind::Bert | Kind::MpNet => word_piece(&sources)?,
        Kind::Roberta | Kind::Gpt2 | Kind::Deberta => byte_bpe(&sources)?,
        Kind::Xlm | Kind::Flaubert => moses_tokenizer::vocabulary(&sources)?,
        _ => sentence_piece_tokenizer::make(&sources)?,
    };
    if let Some((piece, id)) = tokenizer.get_vocab(false).into_iter().max_by_key(|(_, id)| *id) {
        sources.check_room(&piece, id)?;
    }

    let mut present: Vec<(u32, String)> =
        tokenizer.get_added_tokens_decoder().into_iter().map(|(id, token)| (id, token.content)).collect();
    present.sort();
    let present: Vec<String> = present.into_iter().map(|(_, content)| content).collect();
    tokenizer.add_tokens(sources.special.to_add(&present)).map_err(Failure::corrupt)?;
    sources.special.check_ids(|content| tokenizer.token_to_id(content))?;
    let post_processor = post_processor(&sources, &tokenizer)?;
    tokenizer.with_post_processor(Some(post_processor));
    let cut_by_moses = matches!(family.kind, Kind::Xlm | Kind::Flaubert);
    let moses = cut_by_moses.then(|| MosesTokenizer::new(&sources, &tokenizer)).transpose()?;
    Ok(Built { tokenizer, moses, origin })
}

fn word_piece(sources: &Sources) -> Result<Tokenizer, Failure> {
    let vocabulary = read_vocab_txt(sources.files.require("vocab.txt")?)?;
    let unknown = sources.special_token("unk_token")?.to_owned();
    if !vocabulary.contains_key(&unknown) {
        return Err(Failure::corrupt(format!(
            "vocab.txt has no {unknown:?}, the unk_token, expected it among the pieces"
        )));
    }
    let model = WordPiece::builder().vocab(vocabulary).unk_token(unknown).build().map_err(Failure::corrupt)?;
    let mut tokenizer = Tokenizer::new(model);
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
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix(String::new())
        .build()
        .map_err(Failure::corrupt)?;
    let mut tokenizer = Tokenizer::new(model);
    let add_prefix_space = sources.switch("add_prefix_space", false)?;
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(add_prefix_space, true, true)));
    Ok(tokenizer)
}

/// A template's texts, and the special tokens in it.
struct Template {
    single: String,
    pair: String,
    tokens: Vec<String>,
}

impl Template {
    /// `{c}` and `{s}` in the texts stand for the tokens that begin and end a text.
    fn new(single: &str, pair: &str, begin: &str, end: &str) -> Self {
        let fill = |text: &str| text.replace("{c}", begin).replace("{s}", end);
        let mut tokens = vec![begin.to_owned(), end.to_owned()];
        tokens.dedup();
        Template { single: fill(single), pair: fill(pair), tokens }
    }

    fn processor(&self, id_of: &impl Fn(&str) -> Result<u32, Failure>) -> Result<PostProcessorWrapper, Failure> {
        let tokens: Result<Vec<(String, u32)>, Failure> =
            self.tokens.iter().map(|token| Ok((token.clone(), id_of(token)?))).collect();
        let mut builder = TemplateProcessing::builder();
        builder.try_single(self.single.as_str()).map_err(Failure::corrupt)?;
        builder.try_pair(self.pair.as_str()).map_err(Failure::corrupt)?;
        Ok(builder.special_tokens(tokens?).build().map_err(Failure::corrupt)?.into())
    }
}

fn post_processor(sources: &Sources, tokenizer: &Tokenizer) -> Result<PostProcessorWrapper, Failure> {
    let id_of = |token: &str| {
        let missing = || {
            Failure::corrupt(format!(
                "{} have no {token:?}, expected it among the pieces",
                sources.family.files.join(" and ")
            ))
        };
        let id = tokenizer.token_to_id(token).ok_or_else(missing)?;
        sources.check_room(token, id)?;
        Ok(id)
    };
    let brackets = ("{c}:0 $A:0 {s}:0", "{c}:0 $A:0 {s}:0 $B:1 {s}:1");
    let template = match sources.family.kind {
        Kind::Bert => Template::new(
            brackets.0,
            brackets.1,
            sources.special_token("cls_token")?,
            sources.special_token("sep_token")?,
        ),
        Kind::MpNet => {
            let pair = "{c}:0 $A:0 {s}:0 {s}:0 $B:1 {s}:1";
            Template::new(brackets.0, pair, sources.special_token("cls_token")?, sources.special_token("sep_token")?)
        }
        Kind::Deberta | Kind::DebertaV2 | Kind::Albert => Template::new(brackets.0, brackets.1, "[CLS]", "[SEP]"),
        Kind::Camembert | Kind::XlmRoberta => Template::new("{c} $A {s}", "{c} $A {s} {s} $B {s}", "<s>", "</s>"),
        Kind::XlNet => Template::new("$A:0 {s}:0 {c}:2", "$A:0 {s}:0 $B:1 {s}:1 {c}:2", "<cls>", "<sep>"),
        Kind::Xlm | Kind::Flaubert => Template::new(
            brackets.0,
            brackets.1,
            sources.special_token("bos_token")?,
            sources.special_token("sep_token")?,
        ),
        Kind::Roberta => {
            let with_id = |kind: &str| {
                let token = sources.special_token(kind)?;
                Ok((token.to_owned(), id_of(token)?))
            };
            return Ok(RobertaProcessing::new(with_id("sep_token")?, with_id("cls_token")?).into());
        }
        Kind::Gpt2 if sources.switch("add_bos_token", false)? => {
            let begin = sources.special_token("bos_token")?;
            Template::new("{c}:0 $A:0", "{c}:0 $A:0 $B:1", begin, begin)
        }
        Kind::Gpt2 => return Ok(ByteLevel::new(true, false, true).into()),
    };
    template.processor(&id_of)
}
