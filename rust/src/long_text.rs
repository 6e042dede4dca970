//! Where a long text may be cut before it is encoded, so that its parts have the tokens of the whole.
//!
//! A cut stands before a blank between two letters or digits, or between two ideographs where each is a word, and only in a
//! tokenizer whose every stage is known to look no further than that blank. Why that holds, stage by stage: docs/adr/0010-long-texts.md.

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::{NormalizerWrapper, Replace};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{Model, NormalizedString, Normalizer, Tokenizer};

const METASPACE: char = '\u{2581}';

/// Where a tokenizer's texts may be cut.
pub struct Cuts {
    at_blanks: bool,
    between_ideographs: bool,
    never_fails: bool,
    /// Added tokens that take the blanks behind them along.
    greedy: Vec<u32>,
}

impl Cuts {
    /// `added_by`: the normalizer that added tokens went through, where it is not the tokenizer's own.
    pub fn find(tokenizer: &Tokenizer, added_by: Option<&NormalizerWrapper>) -> Self {
        let mut stages = Vec::new();
        tokenizer.get_normalizer().into_iter().for_each(|normalizer| flatten(normalizer, &mut stages));
        let own = tokenizer.get_normalizer();
        let at_blanks = normalizer_is_local(&stages)
            && tokenizer.get_pre_tokenizer().is_some_and(|stage| {
                splits_at_blanks(stage) && (!strips_blanks_before(&stages) || forgets_first_blank(stage))
            })
            && added_tokens_have_no_blanks(tokenizer, added_by.or(own))
            && added_tokens_have_no_blanks(tokenizer, own);
        let greedy = tokenizer.get_added_tokens_decoder().into_iter();
        Cuts {
            at_blanks,
            between_ideographs: at_blanks && ideographs_are_words(tokenizer),
            never_fails: model_never_fails(tokenizer.get_model()),
            greedy: greedy.filter(|(_, token)| token.rstrip).map(|(id, _)| id).collect(),
        }
    }

    /// The first cut at byte `from` or later: the index of a blank or an ideograph.
    pub fn next(&self, tokenizer: &Tokenizer, text: &str, from: usize) -> Option<usize> {
        if !self.at_blanks {
            return None;
        }
        let bytes = text.as_bytes();
        (from..bytes.len()).find(|&at| match bytes[at] {
            b' ' => is_cut(tokenizer, text, at),
            LOWEST_LEAD..=HIGHEST_LEAD => self.between_ideographs && is_between_ideographs(text, at),
            _ => false,
        })
    }

    /// Whether what follows a cut may stay unread: nothing there can make the text fail.
    pub fn may_skip_the_rest(&self) -> bool {
        self.never_fails
    }

    /// Whether the blank behind this token stays.
    pub fn may_end_with(&self, id: Option<u32>) -> bool {
        !id.is_some_and(|id| self.greedy.contains(&id))
    }
}

/// Whether a text may be cut before this blank.
fn is_cut(tokenizer: &Tokenizer, text: &str, blank: usize) -> bool {
    let mut before = text[..blank].chars().rev();
    let mut behind = text[blank + 1..].chars();
    let (Some(left), Some(right)) = (before.next(), behind.next()) else { return false };
    is_plain_letter(left)
        && is_plain_letter(right)
        && before.next().is_none_or(stands_apart)
        && behind.next().is_none_or(stands_apart)
        && normalizes_apart(tokenizer.get_normalizer(), left, right)
}

/// U+4E00 to U+9FFF: none of them decomposes or composes.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// The first byte of an ideograph in UTF-8; no other character has it inside.
const LOWEST_LEAD: u8 = 0xe4;
const HIGHEST_LEAD: u8 = 0xe9;

fn is_between_ideographs(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(is_ideograph) && text[at..].chars().next().is_some_and(is_ideograph)
}

/// Whether the normalizer puts blanks around each ideograph, at which the pre-tokenizer splits, and no added token has
/// any.
fn ideographs_are_words(tokenizer: &Tokenizer) -> bool {
    use PreTokenizerWrapper::*;
    let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else { return false };
    normalizer.handle_chinese_chars
        && matches!(tokenizer.get_pre_tokenizer(), Some(BertPreTokenizer(_) | Whitespace(_) | WhitespaceSplit(_)))
        && tokenizer.get_added_tokens_decoder().values().all(|token| token.content.chars().all(|c| c < '\u{2e80}'))
}

/// Beside a plain letter it stays a character of its own, and no normalizer drops it.
fn stands_apart(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || is_plain_letter(c)
}

/// Letters and digits that stand alone: no Unicode rule joins two of them to one character, or one of them to ASCII,
/// and nothing that they decompose into is a blank.
fn is_plain_letter(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(c,
            '0'..='9' | 'A'..='Z' | 'a'..='z'
            | '\u{c0}'..='\u{24f}' // Latin
            | '\u{388}'..='\u{3ce}' // Greek
            | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' // Cyrillic
            | '\u{531}'..='\u{586}' // Armenian
            | '\u{5d0}'..='\u{5ea}' // Hebrew
            | '\u{620}'..='\u{64a}' // Arabic
            | '\u{904}'..='\u{939}' // Devanagari, without vowel signs
            | '\u{e01}'..='\u{e2e}' // Thai consonants
            | '\u{10d0}'..='\u{10fa}' // Georgian
            | '\u{1e00}'..='\u{1eff}' // Latin with marks, Vietnamese
            | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' // Kana
            | '\u{ac00}'..='\u{d7a3}') // Hangul syllables
}

/// Whether the letters around a blank come out of the normalizer as something that is no blank, with the blank between
/// them. What the letters become depends on nothing else, since they are plain.
fn normalizes_apart(normalizer: Option<&NormalizerWrapper>, left: char, right: char) -> bool {
    let normalize = |text: String| {
        let mut normalized = NormalizedString::from(text);
        normalizer.map_or(Ok(()), |n| n.normalize(&mut normalized)).ok()?;
        Some(normalized.get().to_owned())
    };
    let sides = (normalize(left.to_string()), normalize(right.to_string()), normalize(format!("{left} {right}")));
    let (Some(left), Some(right), Some(both)) = sides else { return false };
    let is_mark = |c: char| matches!(c, '\u{300}'..='\u{36f}');
    left.chars().next_back().is_some_and(|c| c.is_alphanumeric() || is_mark(c))
        && right.chars().next().is_some_and(char::is_alphanumeric)
        && both == format!("{left} {right}")
}

fn normalizer_is_local(stages: &[&NormalizerWrapper]) -> bool {
    let charsmap = stages.iter().position(|stage| matches!(stage, NormalizerWrapper::Precompiled(_)));
    let (before, behind) = stages.split_at(charsmap.unwrap_or(stages.len()));
    // A character map may turn letters into anything: what follows it may look at blanks only.
    before.iter().all(|stage| is_local(stage)) && behind.iter().skip(1).all(|stage| looks_at_blanks_only(stage))
}

pub fn flatten<'a>(normalizer: &'a NormalizerWrapper, stages: &mut Vec<&'a NormalizerWrapper>) {
    match normalizer {
        NormalizerWrapper::Sequence(sequence) => sequence.as_ref().iter().for_each(|stage| flatten(stage, stages)),
        stage => stages.push(stage),
    }
}

fn is_local(stage: &NormalizerWrapper) -> bool {
    use NormalizerWrapper::*;
    match stage {
        NFC(_) | NFD(_) | NFKC(_) | NFKD(_) | Lowercase(_) | StripAccents(_) | BertNormalizer(_) | Nmt(_) => true,
        Replace(replace) => replaces_blanks(replace) || replaces_signs(replace),
        stage => looks_at_blanks_only(stage),
    }
}

fn looks_at_blanks_only(stage: &NormalizerWrapper) -> bool {
    match stage {
        NormalizerWrapper::StripNormalizer(_) => true,
        NormalizerWrapper::Replace(replace) => replaces_blanks(replace),
        _ => false,
    }
}

/// The pattern of a Replace, which only its JSON shows: "String" or "Regex", and its text.
fn pattern(replace: &Replace) -> Option<(String, String)> {
    let json = serde_json::to_value(replace).ok()?;
    let (kind, pattern) = json.get("pattern")?.as_object()?.iter().next()?;
    Some((kind.clone(), pattern.as_str()?.to_owned()))
}

/// Runs of blanks become one.
fn replaces_blanks(replace: &Replace) -> bool {
    let known = |regex: &str| match regex {
        r"\s+" | " +" => replace.content == " ",
        r"\s{2,}" | " {2,}" => [" ", "\u{2581}"].contains(&replace.content.as_str()),
        _ => false,
    };
    pattern(replace).is_some_and(|(kind, regex)| kind == "Regex" && known(&regex))
}

/// ASCII signs become others, as two backticks become a quote; no blank and no letter takes part.
fn replaces_signs(replace: &Replace) -> bool {
    let signs = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_punctuation());
    let blanks = |text: &str| ["\n", "\r", "\t"].contains(&text);
    let known = |text: &str| match replace.content.as_str() {
        " " => signs(text) || blanks(text),
        content => signs(text) && signs(content),
    };
    pattern(replace).is_some_and(|(kind, text)| kind == "String" && known(&text))
}

/// Whether a piece never holds a blank and what stands before it. In a sequence the first stage sees to that, and the
/// others see each piece alone.
fn splits_at_blanks(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    use PreTokenizerWrapper::*;
    match pre_tokenizer {
        BertPreTokenizer(_) | Whitespace(_) | WhitespaceSplit(_) => true,
        ByteLevel(byte_level) => byte_level.use_regex,
        Metaspace(metaspace) => metaspace.get_split() && prepends_by_piece(metaspace),
        Sequence(sequence) => sequence
            .as_ref()
            .split_first()
            .is_some_and(|(first, rest)| splits_at_blanks(first) && rest.iter().all(looks_at_one_piece)),
        _ => false,
    }
}

fn looks_at_one_piece(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    use PreTokenizerWrapper::*;
    match pre_tokenizer {
        BertPreTokenizer(_) | Whitespace(_) | WhitespaceSplit(_) | ByteLevel(_) | Punctuation(_) | Digits(_) => true,
        Metaspace(metaspace) => prepends_by_piece(metaspace),
        _ => false,
    }
}

fn strips_blanks_before(stages: &[&NormalizerWrapper]) -> bool {
    stages.iter().any(|stage| matches!(stage, NormalizerWrapper::StripNormalizer(strip) if strip.strip_left))
}

/// Whether a text has the same pieces without the blank that it begins with.
fn forgets_first_blank(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    use PreTokenizerWrapper::*;
    match pre_tokenizer {
        BertPreTokenizer(_) | Whitespace(_) | WhitespaceSplit(_) => true,
        ByteLevel(byte_level) => byte_level.add_prefix_space,
        Metaspace(metaspace) => metaspace.get_prepend_scheme() == PrependScheme::Always,
        Sequence(sequence) => sequence.as_ref().first().is_some_and(forgets_first_blank),
        _ => false,
    }
}

/// The scheme "first" asks where in the text a piece stands.
fn prepends_by_piece(metaspace: &tokenizers::pre_tokenizers::metaspace::Metaspace) -> bool {
    metaspace.get_replacement() == METASPACE && metaspace.get_prepend_scheme() != PrependScheme::First
}

/// They are looked for in the text as given, or normalized in the normalized text; one with a blank could lie across a
/// cut.
fn added_tokens_have_no_blanks(tokenizer: &Tokenizer, normalizer: Option<&NormalizerWrapper>) -> bool {
    let is_blank = |c: char| c.is_whitespace() || c == METASPACE;
    tokenizer.get_added_tokens_decoder().values().all(|token| {
        let mut content = NormalizedString::from(token.content.as_str());
        let normalizer = normalizer.filter(|_| token.normalized);
        normalizer.map_or(Ok(()), |n| n.normalize(&mut content)).is_ok()
            && !token.content.contains(is_blank)
            && !content.get().contains(is_blank)
    })
}

/// A model without a token for unknown characters refuses a text for one of them, wherever it stands.
fn model_never_fails(model: &ModelWrapper) -> bool {
    let falls_back_to_bytes = match model {
        ModelWrapper::BPE(bpe) => bpe.byte_fallback,
        ModelWrapper::Unigram(unigram) => unigram.byte_fallback(),
        _ => false,
    };
    !falls_back_to_bytes && model.tokenize("\u{10ffff}").is_ok()
}
