//! The scope: which changes of the assignment a decision may make.

/// Which changes a decision may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Changes that pods joining, draining or dying require: every slice gets an owner, pods that joined are filled.
    #[default]
    Repair,
    /// All of [`Scope::Repair`], and moves for balance within their budget.
    Balance,
}
