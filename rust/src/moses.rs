//! Moses' tokenizer as sacremoses 0.2's MosesTokenizer has it, without escapes: text to words.
//!
//! The rules are passes over the text in the original's order, each in time proportional to it. Runs of dots are words
//! like "DOTDOTMULTI" in between, as in the original, since the rules that follow take them for letters.

use crate::characters::{Class, is, is_python_blank};
use crate::punctuation::{Language, Side, replace_between};

/// Abbreviations after which a full stop ends no sentence, as sacremoses 0.2 ships Moses' lists.
struct Prefixes {
    always: &'static str,
    /// Before a number only.
    numeric: &'static str,
}

const ENGLISH: Prefixes = Prefixes {
    always: "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr \
             Con Corp Cpl DR Dr Drs Ens Gen Gov Hon Hr Hosp Insp Lt MM MR MRS MS Maj Messrs Mlle Mme Mr Mrs Ms Msgr Op \
             Ord Pfc Ph Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt Sr St Supt Surg v vs i.e rev e.g Rs Nos Nr Jan Feb \
             Mar Apr Jun Jul Aug Sep Oct Nov Dec",
    numeric: "No Art pp",
};

const FRENCH: Prefixes = Prefixes {
    always: "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z b c d e f g h i j k l m n o p q r s t u v w x y z A.C.N \
             A.M art ann apr av auj lib B.P boul ca c.-\u{e0}-d cf ch.-l chap contr C.P.I C.Q.F.D C.N C.N.S C.S dir \
             \u{e9}d e.g env al etc E.V ex fasc f\u{e9}m fig fr hab ibid id i.e inf LL.AA LL.AA.II LL.AA.RR LL.AA.SS L.D \
             LL.EE LL.MM LL.MM.II.RR loc.cit masc MM ms N.B N.D.A N.D.L.R N.D.T n/r\u{e9}f NN.SS N.S N.D N.P.A.I p.c.c \
             pl pp p.ex p.j P.S R.A.S R.-V R.P R.I.P SS S.S S.A S.A.I S.A.R S.A.S S.E sec sect sing S.M S.M.I.R sq sqq \
             suiv sup suppl t\u{e9}l T.S.V.P vb vol vs X.O Z.I",
    numeric: "",
};

/// What stands for a run of as many dots as it has DOTs.
const DOT: &str = "DOT";
const MULTI: &str = "MULTI";

/// The words of a text whose punctuation is normalized.
pub fn cut(text: &str, language: Language) -> Vec<String> {
    let text = hide_dots(&pad_signs(&one_blank(text)));
    let text = apostrophes(commas(text), language);
    let mut text = split_full_stops(&text, language);
    if text.ends_with(".'") {
        text.truncate(text.len() - 2);
        text += " . ' ";
    }
    restore_dots(&text).split(is_python_blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Runs of blanks become one U+0020, controls go.
fn one_blank(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if is_python_blank(c) {
            if !result.ends_with(' ') {
                result.push(' ');
            }
        } else if c >= ' ' {
            result.push(c);
        }
    }
    result.trim_matches(' ').to_owned()
}

/// Blanks around whatever is no letter, digit, full stop, apostrophe, comma or hyphen.
fn pad_signs(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        if matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '.' | '\'' | '`' | ',' | '-') || is(Class::Alnum, c) {
            result.push(c);
        } else {
            result.extend([' ', c, ' ']);
        }
    }
    result
}

fn hide_dots(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("..") {
        let behind = rest[at..].trim_start_matches('.');
        let dots = rest.len() - at - behind.len();
        result += &rest[..at];
        result.push(' ');
        result += &DOT.repeat(dots);
        result += MULTI;
        if !behind.is_empty() {
            result.push(' ');
        }
        rest = behind;
    }
    result + rest
}

fn restore_dots(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(DOT) {
        let behind = rest[at..].trim_start_matches(DOT);
        let end = rest.len() - behind.len();
        result += &rest[..at];
        rest = match behind.strip_prefix(MULTI) {
            Some(behind) => {
                result += &".".repeat((end - at) / DOT.len());
                behind
            }
            None => {
                result += &rest[at..end];
                behind
            }
        };
    }
    result + rest
}

/// Blanks around commas, but for those between digits.
fn commas(text: String) -> String {
    if !text.contains(',') {
        return text;
    }
    let no_number = |c| !is(Class::Number, c);
    let text = replace_between(text, ",", " , ", Some(&no_number), None);
    let mut text = replace_between(text, ",", " , ", None, Some(&no_number));
    let mut last = text.chars().rev();
    if last.next() == Some(',') && last.next().is_some_and(|c| is(Class::Number, c)) {
        text.truncate(text.len() - 1);
        text += " , ";
    }
    text
}

/// Blanks around apostrophes; one that joins two words goes with the second in English, with the first in French.
fn apostrophes(text: String, language: Language) -> String {
    if !text.contains('\'') {
        return text;
    }
    let alpha = |c| is(Class::Alpha, c);
    let no_alpha = |c| !is(Class::Alpha, c);
    let number = |c| is(Class::Number, c);
    let neither = |c| !is(Class::Alpha, c) && !is(Class::Number, c);
    let is_s = |c| c == 's';
    let english: [(Side, Side, &str); 5] = [
        (Some(&no_alpha), Some(&no_alpha), " ' "),
        (Some(&neither), Some(&alpha), " ' "),
        (Some(&alpha), Some(&no_alpha), " ' "),
        (Some(&alpha), Some(&alpha), " '"),
        (Some(&number), Some(&is_s), " '"),
    ];
    let french: [(Side, Side, &str); 4] = [
        (Some(&no_alpha), Some(&no_alpha), " ' "),
        (Some(&no_alpha), Some(&alpha), " ' "),
        (Some(&alpha), Some(&no_alpha), " ' "),
        (Some(&alpha), Some(&alpha), "' "),
    ];
    let rules = if language == Language::English { &english[..] } else { &french[..] };
    rules.iter().fold(text, |text, (before, behind, to)| replace_between(text, "'", to, *before, *behind))
}

/// A full stop at a word's end becomes a word of its own unless it belongs to an abbreviation.
fn split_full_stops(text: &str, language: Language) -> String {
    let mut words = text.split(is_python_blank).filter(|word| !word.is_empty()).peekable();
    let mut result = String::with_capacity(text.len() + 16);
    while let Some(word) = words.next() {
        if !result.is_empty() {
            result.push(' ');
        }
        match word.strip_suffix('.').filter(|prefix| !prefix.is_empty()) {
            Some(prefix) if !keeps_full_stop(prefix, words.peek().copied(), language) => {
                result += prefix;
                result += " .";
            }
            _ => result += word,
        }
    }
    result
}

fn keeps_full_stop(prefix: &str, next: Option<&str>, language: Language) -> bool {
    let prefixes = if language == Language::English { ENGLISH } else { FRENCH };
    let stands_in = |list: &str| list.split(' ').any(|known| known == prefix);
    let next = next.and_then(|word| word.chars().next());
    (prefix.contains('.') && prefix.chars().any(|c| is(Class::Alpha, c)))
        || stands_in(prefixes.always)
        || next.is_some_and(|c| is(Class::Lower, c))
        || (stands_in(prefixes.numeric) && next.is_some_and(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_become_words() {
        assert_eq!(cut("Hello, world! (yes)", Language::English), ["Hello", ",", "world", "!", "(", "yes", ")"]);
        assert_eq!(cut("1,000 or 1, 2,", Language::English), ["1,000", "or", "1", ",", "2", ","]);
        assert_eq!(cut("  \t ", Language::English), [""; 0]);
    }

    #[test]
    fn apostrophes_go_with_the_word_that_the_language_says() {
        assert_eq!(cut("don't", Language::English), ["don", "'t"]);
        assert_eq!(cut("l'eau", Language::French), ["l'", "eau"]);
    }

    #[test]
    fn full_stops_of_abbreviations_stay() {
        assert_eq!(cut("Mr. Smith left.", Language::English), ["Mr.", "Smith", "left", "."]);
        assert_eq!(cut("No. 5 is No. X", Language::English), ["No.", "5", "is", "No", ".", "X"]);
        assert_eq!(cut("M. Dupont.", Language::French), ["M.", "Dupont", "."]);
    }

    #[test]
    fn runs_of_dots_are_one_word() {
        assert_eq!(cut("well... yes....", Language::English), ["well", "...", "yes", "...."]);
        assert_eq!(cut("DOT DOTMULTI", Language::English), ["DOT", "."]);
    }
}
