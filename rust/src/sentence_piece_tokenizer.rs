//! Tokenizers of SentencePiece models.

use crate::charsmap::check_charsmap;
use crate::failure::Failure;
use crate::family::Kind;
use crate::from_vocabulary::Sources;
use crate::python_digits::is_digit;
use crate::sentence_piece::{ModelType, PieceType, SentencePiece};
use crate::settings::short;
use crate::vocabulary_files::Vocabulary;
use std::collections::{HashMap, HashSet};
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{
    Lowercase, NFKD, NormalizerWrapper, Precompiled, Replace, Sequence, Strip, StripAccents,
};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::{AddedToken, Tokenizer};

const METASPACE: char = '\u{2581}';

type Scored = (String, f64);

/// The tokenizer without special tokens of the class and without post-processor.
pub fn make(sources: &Sources) -> Result<Tokenizer, Failure> {
    let name = sources.family.files[0];
    let model = SentencePiece::read(name, sources.files.require(name)?)?;
    let kind = sources.family.kind;
    let vocabulary = layout(kind, &model);
    check_unique(name, &vocabulary)?;
    let unk_id = if matches!(kind, Kind::Camembert | Kind::XlmRoberta) { 3 } else { model.unk_id };
    let mut tokenizer = match model.model_type {
        ModelType::Unigram => {
            let unk_id = usize::try_from(unk_id).ok().filter(|&id| id < vocabulary.len());
            let outside =
                || Failure::corrupt(format!("{name}: the unknown piece has id {}, expected a piece's", model.unk_id));
            let unk_id = unk_id.ok_or_else(outside)?;
            Tokenizer::new(Unigram::from(vocabulary, Some(unk_id), false).map_err(Failure::corrupt)?)
        }
        ModelType::Bpe => Tokenizer::new(bpe(&model, vocabulary)?),
        other => {
            let message = format!("{name} is a SentencePiece model of type {other:?}, expected Unigram or Bpe");
            return Err(Failure::unsupported(message));
        }
    };
    let own = model.pieces.iter().filter(|piece| matches!(piece.kind, PieceType::Control | PieceType::UserDefined));
    let own = own.map(|piece| AddedToken::from(piece.text.clone(), piece.kind == PieceType::Control).normalized(false));
    tokenizer.add_tokens(own.collect::<Vec<_>>()).map_err(Failure::corrupt)?;
    tokenizer.with_normalizer(Some(normalizer(sources, &model)?)).map_err(Failure::corrupt)?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer(sources)?));
    Ok(tokenizer)
}

/// The pieces and scores in the order of the model's ids.
fn layout(kind: Kind, model: &SentencePiece) -> Vec<Scored> {
    let scored = |skip: usize| model.pieces.iter().skip(skip).map(|piece| (piece.text.clone(), f64::from(piece.score)));
    let fixed = |pieces: &[&str]| pieces.iter().map(|piece| ((*piece).to_owned(), 0.0)).collect::<Vec<Scored>>();
    match kind {
        Kind::Camembert => {
            let mut all = fixed(&["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>"]);
            all.push(("<unk>NOTUSED".to_owned(), -100.0));
            all.extend(scored(1));
            all.extend(fixed(&["<mask>"]));
            all
        }
        Kind::XlmRoberta => {
            let mut all = fixed(&["<s>", "<pad>", "</s>", "<unk>"]);
            all.extend(scored(3));
            all.extend(fixed(&["<mask>"]));
            all
        }
        Kind::Albert | Kind::XlNet => scored(0)
            .map(|(piece, score)| if number_comma(&piece) { (piece, score - 100.0) } else { (piece, score) })
            .collect(),
        _ => scored(0).collect(),
    }
}

/// "1," and its like, which the first trainers made by mistake.
fn number_comma(piece: &str) -> bool {
    let mut characters = piece.chars().rev();
    characters.next() == Some(',') && characters.next().is_some_and(is_digit)
}

fn check_unique(name: &str, vocabulary: &[Scored]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match vocabulary.iter().find(|(piece, _)| !seen.insert(piece)) {
        Some((piece, _)) => {
            let message =
                format!("{name} has a piece \"{}\", which its class adds itself, expected other pieces", short(piece));
            Err(Failure::corrupt(message))
        }
        None => Ok(()),
    }
}

/// Merges of two pieces to a third, those of the best score first; of one score those with the longest parts.
fn bpe(model: &SentencePiece, vocabulary: Vec<Scored>) -> Result<BPE, Failure> {
    let ids: HashMap<&str, usize> =
        model.pieces.iter().enumerate().map(|(id, piece)| (piece.text.as_str(), id)).collect();
    let mut merges: Vec<(&str, &str, f64)> = Vec::new();
    for (piece, score) in &vocabulary {
        let cuts = piece.char_indices().skip(1).map(|(cut, _)| piece.split_at(cut));
        let mut local: Vec<(&str, &str)> =
            cuts.filter(|(left, right)| ids.contains_key(left) && ids.contains_key(right)).collect();
        local.sort_by_key(|(left, right)| (ids[left], ids[right]));
        merges.extend(local.into_iter().map(|(left, right)| (left, right, *score)));
    }
    let length = |text: &str| text.chars().count();
    merges.sort_by(|a, b| b.2.total_cmp(&a.2).then(length(b.0).cmp(&length(a.0))).then(length(b.1).cmp(&length(a.1))));
    let merges = merges.into_iter().map(|(left, right, _)| (left.to_owned(), right.to_owned())).collect();
    let with_ids: Vocabulary =
        vocabulary.iter().enumerate().map(|(id, (piece, _))| (piece.clone(), id as u32)).collect();
    let builder = BPE::builder().vocab_and_merges(with_ids, merges).unk_token(model.unk_piece.clone()).fuse_unk(true);
    builder.build().map_err(Failure::corrupt)
}

fn replace(pattern: ReplacePattern, content: &str) -> Result<NormalizerWrapper, Failure> {
    Ok(Replace::new(pattern, content).map_err(Failure::corrupt)?.into())
}

fn normalizer(sources: &Sources, model: &SentencePiece) -> Result<Sequence, Failure> {
    let charsmap = match model.charsmap.is_empty() {
        true => None,
        false => {
            check_charsmap(&model.charsmap, sources.family.files[0])?;
            Some(Precompiled::from(&model.charsmap).map_err(Failure::corrupt)?.into())
        }
    };
    let blanks = || ReplacePattern::Regex(" {2,}".to_owned());
    let mut stages: Vec<NormalizerWrapper> = Vec::new();
    match sources.family.kind {
        Kind::Albert | Kind::XlNet => {
            stages.push(replace(ReplacePattern::String("``".to_owned()), "\"")?);
            stages.push(replace(ReplacePattern::String("''".to_owned()), "\"")?);
            if !sources.switch("keep_accents", false)? {
                stages.push(NFKD.into());
                stages.push(StripAccents.into());
            }
            if sources.switch("do_lower_case", sources.family.kind == Kind::Albert)? {
                stages.push(Lowercase.into());
            }
            stages.extend(charsmap);
            stages.push(replace(blanks(), " ")?);
        }
        Kind::DebertaV2 => {
            if sources.switch("do_lower_case", false)? {
                stages.push(Lowercase.into());
            }
            stages.push(Strip::new(true, true).into());
            stages.extend(charsmap);
            stages.push(replace(blanks(), " ")?);
        }
        _ => {
            stages.extend(charsmap);
            stages.push(Strip::new(false, true).into());
            stages.push(replace(blanks(), "\u{2581}")?);
        }
    }
    Ok(Sequence::new(stages))
}

fn pre_tokenizer(sources: &Sources) -> Result<PreTokenizerWrapper, Failure> {
    let metaspace = Metaspace::new(METASPACE, PrependScheme::Always, true);
    if sources.family.kind != Kind::DebertaV2 {
        return Ok(metaspace.into());
    }
    let mut stages: Vec<PreTokenizerWrapper> = Vec::new();
    if sources.switch("split_by_punct", false)? {
        stages.push(Punctuation::default().into());
    }
    stages.push(metaspace.into());
    Ok(PreTokenizers::new(stages).into())
}
