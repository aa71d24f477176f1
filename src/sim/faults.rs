//! Faults on demand of the servers beside Kubernetes: the next request that is meant goes wrong, and then no other.

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for lack of the right to it.
    Refuse,
    /// It is done, and the connection is cut before the answer.
    LoseAfter,
}

/// What is to go wrong, in the order in which it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<(String, Fault)>);

impl Faults {
    /// The next request that holds this text goes wrong.
    pub fn next(&mut self, holds: &str, fault: Fault) {
        self.0.push((holds.to_owned(), fault));
    }

    /// The fault that hits this request, which is then used up.
    pub(super) fn hit(&mut self, request: &str) -> Option<Fault> {
        let at = self.0.iter().position(|(holds, _)| request.contains(holds.as_str()))?;
        Some(self.0.remove(at).1)
    }
}
