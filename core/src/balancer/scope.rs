//! The scope: the kinds of changes of the assignment that a decision may make.

use serde::{Deserialize, Serialize};

/// The kinds of changes that a decision may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Scope {
    /// Changes that pods joining, draining or dying require: every slice gets an owner, pods that joined are filled.
    #[default]
    Repair,
    /// All of [`Scope::Repair`], and moves for balance within their budget.
    Balance,
}
