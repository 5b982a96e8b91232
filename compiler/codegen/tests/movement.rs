//! Operators that only move elements, plain and in blocks.

mod common;

use common::agree;

#[test]
fn concat_plain() {
    agree(
        "graph @g(%a: f32[2,3,5,7], %b: f32[2,1,5,7]) {\n  %c: f32[2,2,5,7] = const rand(1)\n  \
         %y: f32[2,6,5,7] = concat %a, %b, %c, axis=1 |> relu\n  \
         %z: f32[2,6,5,14] = concat %y, %y, axis=3\n  return %y, %z\n}\n",
    );
    agree("graph @g(%a: f32[3], %b: f32[9000]) {\n  %y: f32[9003] = concat %a, %b, axis=0\n  return %y\n}\n");
}

/// Convolutions of these channels concatenated, the first operand read twice.
fn concat_of_convs(n: usize, channels: &[usize]) {
    let total = channels.iter().sum::<usize>() + channels[0];
    let mut lines = String::new();
    for (i, c) in channels.iter().enumerate() {
        lines += &format!(
            "  %w{i}: f32[{c},9,1,1] = const rand({i})\n  %c{i}: f32[{n},{c},6,7] = conv %x, %w{i} |> relu\n"
        );
    }
    let names: Vec<String> = (0..channels.len()).map(|i| format!("%c{i}")).collect();
    agree(&format!(
        "graph @g(%x: f32[{n},9,6,7]) {{\n{lines}  %y: f32[{n},{total},6,7] = concat %c0, {}, axis=1\n  \
         %v: f32[12,{total},3,3] = const rand(50)\n  %z: f32[{n},12,6,7] = conv %y, %v, pad=1\n  \
         %s: f32[{n},{},6,7] = relu %c0\n  return %z, %s\n}}\n",
        names.join(", "),
        channels[0],
    ));
}

#[test]
fn concat_in_blocks() {
    concat_of_convs(1, &[8, 16, 24]);
    concat_of_convs(1, &[8, 16, 13]);
    concat_of_convs(2, &[16, 8, 5]);
    concat_of_convs(1, &[5, 16]);
}
