//! Punctuation as Moses' scripts make it alike before a text is cut: sacremoses 0.2's MosesPunctNormalizer, and
//! replace_unicode_punct and remove_non_printing_char of transformers' XLM and FlauBERT.
//!
//! Each rule is one pass in the original's order, since a later rule sees what an earlier one made. Every pass takes time
//! in proportion to the text.

use crate::characters::{Class, is, is_python_blank};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    French,
}

/// What a rule asks of the character beside a match; a character that is looked at belongs to the match, so that the
/// next match cannot look at it again.
pub type Side<'a> = Option<&'a dyn Fn(char) -> bool>;

/// `from` becomes `to` where the characters on both sides fit.
pub fn replace_between(text: String, from: &str, to: &str, before: Side, behind: Side) -> String {
    let mut result = String::new();
    // Where the text is copied up to, and where a match may begin.
    let (mut copied, mut free) = (0, 0);
    for (at, _) in text.match_indices(from) {
        let end = at + from.len();
        let left = text[..at].chars().next_back();
        let right = text[end..].chars().next();
        let start = at - before.and(left).map_or(0, char::len_utf8);
        let fits = |side: Side, c: Option<char>| side.is_none_or(|fits| c.is_some_and(fits));
        if start < free || !fits(before, left) || !fits(behind, right) {
            continue;
        }
        result += &text[copied..at];
        result += to;
        copied = end;
        free = end + behind.and(right).map_or(0, char::len_utf8);
    }
    if copied == 0 {
        return text;
    }
    result += &text[copied..];
    result
}

fn replace(text: String, from: &str, to: &str) -> String {
    if text.contains(from) { text.replace(from, to) } else { text }
}

fn replace_all(text: String, rules: &[(&str, &str)]) -> String {
    rules.iter().fold(text, |text, (from, to)| replace(text, from, to))
}

/// Runs of U+0020 become one.
fn squeeze(text: String) -> String {
    if !text.contains("  ") {
        return text;
    }
    let mut last = '\0';
    text.chars().filter(|&c| !(std::mem::replace(&mut last, c) == ' ' && c == ' ')).collect()
}

/// Punctuation of East Asian texts and typographic quotes in ASCII.
pub fn replace_unicode_punctuation(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len());
    let mut after_full_stop = false;
    for c in text.chars() {
        if std::mem::take(&mut after_full_stop) && is_python_blank(c) {
            after_full_stop = true;
            continue;
        }
        match c {
            '\u{3002}' | '\u{ff0e}' => {
                result += ". ";
                after_full_stop = true;
            }
            '\u{2026}' => result += "...",
            '\u{ff0c}' | '\u{3001}' => result.push(','),
            '\u{201c}' | '\u{201d}' | '\u{300a}' | '\u{300b}' | '\u{300c}' | '\u{300d}' => result.push('"'),
            '\u{2236}' | '\u{ff1a}' => result.push(':'),
            '\u{ff1f}' => result.push('?'),
            '\u{ff01}' => result.push('!'),
            '\u{ff1b}' => result.push(';'),
            '\u{ff08}' => result.push('('),
            '\u{ff09}' => result.push(')'),
            '\u{ff10}'..='\u{ff19}' => result.push(char::from(b'0' + (u32::from(c) - 0xff10) as u8)),
            '\u{ff5e}' => result.push('~'),
            '\u{2019}' => result.push('\''),
            '\u{2501}' => result.push('-'),
            '\u{3008}' => result.push('<'),
            '\u{3009}' => result.push('>'),
            '\u{3010}' => result.push('['),
            '\u{3011}' => result.push(']'),
            '\u{ff05}' => result.push('%'),
            other => result.push(other),
        }
    }
    result
}

/// Drops controls, format characters, private use and what Unicode 14 has not assigned.
pub fn remove_non_printing(text: &str) -> String {
    let is_printing = |&c: &char| match c {
        ' '..='~' => true,
        c => !is(Class::Control, c) && !is(Class::Unassigned, c),
    };
    text.chars().filter(is_printing).collect()
}

/// Blanks around brackets, colons, semicolons and per cent.
fn extra_blanks(text: String) -> String {
    let text = squeeze(replace_all(text, &[("\r", ""), ("(", " ("), (")", ") ")]));
    let text = replace_between(text, ") ", ")", None, Some(&|c| ".!:?;,".contains(c)));
    let text = replace_all(text, &[("( ", "("), (" )", ")")]);
    let text = replace_between(text, " %", "%", Some(&|c| is(Class::Decimal, c)), None);
    replace_all(text, &[(" :", ":"), (" ;", ";")])
}

fn quotes_and_dashes(text: String) -> String {
    let text = replace_all(text, &[("`", "'"), ("''", " \" "), ("\u{201e}", "\"")]);
    let text = replace_all(text, &[("\u{201c}", "\""), ("\u{201d}", "\""), ("\u{2013}", "-"), ("\u{2014}", " - ")]);
    let text = squeeze(text);
    let text = replace_all(text, &[("\u{b4}", "'"), ("\u{2018}", "'"), ("\u{201a}", "'"), ("\u{2019}", "'")]);
    let text = replace_all(text, &[("''", "\""), ("\u{2026}", "...")]);
    if !text.contains(['\u{ab}', '\u{bb}']) {
        return text;
    }
    let rules = [("\u{a0}\u{ab}\u{a0}", "\""), ("\u{ab}\u{a0}", "\""), ("\u{ab}", "\""), ("\u{a0}\u{bb}\u{a0}", "\"")];
    replace_all(replace_all(text, &rules), &[("\u{a0}\u{bb}", "\""), ("\u{bb}", "\"")])
}

/// No-break spaces before and behind signs.
fn no_break_spaces(text: String) -> String {
    if !text.contains('\u{a0}') {
        return squeeze(text);
    }
    let rules = [
        ("\u{a0}%", "%"),
        ("n\u{ba}\u{a0}", "n\u{ba} "),
        ("\u{a0}:", ":"),
        ("\u{a0}\u{ba}C", " \u{ba}C"),
        ("\u{a0}cm", " cm"),
        ("\u{a0}?", "?"),
        ("\u{a0}!", "!"),
        ("\u{a0};", ";"),
        (",\u{a0}", ", "),
    ];
    squeeze(replace_all(text, &rules))
}

/// A quote goes behind the commas and full stops that follow it.
fn english_quotes(text: String) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(quote) = rest.find('"') {
        let behind = &rest[quote + 1..];
        let signs = behind.len() - behind.trim_start_matches([',', '.']).len();
        result += &rest[..quote];
        result += &behind[..signs];
        result.push('"');
        rest = &behind[signs..];
    }
    result + rest
}

/// A quote goes before a comma in front of it, and before full stops unless the text or a tag follows.
fn french_quotes(text: String) -> String {
    let text = replace(text, ",\"", "\",");
    if !text.contains(".\"") {
        return text;
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(quote) = rest.find('"') {
        let before = &rest[..quote];
        let words = before.trim_end_matches('.');
        let behind = &rest[quote + 1..];
        let taken = if words.len() < before.len() { taken_behind_quote(behind) } else { 0 };
        if taken == 0 {
            result += &rest[..=quote];
        } else {
            result += words;
            result.push('"');
            result += &before[words.len()..];
            result += &behind[..taken];
        }
        rest = &behind[taken..];
    }
    result + rest
}

/// Bytes of blanks and one character that is no "<"; where there is none, the last blank stands for it.
fn taken_behind_quote(behind: &str) -> usize {
    let rest = behind.trim_start_matches(is_python_blank);
    let blanks = behind.len() - rest.len();
    blanks + rest.chars().next().filter(|&c| c != '<').map_or(0, char::len_utf8)
}

/// MosesPunctNormalizer.normalize.
pub fn normalize_punctuation(text: String, language: Language) -> String {
    let text = no_break_spaces(quotes_and_dashes(extra_blanks(text)));
    let (text, decimal_sign) = match language {
        Language::English => (english_quotes(text), "."),
        Language::French => (french_quotes(text), ","),
    };
    let is_decimal = |c| is(Class::Decimal, c);
    let text = replace_between(text, "\u{a0}", decimal_sign, Some(&is_decimal), Some(&is_decimal));
    text.trim_matches(is_python_blank).to_owned()
}
