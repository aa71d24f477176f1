//! The functions that expressions have beside CEL's own: `ceil`, `floor`, `min`, `max`, `seconds`, `duration`,
//! `memory`, `percent`.

use crate::runbook::value::{duration_text, parse_duration, percent_text};
use cel::extractors::Arguments;
use cel::{Context, ExecutionError, Value};

/// Adds them to a context. None of their names is one of the standard library's.
pub(super) fn add(context: &mut Context<'_, '_>) {
    let _ = context.add_function("ceil", |Arguments(args): Arguments| {
        round("ceil", args.as_slice(), f64::ceil)
    });
    let _ = context.add_function("floor", |Arguments(args): Arguments| {
        round("floor", args.as_slice(), f64::floor)
    });
    let _ = context.add_function("min", |Arguments(args): Arguments| {
        pick("min", args.as_slice(), |a, b| a < b)
    });
    let _ = context.add_function("max", |Arguments(args): Arguments| {
        pick("max", args.as_slice(), |a, b| a > b)
    });
    let _ = context.add_function("seconds", |Arguments(args): Arguments| seconds(args.as_slice()));
    let _ = context.add_function("duration", |Arguments(args): Arguments| duration(args.as_slice()));
    let _ = context.add_function("memory", |Arguments(args): Arguments| memory(args.as_slice()));
    let _ = context.add_function("percent", |Arguments(args): Arguments| percent(args.as_slice()));
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::UInt(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn wants(function: &'static str, what: &str) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: "something else".to_owned(),
        want: format!("{what} for {function}()"),
    }
}

fn round(function: &'static str, args: &[Value], how: fn(f64) -> f64) -> Result<Value, ExecutionError> {
    let [value] = args else {
        return Err(ExecutionError::invalid_argument_count(1, args.len()));
    };
    let rounded = how(number(value).ok_or_else(|| wants(function, "a number"))?);
    // An infinite or absurd number is no replica count; saying so beats the largest integer.
    if rounded.is_finite() && rounded.abs() < 9.0e15 {
        Ok(Value::Int(rounded as i64))
    } else {
        Err(ExecutionError::function_error(function, "the number is out of range"))
    }
}

fn pick(function: &'static str, args: &[Value], better: fn(f64, f64) -> bool) -> Result<Value, ExecutionError> {
    let mut best: Option<(&Value, f64)> = None;
    for value in args {
        let this = number(value).ok_or_else(|| wants(function, "numbers"))?;
        if best.is_none_or(|(_, other)| better(this, other)) {
            best = Some((value, this));
        }
    }
    best.map(|(value, _)| value.clone())
        .ok_or_else(|| ExecutionError::invalid_argument_count(2, 0))
}

fn seconds(args: &[Value]) -> Result<Value, ExecutionError> {
    let [Value::String(text)] = args else {
        return Err(wants("seconds", "a text such as \"2m\""));
    };
    parse_duration(text)
        .map(Value::Int)
        .ok_or_else(|| ExecutionError::function_error("seconds", "expected a duration such as \"90s\" or \"2m\""))
}

fn duration(args: &[Value]) -> Result<Value, ExecutionError> {
    let [Value::Int(seconds)] = args else {
        return Err(wants("duration", "seconds"));
    };
    Ok(Value::from(duration_text(*seconds)))
}

fn memory(args: &[Value]) -> Result<Value, ExecutionError> {
    let [value] = args else {
        return Err(ExecutionError::invalid_argument_count(1, args.len()));
    };
    let count = number(value).ok_or_else(|| wants("memory", "a number"))?;
    Ok(Value::from(crate::text::bytes(count.max(0.0) as u64)))
}

fn percent(args: &[Value]) -> Result<Value, ExecutionError> {
    let [value] = args else {
        return Err(ExecutionError::invalid_argument_count(1, args.len()));
    };
    let share = number(value).ok_or_else(|| wants("percent", "a share of 1"))?;
    Ok(Value::from(percent_text(share)))
}
