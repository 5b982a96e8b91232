//! What a run leaves in memory after each of its steps.

use crate::guarded::{Tight, run_observed};
use cnnc_codegen::plan::check::reach;
use cnnc_codegen::plan::{Access, Arg, Buffer, Layout, Program, Space};
use cnnc_codegen::vasm::LANES;
use cnnc_ir::Tensor;
use cnnc_runtime::Model;
use std::hash::{DefaultHasher, Hasher};

/// Two numbers: what all bytes of workspace and outputs make after all steps, and what the results of the steps and the
/// outputs make, wherever they lie. Of programs that compute alike they are the same.
///
/// # Errors
/// The status of a call that the model refuses.
pub fn trace(model: &Model, program: &Program, inputs: &[Tensor]) -> Result<[u64; 2], String> {
    let [mut all, mut results] = [DefaultHasher::new(), DefaultHasher::new()];
    let mut observer = |step: usize, memory: &[&[u8]]| {
        memory.iter().for_each(|bytes| all.write(bytes));
        let result = program.buffer(program.results[step]);
        if result.space == Space::Arena {
            results.write(&memory[0][result.offset as usize..][..result.bytes as usize]);
        }
        memory[1..].iter().for_each(|bytes| results.write(bytes));
    };
    run_observed(model, inputs, 1, (Tight::Back, 0xFF), Some(&mut observer))?;
    Ok([all, results].map(|hasher| hasher.finish()))
}

/// Looks, after each step of a model, at the lanes of its result that are no channel; how many there were.
///
/// # Errors
/// The first that is not zero; the status of a call that the model refuses.
pub fn idle_lanes(model: &Model, program: &Program, inputs: &[Tensor]) -> Result<usize, String> {
    let (mut looked, mut fault) = (0, None);
    let mut observer = |step: usize, memory: &[&[u8]]| {
        let result = program.results[step];
        let buffer = program.buffer(result);
        if buffer.space != Space::Arena || !is_whole(program, step) {
            return;
        }
        let bytes = &memory[0][buffer.offset as usize..][..buffer.bytes as usize];
        for lane in idle(buffer, bytes) {
            looked += 1;
            if lane != [0; 4] && fault.is_none() {
                fault = Some(format!("{}: a lane that is no channel is not zero", program.steps[step].name));
            }
        }
    };
    run_observed(model, inputs, 1, (Tight::Back, 0xFF), Some(&mut observer))?;
    fault.map_or(Ok(looked), Err)
}

/// Whether the result of a step ends with what the step wrote: parts of a concatenation are written one by one, and
/// some never, where all that want them find them elsewhere.
fn is_whole(program: &Program, step: usize) -> bool {
    let (result, later) = (program.results[step], &program.results[step + 1..]);
    let ends = program.steps[step].calls().flat_map(|call| {
        call.args.iter().filter_map(move |arg| match arg {
            Arg::Address { place, access: Access::Write, .. } if place.buffer == result => {
                Some(reach(call, arg).1)
            }
            _ => None,
        })
    });
    !later.contains(&result) && ends.max() == Some(program.buffer(result).bytes as i64)
}

/// The lanes of a value that are no channel.
fn idle<'b>(buffer: &Buffer, bytes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let (channels, planes) = match (&buffer.shape[..], buffer.layout) {
        ([_, channels, rest @ ..], Layout::Blocked) => (*channels, rest.iter().product()),
        _ => (LANES, 1_usize),
    };
    let image = channels.div_ceil(LANES) * planes * LANES * 4;
    let last = (channels / LANES) * planes * LANES * 4;
    let blocks = bytes.chunks_exact(image.max(1)).map(move |image| &image[last.min(image.len())..]);
    let pixels = blocks.flat_map(|block| block.chunks_exact(LANES * 4));
    pixels.flat_map(move |pixel| pixel.chunks_exact(4).skip(channels % LANES))
}
