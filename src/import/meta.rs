//! Parses the expression of a meta rule.
//!
//! In: its text; out: a tree, with Perl's operator precedence.

/// An expression; a rule's value is its number of hits.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Rule(String),
    Not(Box<Expression>),
    Two(Operator, Box<Expression>, Box<Expression>),
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    More,
    AtMost,
    AtLeast,
    Plus,
    Minus,
    Times,
    Over,
}

/// By precedence, weakest first; a longer operator before its prefix.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::Unequal)],
    &[
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Over)],
];

/// Limit on nesting.
const DEEPEST: u32 = 60;

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    let expression = reader.level(0)?;
    match reader.rest.trim() {
        "" => Ok(expression),
        rest => Err(format!("`{rest}` cannot be parsed")),
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: u32,
}

impl Reader<'_> {
    fn eat(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn level(&mut self, number: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(number) else {
            return self.value();
        };
        let mut left = self.level(number + 1)?;
        'next: loop {
            for (sign, operator) in *operators {
                if self.eat(sign) {
                    let right = self.level(number + 1)?;
                    left = Expression::Two(*operator, Box::new(left), Box::new(right));
                    continue 'next;
                }
            }
            return Ok(left);
        }
    }

    fn value(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deeply".into());
        }
        let value = if self.eat("!") {
            Expression::Not(Box::new(self.value()?))
        } else if self.eat("(") {
            let inside = self.level(0)?;
            if !self.eat(")") {
                return Err("unclosed parenthesis".into());
            }
            inside
        } else {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
            let length = self.rest.find(|letter| !is_part(letter));
            let (word, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
            if word.is_empty() || rest.starts_with('(') {
                return Err(format!("`{}` cannot be parsed", self.rest));
            }
            self.rest = rest;
            match word.parse::<f64>() {
                Ok(number) => Expression::Number(number),
                Err(_) => Expression::Rule(word.to_owned()),
            }
        };
        self.depth -= 1;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expression: &Expression) -> String {
        match expression {
            Expression::Number(number) => number.to_string(),
            Expression::Rule(name) => name.clone(),
            Expression::Not(inner) => format!("!{}", shown(inner)),
            Expression::Two(operator, left, right) => {
                format!("({operator:?} {} {})", shown(left), shown(right))
            }
        }
    }

    #[test]
    fn operator_precedence_equals_perls() {
        for (text, tree) in [
            ("A&&B||!C", "(Or (And A B) !C)"),
            (
                "A + B*2 - 1 >= 2 && C",
                "(And (AtLeast (Minus (Plus A (Times B 2)) 1) 2) C)",
            ),
            ("( A || B ) == 1", "(Equal (Or A B) 1)"),
            ("0", "0"),
        ] {
            assert_eq!(parse(text).as_ref().map(shown), Ok(tree.to_owned()));
        }
        for wrong in ["", "A B", "(A", "A &&", "f(A)", "A =~ /b/"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
