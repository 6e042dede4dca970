//! Added tokens that the normalizer makes equal.
//!
//! The library builds its search from a map whose order is another in each tokenizer that it loads, and of equal patterns
//! it finds the one that came first. As in transformers 4.57 that is the special one, then the one added first: the others
//! are left out of the search.

use crate::failure::Failure;
use ahash::AHashMap;
use std::collections::HashSet;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{AddedToken, AddedVocabulary, Model, NormalizedString, Normalizer, NormalizerWrapper, Tokenizer};

fn normalized(token: &AddedToken, normalizer: Option<&NormalizerWrapper>) -> Result<String, Failure> {
    let mut content = NormalizedString::from(token.content.as_str());
    normalizer.map_or(Ok(()), |normalizer| normalizer.normalize(&mut content)).map_err(Failure::corrupt)?;
    Ok(content.get().to_owned())
}

/// Leaves the first of equal ones; returns the others, by id, as far as the model does not have them. `added_by`: the
/// normalizer that added tokens went through, where it is not the tokenizer's own.
pub fn leave_first(
    tokenizer: &mut Tokenizer,
    added_by: Option<&NormalizerWrapper>,
) -> Result<AHashMap<u32, String>, Failure> {
    let normalizer = added_by.or(tokenizer.get_normalizer()).cloned();
    let mut added: Vec<(u32, AddedToken)> = tokenizer.get_added_tokens_decoder().into_iter().collect();
    added.sort_by_key(|(id, token)| (!token.special, *id));
    let (mut kept, mut left_out, mut seen) = (Vec::new(), AHashMap::new(), HashSet::new());
    for (id, token) in added {
        if !token.normalized || seen.insert(normalized(&token, normalizer.as_ref())?) {
            kept.push((id, token));
        } else {
            left_out.insert(id, token.content);
        }
    }
    if left_out.is_empty() {
        return Ok(left_out);
    }
    // The ids are those that they have, whatever the model would give them.
    let ids = kept.iter().map(|(id, token)| (token.content.clone(), *id)).collect::<AHashMap<_, _>>();
    let numbers = WordLevel::builder().vocab(ids).build().map_err(Failure::corrupt)?;
    let mut vocabulary = AddedVocabulary::new();
    vocabulary.set_encode_special_tokens(tokenizer.get_added_vocabulary().get_encode_special_tokens());
    let tokens: Vec<AddedToken> = kept.into_iter().map(|(_, token)| token).collect();
    vocabulary.add_tokens(tokens, &numbers, normalizer.as_ref()).map_err(Failure::corrupt)?;
    tokenizer.with_added_vocabulary(vocabulary);
    left_out.retain(|id, _| tokenizer.get_model().id_to_token(*id).is_none());
    Ok(left_out)
}
