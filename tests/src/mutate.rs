//! Models with small damage: in their bytes, or in their structure.
//!
//! Bytes are flipped, replaced, inserted, removed and doubled. Structure is what a good file says, changed: attributes,
//! operators, edges, extents, element types, weights, versions. Both are functions of the seed alone.

use crate::random::Random;
use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_shape_proto::dimension::Value as Extent;
use onnx_protobuf::type_proto::Value as TypeValue;
use onnx_protobuf::{
    AttributeProto, GraphProto, Message, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

/// Numbers at which things break, and ordinary ones.
#[rustfmt::skip]
pub(crate) const INTS: &[i64] = &[
    -1, 0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 100, 1000, -2, -3, -9, 65_536, 1 << 31, (1 << 31) - 1, 1 << 32,
    1 << 62, i64::MAX, i64::MIN, i64::MIN + 1,
];

pub(crate) const FLOATS: &[f32] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.5,
    1e-9,
    1e-40,
    1e30,
    -1e30,
    f32::MAX,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// Extents that models have, and some that they had better not have.
const EXTENTS: &[i64] = &[0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 33, -1, 1 << 40];

/// The model of this number: a mutant of `bytes`, other models lend their operators.
pub fn mutant(bytes: &[u8], seed: u64, operators: &[String]) -> Vec<u8> {
    let mut random = Random(seed);
    if !random.once_in(3)
        && let Ok(mut model) = ModelProto::parse_from_bytes(bytes)
    {
        for _ in 0..1 + random.below(6) / 4 {
            change(&mut model, &mut random, operators);
        }
        return model.write_to_bytes().unwrap();
    }
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        change_bytes(&mut bytes, &mut random);
    }
    bytes
}

pub(crate) fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    // Half of the changes hit the first or last bytes: in between lie mostly weights.
    let end = bytes.len();
    let at = match random.below(4) {
        0 => random.below(end.min(600)),
        1 => end - 1 - random.below(end.min(600)).min(end.saturating_sub(1)),
        _ => random.below(end),
    };
    let length = 1 + random.below(16);
    let piece = bytes[at..(at + length).min(end)].to_vec();
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.pick(&[0, 1, 0x7F, 0x80, 0xFF]),
        2 => bytes[at] = random.bits() as u8,
        3 => drop(bytes.drain(at..at + piece.len())),
        4 => drop(bytes.splice(at..at, piece)),
        _ => bytes.truncate(at.max(1)),
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

fn change(model: &mut ModelProto, random: &mut Random, operators: &[String]) {
    if random.once_in(12) {
        match random.below(3) {
            0 => model.opset_import.iter_mut().for_each(|o| o.version = random.below(30) as i64),
            1 => model.ir_version = random.pick(&[-1, 0, 3, 4, 10, 99]),
            _ => model.opset_import.extend(model.opset_import.first().cloned()),
        }
        return;
    }
    let Some(graph) = model.graph.as_mut() else { return };
    match random.below(12) {
        0..6 => change_node(graph, random, operators),
        6 => change_nodes(&mut graph.node, random),
        7 | 8 => random.one(&mut graph.initializer).into_iter().for_each(|t| change_tensor(t, random)),
        9 | 10 => random.one(&mut graph.input).into_iter().for_each(|i| change_info(i, random)),
        _ => match random.below(4) {
            0 => random.one(&mut graph.output).into_iter().for_each(|o| change_info(o, random)),
            1 => drop(graph.output.pop()),
            2 => graph.initializer.extend(graph.initializer.first().cloned()),
            _ => drop(graph.initializer.pop()),
        },
    }
}

fn change_nodes(nodes: &mut Vec<NodeProto>, random: &mut Random) {
    let (a, b) = (random.below(nodes.len()), random.below(nodes.len()));
    let Some(node) = nodes.get(a).cloned() else { return };
    match random.below(3) {
        0 => drop(nodes.remove(a)),
        1 => nodes.insert(b, node),
        _ => nodes.swap(a, b),
    }
}

fn change_node(graph: &mut GraphProto, random: &mut Random, operators: &[String]) {
    let mut names: Vec<String> = graph.node.iter().flat_map(|n| n.output.iter().cloned()).collect();
    names.extend(graph.initializer.iter().map(|t| t.name.clone()));
    names.extend(graph.input.iter().map(|i| i.name.clone()));
    names.push(String::new());
    let Some(node) = random.one(&mut graph.node) else { return };
    match random.below(10) {
        0 if !operators.is_empty() => node.op_type = random.pick(operators),
        1 => random.one(&mut node.input).into_iter().for_each(|i| *i = random.pick(&names)),
        2 => node.input.push(random.pick(&names)),
        3 => drop(node.input.pop()),
        4 => node.input.reverse(),
        5 => match random.below(3) {
            0 => node.output.push(random.pick(&names)),
            1 => drop(node.output.pop()),
            _ => random.one(&mut node.output).into_iter().for_each(|o| o.push('2')),
        },
        _ => change_attributes(&mut node.attribute, random),
    }
}

fn change_attributes(attributes: &mut Vec<AttributeProto>, random: &mut Random) {
    if random.once_in(8) {
        match random.below(2) {
            0 => drop(attributes.pop()),
            _ => attributes.extend(attributes.first().cloned()),
        }
        return;
    }
    let other = random.pick(&["axis", "group", "pads", "mode", "strides", "alpha", "auto_pad"]);
    let Some(attribute) = random.one(attributes) else { return };
    if random.once_in(10) {
        attribute.name = other.into();
        return;
    }
    match attribute.type_.enum_value() {
        Ok(AttributeType::INT) => attribute.i = int(attribute.i, random),
        Ok(AttributeType::INTS) => change_list(&mut attribute.ints, random, int),
        Ok(AttributeType::FLOAT) => attribute.f = random.pick(FLOATS),
        Ok(AttributeType::FLOATS) => change_list(&mut attribute.floats, random, |_, r| r.pick(FLOATS)),
        Ok(AttributeType::STRING) => {
            let text = [
                "SAME_UPPER",
                "SAME_LOWER",
                "VALID",
                "NOTSET",
                "reflect",
                "edge",
                "linear",
                "cubic",
                "CRD",
                "?",
            ];
            attribute.s = random.pick(&text).into();
        }
        Ok(AttributeType::TENSOR) => attribute.t.as_mut().into_iter().for_each(|t| change_tensor(t, random)),
        _ => attribute.type_ = AttributeType::INT.into(),
    }
}

fn int(old: i64, random: &mut Random) -> i64 {
    match random.below(3) {
        0 => old.wrapping_add(random.pick(&[-1, 1])),
        _ => random.pick(INTS),
    }
}

fn change_list<T: Copy>(list: &mut Vec<T>, random: &mut Random, new: fn(T, &mut Random) -> T) {
    let Some(&first) = list.first() else { return };
    match random.below(6) {
        0 => list.push(new(first, random)),
        1 => drop(list.pop()),
        2 => list.reverse(),
        _ => {
            let k = random.below(list.len());
            list[k] = new(list[k], random);
        }
    }
}

fn change_tensor(tensor: &mut TensorProto, random: &mut Random) {
    match random.below(6) {
        0 => change_list(&mut tensor.dims, random, |_, r| r.pick(EXTENTS)),
        // The same elements in another shape: still whole, but of other types for whoever reads it.
        1 => tensor.dims.reverse(),
        2 => tensor.dims = vec![tensor.dims.iter().fold(1i64, |n, &d| n.saturating_mul(d))],
        3 => tensor.data_type = random.below(24) as i32,
        4 => drop(tensor.raw_data.pop()),
        _ => {
            let value = random.pick(FLOATS).to_le_bytes();
            let words = tensor.raw_data.len() / 4;
            if let Some(word) = tensor.raw_data.chunks_exact_mut(4).nth(random.below(words)) {
                word.copy_from_slice(&value);
            }
            random.one(&mut tensor.float_data).into_iter().for_each(|x| *x = f32::from_le_bytes(value));
            random.one(&mut tensor.int64_data).into_iter().for_each(|x| *x = random.pick(INTS));
        }
    }
}

fn change_info(info: &mut ValueInfoProto, random: &mut Random) {
    let Some(TypeValue::TensorType(tensor)) = info.type_.as_mut().and_then(|t| t.value.as_mut()) else {
        return;
    };
    if random.once_in(6) {
        tensor.elem_type = random.below(13) as i32;
        return;
    }
    let Some(shape) = tensor.shape.as_mut() else { return };
    match random.below(8) {
        0 => drop(shape.dim.pop()),
        1 => shape.dim.extend(shape.dim.first().cloned()),
        2 => {
            random.one(&mut shape.dim).into_iter().for_each(|d| d.value = Some(Extent::DimParam("n".into())))
        }
        _ => {
            let extent = random.pick(EXTENTS);
            random.one(&mut shape.dim).into_iter().for_each(|d| d.value = Some(Extent::DimValue(extent)));
        }
    }
}
