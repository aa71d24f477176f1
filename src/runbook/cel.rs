//! Expressions: CEL over facts and parameters, with an answer of three values.
//!
//! An expression comes from a file that somebody else may have written, so it is bounded before it is read: 512 bytes,
//! brackets 16 deep and 64 in all, short runs of unary operators, no comprehension inside another (that alone makes its
//! cost at most the product of two lists), and it is parsed and evaluated on a thread of its own with a large stack,
//! because a stack that overflows cannot be caught. Should it still not answer in time, the answer is *unknown*.
//!
//! A fact that is absent, stale or denied is simply not declared to the evaluator. CEL's own rules then do the right
//! thing: `true || unknown` is true, `false && unknown` is false, and everything else that touches it is unknown.

mod check;
mod functions;
mod stack;

pub use check::nearest;
pub use stack::THREAD;
pub(super) use stack::on_large_stack;

use super::value::{Type, Value};
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 512;
/// The deepest nesting of brackets.
pub const MAX_DEPTH: usize = 16;
/// Opening brackets in all: a string that holds closing ones could fool the depth, it cannot fool this.
const MAX_BRACKETS: usize = 64;
/// `!` and `-` in a row, and `?` in all: the parser recurses on both.
const MAX_RUN: usize = 8;
/// Expressions that are kept as they were read: several times those of the built-in runbooks.
const MAX_KNOWN: usize = 2048;
/// How long one batch of expressions may take before its answers are unknown.
const PATIENCE: Duration = Duration::from_millis(500);

/// What expressions can name: known values, and for the others why they are not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    pub known: BTreeMap<String, Value>,
    /// Each reason is a clause of its own: it is shown without the name.
    pub unknown: BTreeMap<String, String>,
}

/// What an expression gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Known(Value),
    /// Why there is no answer, in words for the operator.
    Unknown(String),
}

/// What a condition gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// Why it cannot be told, in words for the operator.
    Unknown(String),
}

impl From<Answer> for Truth {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Known(Value::Bool(true)) => Self::True,
            Answer::Known(Value::Bool(false)) => Self::False,
            Answer::Known(other) => {
                Self::Unknown(format!("the condition gave {}, not true or false", other.kind().name()))
            }
            Answer::Unknown(why) => Self::Unknown(why),
        }
    }
}

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub offset: usize,
    pub message: String,
    pub expected: String,
}

impl Flaw {
    pub fn new(offset: usize, message: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
            expected: expected.into(),
        }
    }
}

/// Evaluates expressions together, each answered on its own, in order.
pub fn evaluate(sources: &[String], scope: &Arc<Scope>) -> Vec<Answer> {
    if sources.is_empty() {
        return Vec::new();
    }
    let (owned, shared) = (sources.to_vec(), Arc::clone(scope));
    let task = move || {
        owned
            .iter()
            .map(|source| evaluate_here(source, &shared))
            .collect::<Vec<_>>()
    };
    match on_large_stack(PATIENCE, task) {
        Ok(answers) => answers,
        Err(why) => sources.iter().map(|_| Answer::Unknown(why.to_owned())).collect(),
    }
}

/// Evaluates one condition.
pub fn truth(source: &str, scope: &Arc<Scope>) -> Truth {
    evaluate(&[source.to_owned()], scope).into_iter().next().map_or_else(
        || Truth::Unknown("the expression gave no answer".to_owned()),
        Truth::from,
    )
}

/// Checks an expression against the names that it may use, and says its type.
///
/// # Errors
/// The first flaw found: too long or deep, not CEL, an unknown name, or operands that do not fit.
pub fn check(source: &str, names: &Arc<BTreeMap<String, Type>>) -> Result<Type, Flaw> {
    let (owned, names) = (source.to_owned(), Arc::clone(names));
    on_large_stack(PATIENCE, move || check::check_here(&owned, &names))
        .unwrap_or_else(|why| Err(Flaw::new(0, why, "a shorter expression")))
}

/// The caps that are checked on the text, before any parser sees it.
fn guard(source: &str) -> Result<(), Flaw> {
    if source.trim().is_empty() {
        return Err(Flaw::new(0, "the expression is empty", "a CEL expression"));
    }
    if source.len() > MAX_BYTES {
        let message = format!("the expression has {} bytes", source.len());
        return Err(Flaw::new(MAX_BYTES, message, format!("at most {MAX_BYTES}")));
    }
    let (mut depth, mut brackets, mut run, mut questions) = (0usize, 0usize, 0usize, 0usize);
    for (at, letter) in source.char_indices() {
        match letter {
            '(' | '[' | '{' => {
                depth += 1;
                brackets += 1;
            }
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '?' => questions += 1,
            _ => {}
        }
        match letter {
            '!' | '-' => run += 1,
            ' ' => {}
            _ => run = 0,
        }
        if depth > MAX_DEPTH {
            return Err(Flaw::new(
                at,
                "brackets are nested too deep",
                format!("at most {MAX_DEPTH} deep"),
            ));
        }
        if brackets > MAX_BRACKETS {
            return Err(Flaw::new(
                at,
                "there are too many brackets",
                format!("at most {MAX_BRACKETS}"),
            ));
        }
        if run > MAX_RUN || questions > MAX_RUN {
            return Err(Flaw::new(
                at,
                "operators are chained too long",
                format!("at most {MAX_RUN} in a row"),
            ));
        }
    }
    Ok(())
}

fn environment() -> Arc<Env> {
    static ENV: OnceLock<Arc<Env>> = OnceLock::new();
    Arc::clone(ENV.get_or_init(|| Arc::new(Env::stdlib())))
}

/// The same expressions are asked for again and again, and reading one costs far more than evaluating it.
fn compile(source: &str) -> Result<Arc<Program>, Flaw> {
    static KNOWN: Mutex<BTreeMap<String, Arc<Program>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = known().get(source) {
        return Ok(Arc::clone(program));
    }
    let program = Arc::new(compile_anew(source)?);
    let mut known = known();
    if known.len() >= MAX_KNOWN {
        known.clear();
    }
    known.insert(source.to_owned(), Arc::clone(&program));
    Ok(program)
}

fn compile_anew(source: &str) -> Result<Program, Flaw> {
    guard(source)?;
    let program = environment().compile(source).map_err(|errors| {
        let first = errors.errors.first();
        let column = first.map_or(0, |error| usize::try_from(error.pos.1).unwrap_or(1).saturating_sub(1));
        let message = first.map_or_else(|| "not an expression".to_owned(), |error| one_line(&error.msg));
        Flaw::new(column, message, "a CEL expression")
    })?;
    let mut walk = Walk::default();
    walk.visit(program.expression(), 0);
    match walk.flaw {
        Some((id, message, expected)) => Err(Flaw::new(offset(&program, id), message, expected)),
        None => Ok(program),
    }
}

fn offset(program: &Program, id: u64) -> usize {
    program
        .source_info()
        .offset_for(id)
        .map_or(0, |(start, _)| start as usize)
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(160)
        .collect()
}

/// The names an expression uses, and what in it is not allowed.
#[derive(Default)]
struct Walk {
    /// Dotted names that are not variables of a comprehension, with the node that begins them.
    names: Vec<(String, u64)>,
    bound: Vec<String>,
    flaw: Option<(u64, String, String)>,
    /// `a == b` pairs, to be compared by type.
    equalities: Vec<(u64, Side, Side)>,
}

/// One side of an equality, as far as it can be told without evaluating.
enum Side {
    Name(String),
    Literal(Type),
    Other,
}

impl Walk {
    fn refuse(&mut self, id: u64, message: &str, expected: &str) {
        if self.flaw.is_none() {
            self.flaw = Some((id, message.to_owned(), expected.to_owned()));
        }
    }

    fn visit(&mut self, node: &IdedExpr, comprehensions: usize) {
        if let Some(name) = dotted(node) {
            let root = name.split('.').next().unwrap_or_default();
            if !root.starts_with('@') && !self.bound.iter().any(|bound| bound == root) {
                self.names.push((name, node.id));
            }
            return;
        }
        match &node.expr {
            Expr::Call(call) => {
                if matches!(call.func_name.as_str(), "_==_" | "_!=_")
                    && let [left, right] = call.args.as_slice()
                {
                    self.equalities.push((node.id, side(left), side(right)));
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.visit(part, comprehensions);
                }
            }
            Expr::Comprehension(part) => {
                if comprehensions > 0 {
                    self.refuse(node.id, "a comprehension stands inside another", "one at a time");
                }
                self.visit(&part.iter_range, comprehensions + 1);
                let bound = self.bound.len();
                self.bound.push(part.iter_var.clone());
                self.bound.extend(part.iter_var2.clone());
                self.bound.push(part.accu_var.clone());
                for inner in [&part.accu_init, &part.loop_cond, &part.loop_step, &part.result] {
                    self.visit(inner, comprehensions + 1);
                }
                self.bound.truncate(bound);
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.visit(item, comprehensions)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.visit(&entry.key, comprehensions);
                        self.visit(&entry.value, comprehensions);
                    }
                }
            }
            Expr::Struct(_) => self.refuse(
                node.id,
                "messages cannot be built here",
                "facts, numbers, texts and lists",
            ),
            Expr::Select(select) => {
                if select.test {
                    let expected = "the fact itself: what is not known makes the answer unknown";
                    self.refuse(node.id, "has() would turn an unknown fact into an answer", expected);
                }
                self.visit(&select.operand, comprehensions);
            }
            Expr::Literal(_) | Expr::Ident(_) | Expr::Unspecified => {}
        }
    }
}

fn side(node: &IdedExpr) -> Side {
    if let Some(name) = dotted(node) {
        return Side::Name(name);
    }
    match &node.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => Side::Literal(Type::Bool),
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_)) => Side::Literal(Type::Int),
        Expr::Literal(LiteralValue::Double(_)) => Side::Literal(Type::Float),
        Expr::Literal(LiteralValue::String(_)) => Side::Literal(Type::Text),
        Expr::List(_) => Side::Literal(Type::List),
        _ => Side::Other,
    }
}

/// `a.b.c` when the node spells such a name.
fn dotted(node: &IdedExpr) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = &node.expr;
    loop {
        match at {
            Expr::Ident(name) => {
                parts.push(name.as_str());
                parts.reverse();
                return Some(parts.join("."));
            }
            Expr::Select(select) if !select.test => {
                parts.push(select.field.as_str());
                at = &select.operand.expr;
            }
            _ => return None,
        }
    }
}

struct Resolver<'a>(&'a BTreeMap<String, Value>);

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let value: Box<dyn Val> = to_cel(self.0.get(variable)?).try_into().ok()?;
        Some(CowVal::Owned(value))
    }
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Int(value) => cel::Value::Int(*value),
        Value::Float(value) => cel::Value::Float(*value),
        Value::Text(value) => cel::Value::from(value.as_str()),
        Value::List(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
    }
}

fn from_cel(value: &cel::Value) -> Option<Value> {
    Some(match value {
        cel::Value::Bool(value) => Value::Bool(*value),
        cel::Value::Int(value) => Value::Int(*value),
        cel::Value::UInt(value) => Value::Int(i64::try_from(*value).ok()?),
        cel::Value::Float(value) => Value::Float(*value),
        cel::Value::String(value) => Value::Text(value.to_string()),
        cel::Value::List(items) => Value::List(items.iter().map(from_cel).collect::<Option<_>>()?),
        _ => return None,
    })
}

fn run(program: &Program, known: &BTreeMap<String, Value>) -> Result<cel::Value, ExecutionError> {
    let resolver = Resolver(known);
    let mut context = Context::with_env(environment());
    functions::add(&mut context);
    context.set_variable_resolver(&resolver);
    program.execute(&context)
}

fn evaluate_here(source: &str, scope: &Scope) -> Answer {
    let program = match compile(source) {
        Ok(program) => program,
        Err(flaw) => return Answer::Unknown(format!("{}; expected {}", flaw.message, flaw.expected)),
    };
    match run(&program, &scope.known) {
        Ok(value) => from_cel(&value).map_or_else(
            || Answer::Unknown("the expression gave a value of no use here".to_owned()),
            Answer::Known,
        ),
        Err(error) => Answer::Unknown(why_unknown(&program, scope, &error)),
    }
}

/// Why the facts are not known that are missing; only when none is, the evaluator's own words.
fn why_unknown(program: &Program, scope: &Scope, error: &ExecutionError) -> String {
    let mut walk = Walk::default();
    walk.visit(program.expression(), 0);
    let missing: BTreeSet<&str> = walk
        .names
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !scope.known.contains_key(*name))
        .collect();
    if missing.is_empty() {
        return one_line(&error.to_string());
    }
    let mut told: Vec<String> = Vec::new();
    for name in missing {
        let why = scope.unknown.get(name);
        let why = why.map_or_else(|| format!("{name} is not known"), Clone::clone);
        if !told.contains(&why) {
            told.push(why);
        }
    }
    told.join("; ")
}

#[cfg(test)]
mod tests;
