//! Checking an expression before it is ever run: its names, and by sample values its types.

use super::{Flaw, Side, Walk, compile, dotted, from_cel, offset, one_line, run};
use crate::runbook::value::{Type, Value};
use cel::ExecutionError;
use std::collections::BTreeMap;

pub(super) fn check_here(source: &str, names: &BTreeMap<String, Type>) -> Result<Type, Flaw> {
    let program = compile(source)?;
    let mut walk = Walk::default();
    walk.visit(program.expression(), 0);
    for (name, id) in &walk.names {
        if !names.contains_key(name) {
            let expected = nearest(name, names.keys()).map_or_else(
                || "a fact of `qd runbook facts` or a parameter of this runbook".to_owned(),
                |near| format!("a fact or a parameter, perhaps `{near}`"),
            );
            return Err(Flaw::new(
                name_start(source, name, offset(&program, *id)),
                format!("there is no `{name}`"),
                expected,
            ));
        }
    }
    for (id, left, right) in &walk.equalities {
        if let (Some(left), Some(right)) = (type_of(left, names), type_of(right, names))
            && !comparable(left, right)
        {
            let message = format!("{} is compared with {}", left.name(), right.name());
            return Err(Flaw::new(offset(&program, *id), message, "two values of one type"));
        }
    }
    // Types by example: the expression is run over sample values, once with each truth value for the booleans, so that
    // both sides of a short circuit are seen.
    let mut kind = None;
    for flag in [true, false] {
        let sample = names
            .iter()
            .map(|(name, kind)| (name.clone(), sample(*kind, flag)))
            .collect();
        match run(&program, &sample) {
            Ok(value) => kind = kind.or_else(|| from_cel(&value).map(|value| value.kind())),
            Err(error) if is_type_error(&error) => {
                // Its own words would show the sample values, which are not in the file.
                let message = match &error {
                    ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
                        format!("the operands of `{operator}` do not fit")
                    }
                    ExecutionError::ValuesNotComparable(..) => "the compared values are of different types".to_owned(),
                    other => one_line(&other.to_string()),
                };
                return Err(Flaw::new(0, message, "operands that fit the operator"));
            }
            Err(_) => {}
        }
    }
    // An answer that only real values give (an index, a division) is taken as a text, which fits any text.
    let kind = kind.unwrap_or(Type::Text);
    let seconds = dotted(program.expression()).and_then(|name| names.get(&name).copied());
    Ok(seconds.unwrap_or(kind))
}

fn is_type_error(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::NoSuchOverload(_)
            | ExecutionError::UndeclaredReference(_)
            | ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::InvalidArgumentCount { .. }
            | ExecutionError::NotSupportedAsMethod { .. }
            | ExecutionError::UnsupportedTargetType { .. }
            | ExecutionError::MissingArgumentOrTarget
    )
}

/// Where `name` begins: the parser gives a selection the offset of its last dot.
fn name_start(source: &str, name: &str, near: usize) -> usize {
    source
        .match_indices(name)
        .map(|(at, _)| at)
        .filter(|at| *at <= near)
        .last()
        .unwrap_or(near)
}

fn type_of(side: &Side, names: &BTreeMap<String, Type>) -> Option<Type> {
    match side {
        Side::Name(name) => names.get(name).copied(),
        Side::Literal(kind) => Some(*kind),
        Side::Other => None,
    }
}

fn comparable(left: Type, right: Type) -> bool {
    let number = |kind| matches!(kind, Type::Int | Type::Float | Type::Seconds);
    left == right || (number(left) && number(right))
}

fn sample(kind: Type, flag: bool) -> Value {
    match kind {
        Type::Bool => Value::Bool(flag),
        Type::Int | Type::Seconds => Value::Int(2),
        Type::Float => Value::Float(2.0),
        Type::Text => Value::text("1m"),
        Type::List => Value::List(vec![Value::text("a"), Value::text("b")]),
    }
}

/// The known name that looks most like `wanted`, if any does.
pub fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    known
        .map(|name| (distance(wanted, name), name.as_str()))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Edits between two names (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut next = vec![at + 1];
        for (&other, pair) in right.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let before = next.last().copied().unwrap_or_default();
            next.push((above + 1).min(before + 1).min(diagonal + usize::from(letter != other)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
