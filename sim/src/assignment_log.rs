//! The assignment log: the assignments of a balancer as JSON Lines, which any tool can score.
//!
//! ```text
//! {"at_ms":0,"slices":[["",["pod-0"]],["0200000000000000",["pod-1"]]]}
//! ```

use std::io::{self, Write};

use emberkeep_core::pod::PodName;

use crate::ownership::{Owners, OwnershipMap};

/// Writes a line for each change of ownership.
pub struct AssignmentLog<W> {
    output: W,
}

impl<W: Write> AssignmentLog<W> {
    /// A log that appends to `output`; use a buffered one.
    pub fn new(output: W) -> Self {
        Self { output }
    }

    /// Writes the ownership that applies from `at_ms` on; `pods` are the names of the trace's pods, by id.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write(&mut self, at_ms: u64, ownership: &OwnershipMap, pods: &[PodName]) -> io::Result<()> {
        write!(self.output, "{{\"at_ms\":{at_ms},\"slices\":[")?;
        for (index, (start, owners)) in ownership.ranges().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(self.output, "{comma}[\"")?;
            start
                .to_bytes()
                .iter()
                .try_for_each(|byte| write!(self.output, "{byte:02x}"))?;
            write!(self.output, "\",[{}]]", names(owners, pods))?;
        }
        self.output.write_all(b"]}\n")
    }

    /// Flushes the output and returns it.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

/// Pod names need no JSON escaping: a [`PodName`] has no quotes, backslashes or control characters.
fn names(owners: &Owners, pods: &[PodName]) -> String {
    let quoted: Vec<String> = owners
        .iter()
        .map(|pod| format!("\"{}\"", pods[pod.as_usize()]))
        .collect();
    quoted.join(",")
}

#[cfg(test)]
mod tests {
    use emberkeep_core::keyspace::SliceKey;

    use super::*;
    use crate::load_trace::PodId;

    #[test]
    fn a_line_has_slices_in_key_order_with_their_starts_in_hex() {
        let pods = ["pod-0", "pod-1"].map(|name| PodName::try_new(name).unwrap());
        let key = SliceKey::from_position(0x00ff_00ff_00ff_00ff);
        let after = key.successor().unwrap();
        let short = SliceKey::try_new(&[2]).unwrap();
        let owners = |pods: &[u32]| pods.iter().copied().map(PodId).collect::<Owners>();
        let ownership = OwnershipMap::from_starts([
            (SliceKey::EMPTY, owners(&[0])),
            (key, owners(&[1, 0])),
            (after, owners(&[1])),
            (short, owners(&[])),
        ]);
        let mut log = AssignmentLog::new(Vec::new());
        log.write(5_000, &ownership, &pods).unwrap();
        let expected = concat!(
            r#"{"at_ms":5000,"slices":[["",["pod-0"]],["00ff00ff00ff00ff",["pod-0","pod-1"]],"#,
            r#"["00ff00ff00ff00ff00",["pod-1"]],["02",[]]]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(log.finish().unwrap()).unwrap(), expected);
    }
}
