//! Which regular expressions a tokenizer.json may bring: those whose cost on a text is known to be bounded.
//!
//! Oniguruma backtracks. Its limits (regex_limits.rs) stop one search, this check what they cannot see: programs that grow
//! with nested counts before anything is searched, and lookaround that reads the rest of the text at every place. Why:
//! docs/adr/0021-patterns-in-tokenizers.md.

use std::iter::Peekable;
use std::str::Chars;

const LONGEST: usize = 4096;
const DEEPEST: usize = 50;
/// Counted repetitions are written out by the compiler.
const MOST_COPIES: u32 = 10_000;

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
    copies: u32,
}

/// What a part of a pattern repeats.
#[derive(Clone, Copy, Default)]
struct Part {
    repeats: bool,
    unbounded: bool,
    /// Unbounded repetitions one behind another that a later part can undo, step by step.
    undone: u32,
    /// Those of them that are not of blanks.
    undone_text: u32,
    /// Those that no later part has undone yet.
    open: u32,
    open_text: u32,
    is_blank: bool,
    may_be_empty: bool,
}

impl Part {
    /// This part or the other one.
    fn or(self, other: Part) -> Part {
        Part {
            repeats: self.repeats | other.repeats,
            unbounded: self.unbounded | other.unbounded,
            undone: self.undone.max(other.undone),
            undone_text: self.undone_text.max(other.undone_text),
            open: self.open.max(other.open),
            open_text: self.open_text.max(other.open_text),
            is_blank: false,
            may_be_empty: false,
        }
    }

    /// This part and the other one behind it.
    fn then(self, other: Part) -> Part {
        let (undone, undone_text) = if other.may_be_empty { (0, 0) } else { (self.open, self.open_text) };
        Part {
            repeats: self.repeats | other.repeats,
            unbounded: self.unbounded | other.unbounded,
            undone: self.undone + undone + other.undone,
            undone_text: self.undone_text + undone_text + other.undone_text,
            open: self.open - undone + other.open,
            open_text: self.open_text - undone_text + other.open_text,
            is_blank: false,
            may_be_empty: false,
        }
    }
}

/// How often a part stands there: `most` times at most, or without bound where `most` are written out.
struct Count {
    least: u32,
    most: u32,
    unbounded: bool,
}

type Checked<T> = Result<T, &'static str>;

/// How the cost of a pattern grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    /// With the text.
    Linear,
    /// With the square of the text.
    Square,
}

/// How the cost of a pattern grows; refuses one that can cost more, and says what it has. What is no pattern at all is
/// left to the compiler's own error.
pub fn check_pattern(pattern: &str) -> Checked<Growth> {
    if pattern.len() > LONGEST {
        return Err("more than 4,096 bytes");
    }
    let mut reader = Reader { rest: pattern.chars().peekable(), depth: 0, copies: 0 };
    let mut all = Part::default();
    while reader.rest.peek().is_some() {
        all = all.then(reader.alternatives()?);
        // A parenthesis that nothing opened.
        reader.rest.next();
    }
    // Where the last alternative takes every run of blanks as a whole, no run is read again from a later place.
    let takes_blanks = pattern.ends_with(r"|\s+");
    match all.undone {
        0 => Ok(Growth::Linear),
        1 if takes_blanks && all.undone_text == 0 => Ok(Growth::Linear),
        1 => Ok(Growth::Square),
        _ => Err("two repetitions that a later part can undo"),
    }
}

impl Reader<'_> {
    fn take(&mut self, expected: char) -> bool {
        self.rest.next_if_eq(&expected).is_some()
    }

    /// Up to the closing parenthesis, which stays, or the end.
    fn alternatives(&mut self) -> Checked<Part> {
        let mut all = Part::default();
        let mut sequence = Part::default();
        while let Some(&c) = self.rest.peek() {
            if c == ')' {
                break;
            }
            self.rest.next();
            if c == '|' {
                all = all.or(std::mem::take(&mut sequence));
                continue;
            }
            let part = match c {
                '(' => self.group()?,
                '[' => self.class()?,
                '\\' => self.escape()?,
                _ => Part::default(),
            };
            let part = self.quantified(part)?;
            sequence = sequence.then(part);
        }
        Ok(all.or(sequence))
    }

    fn quantified(&mut self, mut part: Part) -> Checked<Part> {
        while let Some(count) = self.quantifier() {
            let repeats = count.unbounded || count.most > 1;
            if repeats && part.repeats {
                return Err("a repetition within a repetition");
            }
            self.copies = self.copies.saturating_add(count.most);
            if self.copies > MOST_COPIES {
                return Err("counts of more than 10,000 together");
            }
            part.repeats |= repeats;
            part.unbounded |= count.unbounded;
            part.open += u32::from(count.unbounded);
            part.open_text += u32::from(count.unbounded && !part.is_blank);
            part.may_be_empty |= count.least == 0;
        }
        Ok(part)
    }

    /// "*?" and "*+" are one quantifier.
    fn quantifier(&mut self) -> Option<Count> {
        let found = match self.rest.peek()? {
            '*' => Count { least: 0, most: 1, unbounded: true },
            '+' => Count { least: 1, most: 1, unbounded: true },
            '?' => Count { least: 0, most: 1, unbounded: false },
            '{' => {
                let mut ahead = self.rest.clone();
                let found = read_count(&mut ahead)?;
                self.rest = ahead;
                let _ = self.take('?');
                return Some(found);
            }
            _ => return None,
        };
        self.rest.next();
        let _ = self.take('?') || self.take('+');
        Some(found)
    }

    /// After "(".
    fn group(&mut self) -> Checked<Part> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("groups nested more than 50 deep");
        }
        let looks_around = if self.take('?') { self.group_kind()? } else { false };
        if self.rest.peek() == Some(&'*') {
            return Err("a call of a function");
        }
        let part = self.alternatives()?;
        self.take(')');
        self.depth -= 1;
        if looks_around && part.unbounded {
            return Err("an unbounded lookaround");
        }
        Ok(part)
    }

    /// After "(?": whether the group looks around.
    fn group_kind(&mut self) -> Checked<bool> {
        match self.rest.next() {
            Some('=' | '!') => Ok(true),
            Some(':' | '>') => Ok(false),
            Some('<') => match self.rest.peek() {
                Some('=' | '!') => {
                    self.rest.next();
                    Ok(true)
                }
                _ => self.skip_to('>').map(|()| false),
            },
            Some('i' | 'm' | 'x' | 's' | 'a' | 'W' | 'D' | 'S' | 'P' | '-') => {
                while self.rest.next_if(|c| c.is_ascii_alphabetic() || *c == '-').is_some() {}
                self.take(':');
                Ok(false)
            }
            Some('#') => loop {
                match self.rest.peek() {
                    None | Some(')') => return Ok(false),
                    Some(_) => self.rest.next(),
                };
            },
            _ => Err("a group of unknown kind"),
        }
    }

    fn skip_to(&mut self, end: char) -> Checked<()> {
        self.rest.by_ref().find(|&c| c == end).map(|_| ()).ok_or("a name without an end")
    }

    /// After "[": a class, in which others may nest.
    fn class(&mut self) -> Checked<Part> {
        self.take('^');
        // A bracket at the start stands for itself.
        self.take(']');
        let mut depth = 1;
        while depth > 0 {
            match self.rest.next() {
                Some('\\') => drop(self.rest.next()),
                Some('[') => depth += 1,
                Some(']') => depth -= 1,
                Some(_) => {}
                None => break,
            }
        }
        Ok(Part::default())
    }

    /// After a backslash.
    fn escape(&mut self) -> Checked<Part> {
        match self.rest.next() {
            Some('1'..='9' | 'k') => Err("a reference back"),
            Some('g') => Err("a call of a group"),
            Some('K' | 'X' | 'R' | 'N' | 'O' | 'y' | 'Y') => Err("an escape that no tokenizer needs"),
            Some('s') => Ok(Part { is_blank: true, ..Part::default() }),
            Some('p' | 'P' | 'x') if self.take('{') => self.skip_to('}').map(|()| Part::default()),
            _ => Ok(Part::default()),
        }
    }
}

/// "{n}", "{n,}", "{,m}" or "{n,m}"; None where the brace stands for itself.
fn read_count(reader: &mut Peekable<Chars>) -> Option<Count> {
    reader.next();
    let number = |reader: &mut Peekable<Chars>| {
        let mut digits = String::new();
        while let Some(digit) = reader.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let first: Option<u32> = number(reader);
    if reader.next_if_eq(&'}').is_some() {
        return first.map(|count| Count { least: count, most: count, unbounded: false });
    }
    reader.next_if_eq(&',')?;
    let second: Option<u32> = number(reader);
    reader.next_if_eq(&'}')?;
    match (first, second) {
        (None, None) => None,
        (Some(least), None) => Some(Count { least, most: least.max(1), unbounded: true }),
        // Oniguruma takes the two in either order.
        (first, Some(most)) => {
            let least = first.unwrap_or(0);
            Some(Count { least: least.min(most), most: most.max(least), unbounded: false })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_real_tokenizers_cost_as_much_as_their_text() {
        const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
        for pattern in [GPT2, r"\s+", r"[a-z]+", r" {2,}", r"\p{N}{1,3}", "a|b", "("] {
            assert_eq!(check_pattern(pattern), Ok(Growth::Linear), "{pattern}");
        }
    }

    #[test]
    fn a_repetition_that_a_later_part_can_undo_costs_the_square() {
        for pattern in [r"\s+$", "a+b", r"[a-z]*x"] {
            assert_eq!(check_pattern(pattern), Ok(Growth::Square), "{pattern}");
        }
    }

    #[test]
    fn what_can_cost_more_is_refused_by_its_name() {
        let deep = "(".repeat(DEEPEST + 1);
        let long = "a".repeat(LONGEST + 1);
        for (pattern, what) in [
            ("(a+)+", "a repetition within a repetition"),
            ("a+b+c", "two repetitions that a later part can undo"),
            ("(a)\\1", "a reference back"),
            ("(?=a*)", "an unbounded lookaround"),
            ("(?<=a+)b", "an unbounded lookaround"),
            ("a{20000}", "counts of more than 10,000 together"),
            (r"\g<1>", "a call of a group"),
            ("(*FAIL)", "a call of a function"),
            ("(?<name", "a name without an end"),
            (&deep, "groups nested more than 50 deep"),
            (&long, "more than 4,096 bytes"),
        ] {
            assert_eq!(check_pattern(pattern), Err(what), "{pattern}");
        }
    }

    #[test]
    fn what_looks_like_an_operator_but_is_none_stands_for_itself() {
        for pattern in ["[(*+)]+", r"\(+", "a{x}", "a{,}", "(?#a comment (a+)", r"\\+"] {
            assert_eq!(check_pattern(pattern), Ok(Growth::Linear), "{pattern}");
        }
    }
}
