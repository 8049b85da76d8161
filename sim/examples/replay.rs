//! Replays a load trace. Depends only on `sim` and `core`, so it builds fast while working on the balancer:
//!
//! ```sh
//! cargo run -p emberkeep-sim --example replay -- TRACE.jsonl ASSIGNMENTS.jsonl SUMMARY.json [BALANCER]
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::time::Instant;

use emberkeep_sim::assignment_log::AssignmentLog;
use emberkeep_sim::balancers::BalancerKind;
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::replay::{ReplayTick, replay};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (trace, assignments, summary, balancer) = match arguments.as_slice() {
        [trace, assignments, summary] => (trace, assignments, summary, "emberkeep"),
        [trace, assignments, summary, balancer] => (trace, assignments, summary, balancer.as_str()),
        _ => return Err("usage: replay TRACE.jsonl ASSIGNMENTS.jsonl SUMMARY.json [BALANCER]".into()),
    };
    let trace = LoadTrace::read(BufReader::with_capacity(1 << 20, File::open(trace)?))?;
    let kind: BalancerKind = balancer.parse()?;
    let mut log = AssignmentLog::new(BufWriter::new(File::create(assignments)?));
    let started = Instant::now();
    let found = replay(
        &trace,
        &mut *kind.balancer(&trace),
        &mut || started.elapsed(),
        &mut |tick: &ReplayTick<'_>| match tick.has_changed {
            true => log.write(tick.at_ms, tick.ownership, trace.pods()),
            false => Ok(()),
        },
    )?;
    log.finish()?;
    let text = serde_json::to_string_pretty(&found)?;
    std::fs::write(summary, format!("{text}\n"))?;
    eprintln!("{text}");
    Ok(())
}
