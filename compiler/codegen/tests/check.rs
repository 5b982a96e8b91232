//! The checker of plans: it passes a good plan and catches planner bugs, each written down here.

use cnnc_codegen::Target;
use cnnc_codegen::plan::{Access, Arg, Program, Space, Term, check::check, plan};
use cnnc_ir::text;

/// A residual block between plain borders: reorders, convolutions, a sum in place.
fn good() -> Program {
    let block = "graph @g(%x: f32[1,16,8,8]) {\n  %v: f32[16,16,1,1] = const rand(1)\n  \
                 %a: f32[1,16,8,8] = conv %x, %v\n  %w: f32[16,16,3,3] = const rand(2)\n  \
                 %b: f32[1,16,8,8] = conv %a, %w, pad=1 |> relu\n  \
                 %y: f32[1,16,8,8] = conv %b, %w, pad=1 |> add %a |> relu\n  return %y\n}\n";
    plan(&text::parse(block).unwrap(), &Target::x86_64_v3()).unwrap()
}

/// The broken program must be refused by this rule.
#[track_caller]
fn caught(rule: &str, break_it: impl FnOnce(&mut Program)) {
    let mut program = good();
    break_it(&mut program);
    let error = check(&program).expect_err("the bug was not seen");
    assert!(error.starts_with(rule), "{error}");
}

/// The index of the first arena buffer that step `step` accesses in this way.
fn buffer(program: &Program, step: usize, how: Access) -> usize {
    let found =
        program.steps[step].accesses().find(|(b, a)| *a == how && program.buffer(*b).space == Space::Arena);
    found.unwrap().0.0 as usize
}

#[test]
fn good_plans_pass() {
    check(&good()).unwrap();
}

#[test]
fn a_buffer_too_small() {
    caught("(P1)", |p| {
        let b = buffer(p, 1, Access::Write);
        p.buffers[b].bytes -= 4;
    });
}

#[test]
fn a_nest_too_long() {
    caught("(P1)", |p| *p.steps[2].calls[0].extents.last_mut().unwrap() += 1);
}

#[test]
fn a_stride_too_wide() {
    caught("(P1)", |p| {
        for arg in &mut p.steps[2].calls[0].args {
            if let Arg::Address { terms, .. } = arg {
                for term in terms {
                    if let Term::FirstRow { stride } = term {
                        *stride *= 2;
                    }
                }
            }
        }
    });
}

#[test]
fn an_offset_before_the_buffer() {
    caught("(P1)", |p| {
        let Arg::Address { span, .. } = &mut p.steps[1].calls[0].args[1] else { panic!("the input") };
        span.start -= 32;
    });
}

#[test]
fn an_arena_too_small() {
    caught("(P2)", |p| p.arena_bytes -= 64);
}

#[test]
fn live_buffers_that_overlap() {
    caught("(P2)", |p| {
        let (read, written) = (buffer(p, 2, Access::Read), buffer(p, 2, Access::Write));
        p.buffers[written].offset = p.buffers[read].offset;
    });
}

#[test]
fn a_value_read_before_it_is_written() {
    caught("(P3)", |p| {
        p.steps.swap(1, 2);
        p.results.swap(1, 2);
    });
}

#[test]
fn a_step_that_is_missing() {
    caught("(P3)", |p| {
        p.steps.remove(0);
        p.results.remove(0);
    });
}

#[test]
fn an_input_that_is_written() {
    caught("(P4)", |p| {
        let Arg::Address { access, .. } = &mut p.steps[0].calls[0].args[1] else { panic!("the input") };
        *access = Access::Write;
    });
}
