//! The tokenizers of XLM and FlauBERT, of which transformers has classes in Python only: added tokens, words by the rules
//! of Moses, BPE.
//!
//! XLM's texts are cut as English ones whatever they are in, FlauBERT's as French ones: no other language can be asked for
//! where transformers encodes a text.

use crate::added_tokens::{AddedTokens, Part, Trie};
use crate::characters::{Class, by_unicode_14, is, lower_case};
use crate::failure::Failure;
use crate::family::Kind;
use crate::from_vocabulary::Sources;
use crate::moses;
use crate::plain_bpe::PlainBpe;
use crate::punctuation::{Language, normalize_punctuation, remove_non_printing, replace_unicode_punctuation};
use crate::version::Version;
use crate::vocabulary_files::{read_merges_with_counts, read_vocab_json};
use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;
use unicode_normalization::UnicodeNormalization;

pub struct MosesTokenizer {
    added: AddedTokens,
    /// Tokens that are not made lower-case; those of a text that is not made lower-case before it is cut: none.
    kept: Option<Trie>,
    form: Form,
    bpe: PlainBpe,
}

/// What becomes of letters.
#[derive(Clone, Copy)]
enum Form {
    /// XLM: lower-case and without accents, or as they are.
    Xlm { plain: bool },
    /// FlauBERT: composed, in lower case where asked for.
    Flaubert { lower: bool },
}

/// The vocabulary alone, by which ids have names; the texts go through a MosesTokenizer.
pub fn vocabulary(sources: &Sources) -> Result<Tokenizer, Failure> {
    let vocabulary = read_vocab_json(sources.files.require("vocab.json")?)?;
    let model = BPE::builder().vocab_and_merges(vocabulary, Vec::new()).build().map_err(Failure::corrupt)?;
    Ok(Tokenizer::new(model))
}

impl MosesTokenizer {
    /// `tokenizer` has the vocabulary and all added tokens.
    pub fn new(sources: &Sources, tokenizer: &Tokenizer) -> Result<Self, Failure> {
        if sources.switch("split_special_tokens", false)? {
            let message = "tokenizer_config.json: split_special_tokens is true, expected false";
            return Err(Failure::unsupported(message));
        }
        let form = match sources.family.kind {
            Kind::Flaubert => Form::Flaubert { lower: sources.switch("do_lowercase", false)? },
            _ => Form::Xlm { plain: sources.switch("do_lowercase_and_remove_accent", true)? },
        };
        let vocabulary = tokenizer.get_vocab(false);
        let merges = read_merges_with_counts(sources.files.require("merges.txt")?)?;
        let unknown = sources.special_token("unk_token")?;
        // The token types of a pair are counted with it.
        sources.special_token("cls_token")?;
        let missing =
            || Failure::corrupt(format!("vocab.json has no {unknown:?}, the unk_token, expected it among the pieces"));
        let unknown = *vocabulary.get(unknown).ok_or_else(missing)?;

        let added = AddedTokens::new(tokenizer.get_added_tokens_decoder().into_iter())?;
        // 4 makes a text lower-case before it is cut at added tokens, and its words again; 5 only the words.
        let lowers_text = sources.version == Version::Four && matches!(form, Form::Xlm { plain: true });
        let kept = lowers_text.then(|| {
            let mut decoder: Vec<_> = tokenizer.get_added_tokens_decoder().into_iter().collect();
            decoder.sort_by_key(|(id, _)| *id);
            let plain = decoder.iter().map(|(_, token)| token).filter(|token| !token.special && token.normalized);
            Trie::new(sources.special.contents().into_iter().chain(plain.map(|token| token.content.as_str())))
        });
        let pieces = vocabulary.iter().map(|(piece, id)| (piece.as_str(), *id));
        let bpe = PlainBpe::new(pieces, added.ids(), &merges, unknown);
        Ok(MosesTokenizer { added, kept, form, bpe })
    }

    /// The ids of a text, without special tokens around it.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let text = self.kept.as_ref().map_or_else(|| text.to_owned(), |kept| lower_but(text, kept));
        let mut ids = Vec::new();
        for part in self.added.split(text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => self.words(&text).iter().for_each(|word| self.bpe.encode(word, &mut ids)),
            }
        }
        ids
    }

    fn words(&self, text: &str) -> Vec<String> {
        let language = if matches!(self.form, Form::Xlm { .. }) { Language::English } else { Language::French };
        let text = match self.form {
            Form::Xlm { .. } => replace_unicode_punctuation(text),
            Form::Flaubert { lower } => {
                let text = text.replace("``", "\"").replace("''", "\"");
                let text = by_unicode_14(&text, |part| part.nfc().collect());
                replace_unicode_punctuation(&if lower { lower_case(&text) } else { text })
            }
        };
        let words = moses::cut(&remove_non_printing(&normalize_punctuation(text, language)), language);
        if !matches!(self.form, Form::Xlm { plain: true }) {
            return words;
        }
        words.iter().map(|word| without_accents(word)).filter(|word| !word.is_empty()).collect()
    }
}

fn without_accents(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let lower = lower_case(word);
    let plain: String = lower.nfd().filter(|&c| !is(Class::Mark, c)).collect();
    lower_case(&plain)
}

/// The text in lower case, each character alone, but for tokens that are kept.
fn lower_but(text: &str, kept: &Trie) -> String {
    let mut result = String::with_capacity(text.len());
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        if let Some(length) = kept.first_of(&characters[at..]) {
            result.extend(&characters[at..at + length]);
            at += length;
            continue;
        }
        if is(Class::Unassigned, c) {
            result.push(c);
        } else {
            result.extend(c.to_lowercase());
        }
        at += 1;
    }
    result
}
