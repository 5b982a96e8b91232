//! The profile of a run: where its time goes, layer by layer.
//!
//! ```text
//! layer   operator                            algorithm            units   MMACs     us  share  GFLOP/s  of peak
//! pool    conv > max_pool                     16 blocks of 4 rows     16  118.01  958.6  3.7 %    246.2     92 %
//!   conv  conv                                direct 3x4                  118.01
//! relu    winograd_input > winograd_product   F(4x4, 3x3)            368  115.61  261.4  1.0 %    884.5    331 %
//!         winograd_input                      F(4x4, 3x3)            112           19.5  0.1 %
//!         winograd_product                    direct 3x4             256          241.9  0.9 %
//! ```
//!
//! What a group or siblings compute runs within one step, so it has no time of its own. GFLOP/s count the multiply-adds
//! of the definition: transformed tiles do fewer, and are above the peak.

use cnnc_codegen::artifact::manifest::Step;
use serde_json::{Value, json};

use super::bench::{gflops, share};
use super::output;

/// A step and its least time in seconds.
pub(super) type Timed<'a> = (&'a Step, f64);

/// Prints the profile of a run on some threads; `peak` is that of one core in GFLOP/s.
pub(super) fn print(timed: &[Timed], threads: u32, peak: Option<f64>) {
    if timed.is_empty() {
        return;
    }
    let sum: f64 = timed.iter().map(|(_, seconds)| seconds).sum();
    let header = ["layer", "operator", "algorithm", "units", "MMACs", "us", "share", "GFLOP/s", "of peak"];
    let mut rows = vec![header.map(String::from).to_vec()];
    // Steps of one value are one layer.
    for steps in timed.chunk_by(|(one, _), (next, _)| one.name == next.name) {
        let (first, _) = steps[0];
        let ops: Vec<&str> = steps.iter().map(|(step, _)| step.op.as_str()).collect();
        let macs = steps.iter().map(|(step, _)| step.macs).sum();
        let seconds: f64 = steps.iter().map(|(_, seconds)| seconds).sum();
        let speed = gflops(macs, seconds);
        let units = steps.iter().map(|(step, _)| step.units).sum::<u64>().to_string();
        let [us, of_all] = time(seconds, sum);
        let of_peak = share(speed, peak, threads).map_or(String::new(), |percent| format!("{percent:.0} %"));
        let [speed, of_peak] =
            if macs > 0 { [format!("{speed:.1}"), of_peak] } else { [String::new(), String::new()] };
        let (name, algorithm) = (first.name.clone(), first.algorithm.clone());
        rows.push(vec![name, ops.join(" > "), algorithm, units, millions(macs), us, of_all, speed, of_peak]);
        for member in &first.members {
            let (name, op, algorithm) =
                (format!("  {}", member.name), member.op.clone(), member.algorithm.clone());
            rows.push(vec![name, op, algorithm, String::new(), millions(member.macs)]);
        }
        for (step, seconds) in steps.iter().filter(|_| steps.len() > 1) {
            let [us, of_all] = time(*seconds, sum);
            let (op, algorithm) = (step.op.clone(), step.algorithm.clone());
            rows.push(vec![String::new(), op, algorithm, step.units.to_string(), String::new(), us, of_all]);
        }
    }
    output::line("");
    output::line(format_args!("threads: {threads}, least time of each step, {:.3} ms in all", sum * 1e3));
    output::table(&rows, 3);
}

/// The same of one step for programs.
pub(super) fn to_json((step, seconds): Timed, threads: u32, peak: Option<f64>) -> Value {
    let speed = gflops(step.macs, seconds);
    let members = step.members.iter().map(|member| {
        json!({
            "name": member.name, "op": member.op, "algorithm": member.algorithm, "macs": member.macs,
        })
    });
    json!({
        "name": step.name, "op": step.op, "algorithm": step.algorithm, "us": seconds * 1e6, "units": step.units,
        "macs": step.macs, "bytes": step.bytes, "gflops": speed, "percent_of_peak": share(speed, peak, threads),
        "members": members.collect::<Vec<Value>>(),
    })
}

/// Microseconds, and what part of a sum they are.
fn time(seconds: f64, sum: f64) -> [String; 2] {
    [format!("{:.1}", seconds * 1e6), format!("{:.1} %", 100.0 * seconds / sum)]
}

/// A count in millions, if there is anything.
fn millions(macs: u64) -> String {
    if macs > 0 { format!("{:.2}", macs as f64 / 1e6) } else { String::new() }
}
