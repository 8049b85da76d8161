//! Names: short strings that are validated once and cheap to clone.

use thiserror::Error;

/// A rejected name, with the allowed form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} {found:?} is not allowed: it must be {allowed}")]
pub struct NameError {
    kind: &'static str,
    found: String,
    allowed: &'static str,
}

impl NameError {
    /// Truncates `found`, so that a hostile name cannot fill a log.
    pub(crate) fn new(kind: &'static str, found: &str, allowed: &'static str) -> Self {
        Self {
            kind,
            found: found.chars().take(80).collect(),
            allowed,
        }
    }
}

/// Declares a type of names: `kind` names it in errors, `allowed` describes what `is_allowed` accepts.
macro_rules! name_type {
    (
        $(#[$doc:meta])*
        $name:ident, kind: $kind:literal, length_max: $length_max:literal, allowed: $allowed:literal,
        is_allowed: $is_allowed:expr $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The longest name, in bytes.
            pub const LENGTH_MAX: usize = $length_max;

            /// Validates a name.
            ///
            /// # Errors
            #[doc = concat!("When it is not ", $allowed, ".")]
            pub fn try_new(text: &str) -> Result<Self, $crate::name::NameError> {
                let is_allowed: fn(&str) -> bool = $is_allowed;
                if text.len() <= Self::LENGTH_MAX && is_allowed(text) {
                    Ok(Self(text.into()))
                } else {
                    Err($crate::name::NameError::new($kind, text, $allowed))
                }
            }

            /// The name as a string slice.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::name::NameError;

            fn try_from(text: String) -> Result<Self, $crate::name::NameError> {
                Self::try_new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

pub(crate) use name_type;
