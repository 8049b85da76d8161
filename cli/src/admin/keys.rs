//! Keys and ranges on the command line.

use std::fmt;

use clap::Args;
use emberkeep_proto::convert::range_of_text;
use emberkeep_proto::pb;

use crate::exit::CommandError;

/// One application key, or a range of slice keys.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    /// An application key; with --range, slice keys as START..END in hexadecimal, where an omitted bound is the start
    /// or the end of the key space
    keys: String,
    /// KEYS is a range of slice keys
    #[arg(long)]
    range: bool,
}

impl KeysArgs {
    pub(super) fn to_wire(&self) -> Result<pb::Keys, CommandError> {
        let keys = match self.range {
            true => pb::keys::Keys::Slice(range_from(&self.keys)?),
            false => pb::keys::Keys::Key(self.keys.clone().into_bytes()),
        };
        Ok(pb::Keys { keys: Some(keys) })
    }
}

impl fmt::Display for KeysArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            true => write!(f, "slice keys {}", self.keys),
            false => write!(f, "key {}", self.keys),
        }
    }
}

/// A range in the syntax of [`KeysArgs`].
pub(super) fn printed(slice: &pb::Slice) -> String {
    let end = slice.end.as_deref().map(hexadecimal).unwrap_or_default();
    format!("{}..{end}", hexadecimal(&slice.start))
}

pub(super) fn range_from(text: &str) -> Result<pb::Slice, CommandError> {
    let wrong = format_args!("{text} is not a range: write START..END in hexadecimal, as 40..80 or c0..");
    range_of_text(text).ok_or_else(|| CommandError::bad_input(wrong))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_range_can_be_parsed() {
        for text in ["40..80", "..0a", "c0ff..", ".."] {
            assert_eq!(printed(&range_from(text).unwrap()), text);
        }
    }

    #[test]
    fn other_forms_are_refused_with_the_allowed_one() {
        for text in ["", "40", "4..8", "zz..", "40..8ä"] {
            let allowed = "write START..END in hexadecimal, as 40..80 or c0..";
            let expected = CommandError::bad_input(format!("{text} is not a range: {allowed}"));
            assert_eq!(range_from(text).unwrap_err(), expected);
        }
    }
}
