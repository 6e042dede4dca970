//! Trains the demo's tokenizer: a Unigram model with CamemBERT's special tokens, normalizer and pre-tokenizer.
//!
//!     train_unigram CORPUS OUT_DIR [VOCAB_SIZE]
//!
//! CORPUS holds one sentence a line. Writes tokenizer.json and tokenizer_config.json. The same corpus gives the same
//! bytes: the trainer gets its words sorted, runs in one thread, and what it leaves to the order of a hash table is
//! put in order afterwards.

use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::normalizers::{Replace, Sequence as NormalizerSequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{
    AddedToken, Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    Tokenizer,
};

/// CamemBERT's rows before the first piece: fairseq's four, of which it uses two, then SentencePiece's own.
const LEADING: [&str; 7] = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"];
const MASK: &str = "<mask>";
const BOS_ID: u32 = 5;
const EOS_ID: u32 = 6;
const UNK_ID: usize = 3;
const CAMEMBERT_VOCAB_SIZE: usize = 32_005;
const MAX_LENGTH: usize = 512;

/// What the trainer adds from one required character to the next.
const SCORE_STEP: f64 = 0.0001;

type AnyError = Box<dyn Error + Send + Sync>;

fn normalizer() -> Result<NormalizerSequence, AnyError> {
    // Runs of white space count as one blank; nothing else is changed, so that accents and case reach the model.
    let blanks = tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into());
    Ok(NormalizerSequence::new(vec![Replace::new(blanks, " ")?.into(), Strip::new(true, true).into()]))
}

fn pre_tokenizer() -> Metaspace {
    Metaspace::new('\u{2581}', PrependScheme::Always, true)
}

/// The words of the corpus as the model will see them, in alphabetical order.
fn count_words(corpus: &str) -> Result<Vec<(String, u32)>, AnyError> {
    let (normalizer, pre_tokenizer) = (normalizer()?, pre_tokenizer());
    let mut counts = BTreeMap::<String, u32>::new();
    for line in corpus.lines().filter(|line| !line.trim().is_empty()) {
        let mut normalized = NormalizedString::from(line);
        normalizer.normalize(&mut normalized)?;
        let mut words = PreTokenizedString::from(normalized);
        pre_tokenizer.pre_tokenize(&mut words)?;
        for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    Ok(counts.into_iter().collect())
}

/// Characters that no piece of their own survived for get scores near the lowest, in the order of a hash table. They
/// get the lowest score instead, all alike, and equal scores are sorted by piece.
fn in_order(pieces: impl Iterator<Item = (String, f64)>) -> Vec<(String, f64)> {
    let mut pieces: Vec<_> = pieces.collect();
    let is_character = |piece: &str| piece.chars().nth(1).is_none();
    let lowest = pieces.iter().map(|&(_, score)| score).fold(f64::INFINITY, f64::min);
    let characters = pieces.iter().filter(|(piece, _)| is_character(piece)).count();
    let limit = lowest + SCORE_STEP * characters as f64;
    for (piece, score) in &mut pieces {
        if is_character(piece) && *score <= limit {
            *score = lowest;
        }
    }
    pieces.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    pieces
}

/// Scored pieces in the order of their ids.
fn train(corpus: &str, vocab_size: usize) -> Result<Vec<(String, f64)>, AnyError> {
    let wanted = vocab_size.checked_sub(LEADING.len() + 1).ok_or("the vocabulary is too small")?;
    let trainer = UnigramTrainer::builder().show_progress(false).vocab_size(u32::try_from(wanted)?).build()?;
    let mut model = Unigram::default();
    trainer.do_train(count_words(corpus)?, &mut model)?;
    let special = |token: &&str| (token.to_string(), 0.0);
    let reserved: Vec<_> = LEADING.iter().chain([&MASK]).map(|token| token.to_string()).collect();
    let learned = in_order(model.iter().filter(|(piece, _)| !reserved.contains(piece)).cloned());
    Ok(LEADING.iter().map(&special).chain(learned).chain([special(&MASK)]).collect())
}

fn special_tokens() -> Vec<AddedToken> {
    let plain = LEADING.iter().map(|token| AddedToken::from(*token, true));
    // The mask takes the blank before it, as in CamemBERT.
    plain.chain([AddedToken::from(MASK, true).lstrip(true)]).collect()
}

fn build(pieces: Vec<(String, f64)>) -> Result<Tokenizer, AnyError> {
    let mut tokenizer = Tokenizer::new(Unigram::from(pieces, Some(UNK_ID), false)?);
    tokenizer.with_normalizer(Some(normalizer()?))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer()));
    tokenizer.with_decoder(Some(pre_tokenizer()));
    tokenizer.with_post_processor(Some(
        TemplateProcessing::builder()
            .try_single("<s> $A </s>")?
            .try_pair("<s> $A </s> </s> $B </s>")?
            .special_tokens(vec![("<s>", BOS_ID), ("</s>", EOS_ID)])
            .build()?,
    ));
    tokenizer.add_special_tokens(special_tokens())?;
    Ok(tokenizer)
}

/// What transformers reads beside tokenizer.json.
fn config() -> serde_json::Value {
    json!({
        "tokenizer_class": "CamembertTokenizer",
        "model_max_length": MAX_LENGTH,
        "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>",
        "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": MASK,
    })
}

fn run(corpus: &Path, out: &Path, vocab_size: usize) -> Result<usize, AnyError> {
    let tokenizer = build(train(&std::fs::read_to_string(corpus)?, vocab_size)?)?;
    std::fs::create_dir_all(out)?;
    tokenizer.save(out.join("tokenizer.json"), true)?;
    std::fs::write(out.join("tokenizer_config.json"), format!("{:#}\n", config()))?;
    Ok(tokenizer.get_model().get_vocab_size())
}

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let vocab_size = arguments.get(3).map_or(Ok(CAMEMBERT_VOCAB_SIZE), |n| n.parse());
    let (Some(corpus), Some(out), Ok(vocab_size)) = (arguments.get(1), arguments.get(2), vocab_size) else {
        eprintln!("usage: train_unigram CORPUS OUT_DIR [VOCAB_SIZE]");
        return 2.into();
    };
    tokenizers::utils::parallelism::set_parallelism(false);
    // Even in one thread the trainer cuts its sums into as many parts as rayon has threads.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    match run(corpus.as_ref(), out.as_ref(), vocab_size) {
        Ok(size) => {
            println!("{}: {size} pieces", Path::new(out).join("tokenizer.json").display());
            0.into()
        }
        Err(error) => {
            eprintln!("[train_unigram] {corpus}: {error}");
            1.into()
        }
    }
}
