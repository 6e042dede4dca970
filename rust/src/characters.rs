//! Classes of characters as the lists in characters.txt have them (tools/make/make_moses_characters.py).
//!
//! Those of Moses are lists that sacremoses ships, of an older Unicode; the others are of Unicode 14, which Python 3.11
//! has. Rust's own tables are newer: what was assigned since is `Unassigned` here, whatever Rust makes of it.

use std::sync::LazyLock;

/// In the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Letters, digits and what Moses counts as such.
    Alnum,
    Alpha,
    Number,
    Lower,
    /// Controls, format characters and private use: Unicode's Cc, Cf, Co.
    Control,
    /// Unicode's Cn.
    Unassigned,
    /// Unicode's Mn.
    Mark,
    /// Unicode's Nd.
    Decimal,
    /// Unicode's Cased, but for what is CaseIgnorable too.
    Cased,
    CaseIgnorable,
}

const NAMES: [&str; 10] =
    ["Alnum", "Alpha", "Number", "Lower", "Control", "Unassigned", "Mark", "Decimal", "Cased", "CaseIgnorable"];

type Ranges = Vec<(u32, u32)>;

static TABLES: LazyLock<[Ranges; 10]> = LazyLock::new(|| parse(include_str!("characters.txt")));

/// `Name first-last first-last ...`, a name on more than one line where its list is long.
fn parse(text: &str) -> [Ranges; 10] {
    let code = |digits: &str| u32::from_str_radix(digits, 16).expect("characters.txt holds hexadecimal codes");
    let mut tables = [const { Vec::new() }; 10];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let Some(index) = words.next().and_then(|name| NAMES.iter().position(|known| *known == name)) else { continue };
        tables[index].extend(words.map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (code(first), code(last))
        }));
    }
    tables
}

pub fn is(class: Class, c: char) -> bool {
    let code = u32::from(c);
    let ranges = &TABLES[class as usize];
    let behind = ranges.partition_point(|&(first, _)| first <= code);
    behind > 0 && code <= ranges[behind - 1].1
}

/// What Python's str.isspace() and str.split() know, and `\s` of its patterns.
pub fn is_python_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// A function of Unicode's applied as Unicode 14 has it: characters assigned later stand still, and nothing looks across
/// them.
pub fn by_unicode_14(text: &str, apply: impl Fn(&str) -> String) -> String {
    let is_new = |c: char| is(Class::Unassigned, c);
    if text.is_ascii() || !text.contains(is_new) {
        return apply(text);
    }
    let mut result = String::with_capacity(text.len());
    for part in text.split_inclusive(is_new) {
        let known = part.trim_end_matches(is_new);
        result += &apply(known);
        result += &part[known.len()..];
    }
    result
}

/// Python's str.lower(). Rust's own would take a capital sigma for a word's last letter by another Unicode's classes.
pub fn lower_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut result = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\u{3a3}' => {
                let behind = at + c.len_utf8();
                let is_last = next_is_cased(text[..at].chars().rev()) && !next_is_cased(text[behind..].chars());
                result.push(if is_last { '\u{3c2}' } else { '\u{3c3}' });
            }
            c if is(Class::Unassigned, c) => result.push(c),
            c => result.extend(c.to_lowercase()),
        }
    }
    result
}

fn next_is_cased(mut beside: impl Iterator<Item = char>) -> bool {
    beside.find(|&c| !is(Class::CaseIgnorable, c)).is_some_and(|c| is(Class::Cased, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order() {
        for (name, ranges) in NAMES.iter().zip(TABLES.iter()) {
            assert!(!ranges.is_empty(), "{name}");
            assert!(ranges.iter().all(|(first, last)| first <= last), "{name}");
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{name}");
        }
    }

    #[test]
    fn classes_end_where_their_ranges_end() {
        assert!(is(Class::Decimal, '0') && is(Class::Decimal, '9'));
        assert!(!is(Class::Decimal, '/') && !is(Class::Decimal, ':'));
        assert!(is(Class::Mark, '\u{301}') && !is(Class::Mark, 'e'));
        assert!(!is(Class::Number, '\0'));
    }

    #[test]
    fn a_capital_sigma_is_final_at_the_end_of_a_word_only() {
        assert_eq!(lower_case("A\u{3a3}"), "a\u{3c2}");
        assert_eq!(lower_case("A\u{3a3}. B"), "a\u{3c2}. b");
        assert_eq!(lower_case("\u{3a3}A"), "\u{3c3}a");
        assert_eq!(lower_case("\u{3a3}"), "\u{3c3}");
        assert_eq!(lower_case("\u{c9}T\u{c9}"), "\u{e9}t\u{e9}");
    }

    #[test]
    fn functions_do_not_look_across_what_unicode_14_does_not_have() {
        let whole = |text: &str| format!("<{text}>");
        assert_eq!(by_unicode_14("ab", whole), "<ab>");
        // U+11F00 is of Unicode 15.
        assert_eq!(by_unicode_14("a\u{11f00}b", whole), "<a>\u{11f00}<b>");
    }

    #[test]
    fn blanks_are_those_of_python() {
        assert!(['\u{1c}', '\u{1f}', ' ', '\u{a0}', '\u{3000}'].into_iter().all(is_python_blank));
        assert!(['\u{1b}', '\u{200b}', 'a'].into_iter().all(|c| !is_python_blank(c)));
    }
}
