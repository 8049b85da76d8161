//! `emberkeep sim replay-recording`: checks that brains repeat the recorded decisions.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;
use emberkeep_sim::recording::replay;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::CommandError;
use crate::file::{invalid, unreadable};
use crate::output;

/// Replay a recording of a live assigner with fresh brains, which must decide the same, byte for byte.
///
/// `emberkeep assigner --record FILE` writes recordings. The first different decision ends the replay with exit code 1.
#[derive(Debug, Args)]
pub(super) struct ReplayRecordingArgs {
    /// The file that was recorded
    file: PathBuf,
}

pub(super) fn run(args: &ReplayRecordingArgs) -> Result<(), CommandError> {
    let path = &args.file;
    let cannot_read = |error| unreadable("recording", path, error);
    let file = File::open(path).map_err(cannot_read)?;
    let byte_count = file.metadata().map_err(cannot_read)?.len();
    let progress = ProgressBar::new(byte_count).with_style(style());
    let replayed = replay(BufReader::new(progress.wrap_read(file)));
    progress.finish_and_clear();
    let replayed = replayed.map_err(|error| invalid("recording", path, error))?;
    output::print(format_args!("{replayed}\n"))?;
    match replayed.divergence {
        None => Ok(()),
        Some(divergence) => Err(CommandError::failed(format!(
            "recording {}, {divergence}",
            path.display()
        ))),
    }
}

/// Shown on a terminal only.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{elapsed_precise} {bar:24} {bytes}/{total_bytes}")
        .expect("the template is written here")
}
