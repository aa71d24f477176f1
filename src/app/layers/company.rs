//! Who else is on this machine, and whose plans wait for a second person.

#[derive(Clone, Copy, Debug, Default)]
pub struct CompanyView {
    /// Into the questions, then the people.
    pub cursor: usize,
}
