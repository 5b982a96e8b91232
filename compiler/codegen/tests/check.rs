//! The checker of plans: it passes a good plan and catches planner bugs, each written down here.

use cnnc_codegen::Target;
use cnnc_codegen::plan::{
    Access, Arg, Call, Group, Member, Place, Program, Space, Term, Work, check::check, plan,
};
use cnnc_ir::text;

/// A residual block between plain borders: reorders, convolutions, a sum in place.
fn good() -> Program {
    let block = "graph @g(%x: f32[1,16,8,8]) {\n  %v: f32[16,16,1,1] = const rand(1)\n  \
                 %a: f32[1,16,8,8] = conv %x, %v\n  %w: f32[16,16,3,3] = const rand(2)\n  \
                 %b: f32[1,16,8,8] = conv %a, %w, pad=1 |> relu\n  \
                 %y: f32[1,16,8,8] = conv %b, %w, pad=1 |> add %a |> relu\n  return %y\n}\n";
    plan(&text::parse(block).unwrap(), &Target { winograd: false, ..Target::x86_64_v3() }).unwrap()
}

/// A group of an expansion, a depthwise convolution and a projection with a sum.
fn good_group() -> Program {
    let block = "graph @g(%x: f32[2,16,64,64]) {\n  %v: f32[96,16,1,1] = const rand(1)\n  \
                 %a: f32[2,96,64,64] = conv %x, %v\n  %w: f32[96,1,3,3] = const rand(2)\n  \
                 %b: f32[2,96,64,64] = conv %a, %w, pad=1, groups=96\n  %u: f32[16,96,1,1] = const rand(3)\n  \
                 %y: f32[2,16,64,64] = conv %b, %u |> add %x\n  return %y\n}\n";
    plan(&text::parse(block).unwrap(), &Target::x86_64_v3()).unwrap()
}

/// Two convolutions of one value in one step.
fn good_siblings() -> Program {
    let block = "graph @g(%p: f32[1,16,8,8]) {\n  %v: f32[16,16,1,1] = const rand(1)\n  \
                 %x: f32[1,16,8,8] = conv %p, %v |> relu\n  %a: f32[1,16,8,8] = conv %x, %v |> relu\n  \
                 %b: f32[1,16,8,8] = conv %x, %v\n  %y: f32[1,16,8,8] = max %a, %b\n  return %y\n}\n";
    plan(&text::parse(block).unwrap(), &Target::x86_64_v3()).unwrap()
}

/// Three pieces of a concatenation of two images, the first and the last of them siblings.
fn good_pieces() -> Program {
    let block = "graph @g(%p: f32[2,16,8,8]) {\n  %v: f32[16,16,1,1] = const rand(1)\n  \
                 %x: f32[2,16,8,8] = conv %p, %v |> relu\n  %a: f32[2,16,8,8] = conv %x, %v |> relu\n  \
                 %b: f32[2,16,8,8] = max_pool %x, kernel=3, pad=1\n  %c: f32[2,16,8,8] = conv %x, %v\n  \
                 %y: f32[2,48,8,8] = concat %a, %b, %c, axis=1\n  %w: f32[16,48,1,1] = const rand(2)\n  \
                 %z: f32[2,16,8,8] = conv %y, %w\n  return %z\n}\n";
    plan(&text::parse(block).unwrap(), &Target::x86_64_v3()).unwrap()
}

/// Breaks the only group of a program.
fn in_group(break_it: impl FnOnce(&mut Group)) -> impl FnOnce(&mut Program) {
    move |p| {
        let group = p.steps.iter_mut().find_map(|step| match &mut step.work {
            Work::Group(group) => Some(group),
            Work::Nests(_) | Work::Siblings(_) => None,
        });
        break_it(group.expect("a group"));
    }
}

/// The calls of a step that is no group.
fn calls(p: &mut Program, step: usize) -> &mut Vec<Call> {
    let Work::Nests(calls) = &mut p.steps[step].work else { panic!("a group") };
    calls
}

/// The broken program must be refused by this rule.
#[track_caller]
fn caught(rule: &str, break_it: impl FnOnce(&mut Program)) {
    caught_in(good(), rule, break_it);
}

#[track_caller]
fn caught_in(mut program: Program, rule: &str, break_it: impl FnOnce(&mut Program)) {
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
    check(&good_group()).unwrap();
    check(&good_siblings()).unwrap();
    check(&good_pieces()).unwrap();
}

#[test]
fn a_convolution_over_its_own_operand() {
    // The second convolution writes the rows that later units of it read.
    caught("(P8)", |p| {
        let (from, to) = (buffer(p, 2, Access::Read), buffer(p, 2, Access::Write));
        for arg in calls(p, 2).iter_mut().flat_map(|call| &mut call.args) {
            if let Arg::Address { place, access: Access::Write, .. } = arg {
                assert_eq!(place.buffer.0 as usize, to);
                place.buffer.0 = from as u32;
            }
        }
    });
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
    caught("(P1)", |p| *calls(p, 2)[0].extents.last_mut().unwrap() += 1);
}

#[test]
fn a_stride_too_wide() {
    caught("(P1)", |p| {
        for arg in &mut calls(p, 2)[0].args {
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
        let Arg::Address { span, .. } = &mut calls(p, 1)[0].args[1] else { panic!("the input") };
        span.start -= 32;
    });
}

#[test]
fn an_arena_too_small() {
    caught("(P2)", |p| p.arena_bytes -= 64);
}

#[test]
fn a_bound_that_is_not_that_of_the_buffers() {
    caught("(P6)", |p| p.arena_bound += 64);
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
        let Arg::Address { access, .. } = &mut calls(p, 0)[0].args[1] else { panic!("the input") };
        *access = Access::Write;
    });
}

#[test]
fn a_ring_too_short() {
    // Every address agrees, and all bytes are inside: only the rows are lost.
    let shorter = |call: &mut Call| {
        if let Some(window) = &mut call.window {
            window.ring = window.ring.map(|r| r - 1);
        }
        for arg in &mut call.args {
            let Arg::Address { terms, .. } = arg else { continue };
            for term in terms {
                if let Term::Slot { rows, .. } = term {
                    *rows -= 1;
                }
            }
        }
    };
    let break_it = in_group(|g| {
        for member in &mut g.members {
            member.calls.iter_mut().for_each(shorter);
            if let Some(window) = &mut member.window {
                window.ring = window.ring.map(|r| r - 1);
            }
        }
    });
    caught_in(good_group(), "(P5)", break_it);
}

#[test]
fn a_block_too_high() {
    caught_in(good_group(), "(P5)", in_group(|g| g.blocks /= 2));
}

#[test]
fn a_window_that_is_not_that_of_the_nest() {
    caught_in(good_group(), "(P5)", in_group(|g| g.members[1].window.iter_mut().for_each(|w| w.pad = 0)));
}

#[test]
fn members_in_the_wrong_order() {
    caught_in(good_group(), "(P5)", in_group(|g| g.members.swap(0, 1)));
}

#[test]
fn loops_of_a_group_over_something_else() {
    caught_in(good_group(), "(P5)", in_group(|g| g.members[2].calls[0].extents[0] = 1));
    caught_in(good_group(), "(P5)", in_group(|g| *g.members[2].calls[0].extents.last_mut().unwrap() -= 1));
    caught_in(good_group(), "(P5)", in_group(|g| *g.members[0].calls[0].extents.last_mut().unwrap() -= 1));
}

#[test]
fn rings_that_overlap() {
    caught_in(good_group(), "(P5)", |p| {
        for buffer in p.buffers.iter_mut().filter(|b| b.space == Space::Scratch) {
            buffer.offset = 0;
        }
    });
}

#[test]
fn a_group_that_writes_over_what_it_reads() {
    caught_in(good_group(), "(P5)", |p| {
        // The sum in the place of the group's input, as a single step may have it.
        let (group, index) = (p.steps.iter().position(|s| matches!(s.work, Work::Group(_))).unwrap(), 0);
        let Work::Group(g) = &p.steps[group].work else { panic!("a group") };
        let Arg::Address { place: input, .. } = g.members[index].calls[0].args[1] else {
            panic!("the input")
        };
        let result = g.members[2].result;
        let Work::Group(g) = &mut p.steps[group].work else { panic!("a group") };
        for arg in g.members.iter_mut().flat_map(|m| &mut m.calls).flat_map(|c| &mut c.args) {
            if let Arg::Address { place, .. } = arg
                && place.buffer == result
            {
                place.buffer = input.buffer;
            }
        }
        g.members[2].result = input.buffer;
        p.results[group] = input.buffer;
    });
}

/// The address that a call of a sibling writes, or the one that it reads first.
fn place_of(members: &mut [Member], member: usize, how: Access) -> &mut Place {
    let places = members[member].calls[0].args.iter_mut().filter_map(|arg| match arg {
        Arg::Address { place, access, .. } if *access == how => Some(place),
        _ => None,
    });
    { places }.next().unwrap()
}

/// Breaks the only siblings of a program.
fn in_siblings(break_it: impl FnOnce(&mut [Member])) -> impl FnOnce(&mut Program) {
    move |p| {
        let siblings = p.steps.iter_mut().find_map(|step| match &mut step.work {
            Work::Siblings(members) => Some(members),
            Work::Nests(_) | Work::Group(_) => None,
        });
        break_it(siblings.expect("siblings"));
    }
}

#[test]
fn siblings_that_write_the_same_place() {
    caught_in(
        good_siblings(),
        "(P7)",
        in_siblings(|members| {
            let first = *place_of(members, 0, Access::Write);
            *place_of(members, 1, Access::Write) = first;
        }),
    );
}

#[test]
fn a_piece_of_each_image_that_is_missing() {
    caught_in(good_pieces(), "(P3)", |p| {
        let pool = p.steps.iter().position(|step| step.op == "max_pool").unwrap();
        p.steps.remove(pool);
        p.results.remove(pool);
    });
}

/// Moves the images of what a call writes together: so many of the three pieces of an image apart.
fn closer(call: &mut Call, pieces: i64) {
    let Arg::Address { terms, .. } = &mut call.args[0] else { panic!("the result") };
    let Some(Term::Index { dim: 0, stride }) = terms.first_mut() else { panic!("images") };
    *stride = *stride / 3 * pieces;
}

#[test]
fn images_of_a_piece_that_are_too_close() {
    // All is inside of the buffer; the second image is not where it is read.
    caught_in(good_pieces(), "(P3)", |p| {
        let pool = p.steps.iter().position(|step| step.op == "max_pool").unwrap();
        calls(p, pool).iter_mut().for_each(|call| closer(call, 1));
    });
}

#[test]
fn siblings_that_meet_in_the_second_image() {
    // The second image of the one is where the first of the other is.
    let break_it = in_siblings(|members| members[0].calls.iter_mut().for_each(|call| closer(call, 2)));
    caught_in(good_pieces(), "(P7)", break_it);
}

#[test]
fn a_sibling_that_writes_what_another_reads() {
    caught_in(
        good_siblings(),
        "(P7)",
        in_siblings(|members| {
            let operand = *place_of(members, 0, Access::Read);
            *place_of(members, 1, Access::Write) = operand;
        }),
    );
}
