//! Patterns of routes and lists (`formats.md` §0).

use regex::bytes::{Regex, RegexBuilder};

/// Octets of program and automaton one pattern may need; far above what a dial plan takes, and it keeps a
/// pattern like `((a{100}){100}){100}` from eating the machine at load.
const MAX_PROGRAM: usize = 1 << 20;

/// What a pattern looks at, which decides about letter case: users are case-sensitive, hosts are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Users, ports, headers: compared as written.
    Exact,
    /// Hosts: letter case does not count.
    Host,
    /// `user@host`: letter case counts up to the last `@`.
    UserAtHost,
}

/// A compiled pattern. Matching takes time linear in the value.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Compared whole.
    Literal(Box<str>, Scope),
    /// A regular expression without look-around and back-references.
    Regex(Regex),
}

impl Pattern {
    /// Compiles a pattern as written.
    ///
    /// # Errors
    /// What the regular expression engine objects to: syntax, look-around, back-references, size.
    pub fn compile(text: &str, scope: Scope) -> Result<Self, String> {
        if is_literal(text) {
            return Ok(Self::Literal(text.into(), scope));
        }
        let anchored = text.starts_with('^') || ends_with_anchor(text);
        let scoped = scoped(text, scope);
        let program = if anchored { scoped } else { format!(r"\A(?:{scoped})\z") };
        RegexBuilder::new(&program)
            .size_limit(MAX_PROGRAM)
            .build()
            .map(Self::Regex)
            .map_err(|error| last_line(&error.to_string()))
    }

    /// Whether the value fits.
    pub fn is_match(&self, value: &[u8]) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(value),
            Self::Literal(text, Scope::Exact) => text.as_bytes() == value,
            Self::Literal(text, Scope::Host) => text.as_bytes().eq_ignore_ascii_case(value),
            Self::Literal(text, Scope::UserAtHost) => is_same_address(text.as_bytes(), value),
        }
    }
}

fn is_literal(text: &str) -> bool {
    let digits_after_plus =
        text.strip_prefix('+').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let rest = digits_after_plus.unwrap_or(text);
    !rest.contains(['^', '$', '*', '?', '[', '(', '\\', '|', '{', '+'])
}

/// Whether the last `$` is an anchor, not an escaped character.
fn ends_with_anchor(text: &str) -> bool {
    text.strip_suffix('$').is_some_and(|rest| {
        let backslashes = rest.bytes().rev().take_while(|&byte| byte == b'\\').count();
        backslashes % 2 == 0
    })
}

fn scoped(text: &str, scope: Scope) -> String {
    match scope {
        Scope::Exact => text.to_owned(),
        Scope::Host => format!("(?i-u){text}"),
        Scope::UserAtHost => match last_at(text) {
            Some(at) => format!("{}(?i-u){}", &text[..=at], &text[at + 1..]),
            None => text.to_owned(),
        },
    }
}

/// The last `@` that stands for itself outside a character class.
fn last_at(text: &str) -> Option<usize> {
    let (mut depth, mut escaped, mut found) = (0_usize, false, None);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'@' if depth == 0 => found = Some(index),
            _ => {}
        }
    }
    found
}

fn is_same_address(left: &[u8], right: &[u8]) -> bool {
    let split = |text: &[u8]| text.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
    let (left_user, left_host) = left.split_at(split(left));
    let (right_user, right_host) = right.split_at(split(right));
    left_user == right_user && left_host.eq_ignore_ascii_case(right_host)
}

/// The engine draws the pattern over several lines; the cause is the last one.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, scope: Scope, value: &str) -> bool {
        Pattern::compile(pattern, scope).unwrap().is_match(value.as_bytes())
    }

    #[test]
    fn plain_text_and_plus_before_digits_are_literals() {
        for text in ["1001", "+44123", "a.b", "lab.test", ""] {
            assert!(matches!(Pattern::compile(text, Scope::Exact), Ok(Pattern::Literal(..))), "{text}");
        }
        for text in ["1+", "+44+1", "1{2}", "a|b", r"a\.b", "^1", "1$", "[12]", "1?", "1*", "(1)"] {
            assert!(!matches!(Pattern::compile(text, Scope::Exact), Ok(Pattern::Literal(..))), "{text}");
        }
        assert!(!matches("a.b", Scope::Exact, "axb"));
    }

    #[test]
    fn unanchored_expression_matches_the_whole_value() {
        assert!(matches("1[0-9]", Scope::Exact, "12"));
        assert!(!matches("1[0-9]", Scope::Exact, "123"));
        assert!(!matches("12|3", Scope::Exact, "123"));
        assert!(!matches("[0-9]*", Scope::Exact, "1\n"));
    }

    #[test]
    fn anchored_expression_is_used_as_written() {
        assert!(matches("^12", Scope::Exact, "123"));
        assert!(matches("23$", Scope::Exact, "123"));
        assert!(!matches("^2", Scope::Exact, "12"));
        // An escaped dollar sign anchors nothing.
        assert!(!matches(r"1\$", Scope::Exact, "x1$"));
        assert!(matches(r"1\\$", Scope::Exact, r"x1\"));
    }

    #[test]
    fn users_are_case_sensitive_and_hosts_are_not() {
        assert!(!matches("Alice", Scope::Exact, "alice"));
        assert!(matches("Lab.Test", Scope::Host, "lab.test"));
        assert!(matches(r"^.*\.Lab\.Test$", Scope::Host, "a.LAB.test"));
        assert!(matches("Alice@Lab.Test", Scope::UserAtHost, "Alice@lab.TEST"));
        assert!(!matches("Alice@lab.test", Scope::UserAtHost, "alice@lab.test"));
        assert!(matches(r"Ali.*@Lab\.test", Scope::UserAtHost, "Alice@LAB.test"));
        assert!(!matches(r"ali.*@lab\.test", Scope::UserAtHost, "Alice@lab.test"));
        assert!(matches(r"[a@]+", Scope::UserAtHost, "a@a"));
        assert!(matches(r"(x|y)@(One|Two)\.test", Scope::UserAtHost, "y@two.test"));
    }

    #[test]
    fn look_around_back_references_and_bombs_are_refused() {
        for text in ["(?=a)", r"(a)\1", "(", "a{1001}{1001}{1001}", "*"] {
            let error = Pattern::compile(text, Scope::Exact).unwrap_err();
            assert!(!error.contains('\n') && !error.is_empty(), "{text}: {error}");
        }
    }

    #[test]
    fn matching_time_is_linear() {
        // Exponential under backtracking: 2^40 steps.
        let pattern = Pattern::compile("^(a*)*b$", Scope::Exact).unwrap();
        assert!(!pattern.is_match("a".repeat(4000).as_bytes()));
    }
}
