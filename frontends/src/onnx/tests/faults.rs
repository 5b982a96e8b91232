//! What is refused, and how it is said.

use super::Value::{Float, Int, Ints, Text};
use super::{Attribute, Model, counting, tensor, value_info};
use crate::onnx::{ImportOptions, import};
use cnnc_ir::Tensor;
use onnx_protobuf::{FunctionProto, OperatorSetIdProto};

/// The only problem of a model.
fn problem(model: &Model) -> String {
    let problems = model.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

#[test]
fn all_problems_are_reported_and_what_follows_from_them_is_not() {
    let mut model = Model::new(13)
        .input("x", &[1, 4])
        .node("Foo", &["x"], &["a"], &[])
        .node("Relu", &["a"], &["b"], &[])
        .node("Bar", &["b"], &["c"], &[])
        .node("Transpose", &["x"], &["d"], &[("perm", Ints(&[0, 0]))])
        .node("Add", &["c", "d"], &["y"], &[])
        .output("y");
    let node = &mut model.0.graph.mut_or_insert_default().node[2];
    (node.name, node.domain) = ("third\nline".into(), "com.acme".into());
    assert_eq!(
        model.problems(),
        [
            r#"E_UNSUPPORTED node 0 "a" (Foo): the operator is not supported"#,
            r#"E_UNSUPPORTED node 2 "third\nline" (Bar, domain com.acme): the operator is not supported"#,
            concat!(
                r#"E_MODEL node 3 "d" (Transpose): transpose: (C1): perm=[0, 0] does not name each of "#,
                "the 2 dimensions of x f32[1,4] once"
            ),
        ]
    );
}

#[test]
fn attributes_are_known_of_their_type_and_unique() {
    let relu = |attributes: &[_]| {
        Model::new(13).input("x", &[4]).node("LeakyRelu", &["x"], &["y"], attributes).output("y")
    };
    assert!(problem(&relu(&[("beta", Float(1.0))])).contains(r#"unknown attribute "beta""#));
    assert!(problem(&relu(&[("alpha", Int(1))])).contains("attribute alpha is of type INT, not FLOAT"));
    let twice = relu(&[("alpha", Float(1.0)), ("alpha", Float(2.0))]);
    assert!(problem(&twice).contains(r#"attribute "alpha" stands there twice"#));
    assert_eq!(relu(&[("alpha", Float(0.5))]).result(&[tensor(&[4], &[-2.0f32; 4])]).1, [-1.0; 4]);
}

#[test]
fn tables_of_a_resize_have_a_limit() {
    let sizes = tensor(&[4], &[1i64, 1, 1, 1 << 24]);
    let model = Model::new(18).input("x", &[1, 1, 1, 4]).weight("n", sizes);
    let model = model.node("Resize", &["x", "", "", "n"], &["y"], &[("mode", Text("cubic"))]).output("y");
    // Four taps each, of an i64 and an f32.
    let bytes = (1 << 24) * 4 * 12;
    assert!(
        problem(&model).starts_with("E_LIMIT") && problem(&model).contains(&format!("take {bytes} bytes"))
    );
}

#[test]
fn no_file_is_blamed_for_what_the_ir_lacks() {
    let model = Model::new(20).input("x", &[1, 1, 2, 2, 2, 2]).input("grid", &[1, 1, 1, 1, 1, 4]);
    let model = model.node("GridSample", &["x", "grid"], &["y"], &[]).output("y");
    assert!(problem(&model).starts_with("E_UNSUPPORTED"), "{}", problem(&model));
    let model = Model::new(13).weight("x", tensor(&[1], &[1i32])).node("Erf", &["x"], &["y"], &[]);
    let model = model.node("Cast", &["y"], &["z"], &[("to", Int(1))]).output("z");
    assert!(problem(&model).contains("help: the file breaks a rule of ONNX, or cnnc supports less"));
}

#[test]
fn inputs_are_counted() {
    let add = |inputs: &[&str]| Model::new(13).input("x", &[4]).node("Add", inputs, &["y"], &[]).output("y");
    assert!(problem(&add(&["x"])).contains("input B is missing"));
    assert!(problem(&add(&["x", ""])).contains("input B is missing"));
    assert!(problem(&add(&["x", "x", "x"])).contains("3 inputs are given, there are only A, B"));
    assert!(problem(&add(&["x", "z"])).contains(r#"input "z" is defined nowhere"#));
}

#[test]
fn optional_outputs_may_stand_there_but_not_be_read() {
    let one = || tensor(&[1], &[1.0f32]);
    let names = ["scale", "shift", "mean", "var"];
    let norm = |opset, attributes: &[Attribute]| {
        let model = Model::new(opset).input("x", &[2, 1]);
        let model = names.iter().fold(model, |model, name| model.weight(name, one()));
        let operands = ["x", "scale", "shift", "mean", "var"];
        model.node("BatchNormalization", &operands, &["a", "statistics"], attributes)
    };
    // From opset 7 to 13 a second output means training.
    for opset in [7, 9, 13] {
        assert!(problem(&norm(opset, &[]).output("a")).contains("training is not supported before opset 14"));
    }
    let norm = norm(6, &[("epsilon", Float(0.0)), ("is_test", Int(1))]);
    let unread = norm.clone().node("Relu", &["a"], &["y"], &[]).output("y");
    assert_eq!(unread.result(&[tensor(&[2, 1], &[0.0f32, 3.0])]).1, [0.0, 3.0]);
    let read = norm.clone().node("Relu", &["statistics"], &["y"], &[]).output("y");
    let problem_of_read = r#"it reads output 1 of node 0 "a" (BatchNormalization), which is not supported"#;
    assert!(problem(&read).contains(problem_of_read));
    assert!(problem(&norm.output("statistics")).contains(r#"output "statistics" is output 1 of node 0"#));
}

#[test]
fn nodes_are_sorted_and_cycles_refused() {
    let sorted = Model::new(13)
        .input("x", &[2])
        .node("Mul", &["a", "a"], &["y"], &[])
        .node("Add", &["x", "x"], &["a"], &[])
        .output("y");
    assert_eq!(sorted.result(&[counting(&[2])]).1, [4.0, 16.0]);
    let cycle = Model::new(13)
        .input("x", &[2])
        .node("Relu", &["c"], &["y"], &[])
        .node("Add", &["x", "c"], &["b"], &[])
        .node("Relu", &["b"], &["c"], &[])
        .output("y");
    assert!(problem(&cycle).contains("the node reads what is computed from it"));
}

#[test]
fn a_long_chain_takes_no_stack() {
    let mut model = Model::new(13).input("v0", &[1]);
    for k in 0..30_000 {
        model = model.node("Relu", &[&format!("v{k}")], &[&format!("v{}", k + 1)], &[]);
    }
    let model = model.output("v30000");
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let nodes = small.spawn(move || model.import().graph.order().len()).expect("a thread").join();
    assert_eq!(nodes.expect("no overflow"), 30_001);
}

#[test]
fn equal_names_take_linear_time() {
    let mut model = Model::new(13).input("x", &[1]);
    for k in 0..20_000 {
        // Every name is the same one once its characters are made legal.
        let name: String =
            (0..15).map(|bit| if k >> bit & 1 == 0 { '\u{3042}' } else { '\u{3044}' }).collect();
        model = model.node("Relu", &["x"], &[&name], &[]);
    }
    let start = std::time::Instant::now();
    let module = model.node("Relu", &["x"], &["y"], &[]).output("y").import();
    assert_eq!(module.graph.order().len(), 20_002);
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn long_lists_take_little_time_and_short_messages() {
    let long: Vec<i64> = (0..1_000_000).collect();
    let start = std::time::Instant::now();
    let cases: [(&str, &str); 4] =
        [("Unsqueeze", "axes"), ("Squeeze", "axes"), ("Transpose", "perm"), ("Pad", "pads")];
    for (op, attribute) in cases {
        let model = Model::new(7).input("x", &[1]).node(op, &["x"], &["y"], &[(attribute, Ints(&long))]);
        let problem = problem(&model.output("y"));
        assert!(problem.len() < 600, "{} characters about {op}", problem.len());
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn names_are_unique_in_the_file_and_legal_in_the_graph() {
    let relu = |model: Model| model.node("Relu", &["x"], &["y"], &[]);
    let twice = relu(relu(Model::new(13).input("x", &[1]))).output("y");
    assert!(problem(&twice).contains(r#"the name "y" is defined twice"#));
    let weights = Model::new(13).input("x", &[1]).weight("w", counting(&[1])).weight("w", counting(&[1]));
    assert!(problem(&weights.output("x")).contains(r#"the name "w" is defined twice"#));
    let nul = relu(Model::new(13).input("x", &[1]).input("a\0b", &[1])).output("y");
    assert!(problem(&nul).contains(r#"input "a\0b": its name holds a NUL"#));
    let odd = Model::new(13).input("a b", &[1]).node("Relu", &["a b"], &["a_b"], &[]);
    let odd = odd.node("Relu", &["a_b"], &["../%s\n"], &[]).output("../%s\n");
    let module = odd.import();
    assert_eq!(
        (&module.input_names[..], &module.output_names[..]),
        (&["a b".into()][..], &["../%s\n".into()][..])
    );
    let names: Vec<_> = module.graph.order().iter().map(|&id| module.graph[id].name().to_string()).collect();
    assert_eq!(names, ["a_b", "a_b.2", "s"]);
}

#[test]
fn outputs_may_be_inputs_and_weights_and_stand_there_twice() {
    let model = Model::new(13).input("x", &[1]).weight("w", tensor(&[1], &[7.0f32]));
    let through = model.clone().output("x").output("w").run(&[counting(&[1])]);
    assert_eq!(through.iter().map(|t| t.data().to_f64()).collect::<Vec<_>>(), [[1.0], [7.0]]);
    let twice = model.clone().output("x").output("x").run(&[counting(&[1])]);
    assert_eq!(twice.iter().map(|t| t.data().to_f64()).collect::<Vec<_>>(), [[1.0], [1.0]]);
    assert!(problem(&model.clone().output("y")).contains(r#"output "y" is defined nowhere"#));
    assert!(problem(&model).contains("the graph has no outputs"));
}

#[test]
fn declared_outputs_are_compared() {
    let model = |elem_type, dims: Option<&[i64]>| {
        let mut model = Model::new(13).input("x", &[2, 3]).node("Relu", &["x"], &["y"], &[]);
        let dims = dims.map(|dims| dims.iter().map(|&d| super::Dim::Is(d)).collect());
        model.0.graph.mut_or_insert_default().output.push(value_info("y", elem_type, dims));
        model
    };
    assert_eq!(model(1, Some(&[2, 3])).import().graph.outputs().len(), 1);
    assert!(problem(&model(7, None)).contains(r#"output "y" is declared i64[...], its value is f32[2,3]"#));
    assert!(problem(&model(1, Some(&[2, 4]))).contains("declared f32[2,4], its value is f32[2,3]"));
}

#[test]
fn what_stands_around_the_graph_is_checked() {
    let good = Model::new(13).input("x", &[1]).node("Relu", &["x"], &["y"], &[]).output("y");
    let changed = |change: fn(&mut Model)| {
        let mut model = good.clone();
        change(&mut model);
        problem(&model)
    };
    assert_eq!(
        changed(|m| m.0.opset_import[0].version = 29),
        "E_UNSUPPORTED: opset 29 is newer than 28, the last one known; help: export it with opset 28 or older"
    );
    assert_eq!(changed(|m| m.0.opset_import.clear()), "E_MODEL: no operator set of ONNX is imported");
    let again = OperatorSetIdProto { domain: "ai.onnx".into(), version: 13, ..Default::default() };
    let mut twice = good.clone();
    twice.0.opset_import.push(again);
    assert_eq!(problem(&twice), r#"E_MODEL: the operator set of domain "" is imported twice"#);
    assert_eq!(changed(|m| m.0.ir_version = -1), "E_MODEL: ir_version=-1 is none of ONNX's");
    assert_eq!(changed(|m| m.0.graph = None.into()), "E_MODEL: the file holds no graph");
}

#[test]
fn functions_are_refused_where_they_are_called() {
    let mut model = Model::new(13).input("x", &[1]).node("Relu", &["x"], &["y"], &[]).output("y");
    let function = |name: &str, domain: &str| FunctionProto {
        name: name.into(),
        domain: domain.into(),
        ..Default::default()
    };
    model.0.functions.extend([function("F", "my"), function("Relu", "my")]);
    assert_eq!(model.result(&[counting(&[1])]).1, [1.0]);
    for (name, domain) in [("F", "my"), ("Relu", "ai.onnx")] {
        let mut model = model.clone();
        model.0.functions.push(function(name, domain));
        let node = &mut model.0.graph.mut_or_insert_default().node[0];
        (node.op_type, node.domain) = (name.into(), domain.replace("ai.onnx", ""));
        let problem = problem(&model);
        assert!(problem.contains("the node calls a function of the model; help: "), "{problem}");
        assert!(problem.contains("onnx.inliner.inline_local_functions"), "{problem}");
    }
}

#[test]
fn padding_agrees_with_auto_pad() {
    let pool = |pads: &[i64]| {
        let attributes =
            [("kernel_shape", Ints(&[3])), ("pads", Ints(pads)), ("auto_pad", Text("SAME_UPPER"))];
        Model::new(13).input("x", &[1, 1, 5]).node("MaxPool", &["x"], &["y"], &attributes).output("y")
    };
    assert_eq!(pool(&[1, 1]).result(&[counting(&[1, 1, 5])]).1, [2.0, 3.0, 4.0, 5.0, 5.0]);
    assert_eq!(pool(&[0, 0]).result(&[counting(&[1, 1, 5])]).0, [1, 1, 5]);
    assert!(problem(&pool(&[2, 0])).contains("pads=[2, 0] contradict auto_pad=SAME_UPPER, which is [1, 1]"));
    assert!(problem(&pool(&[1])).contains("pads=[1]: there must be 2 entries"));
}

#[test]
fn every_prefix_of_a_file_is_refused() {
    let weight = counting(&[1, 2]);
    let model = Model::new(13).input("x", &[2, 2]).weight("w", weight).node("Add", &["x", "w"], &["y"], &[]);
    let bytes = model.output("y").bytes();
    let options = ImportOptions::default();
    assert!(import(&bytes, &options).is_ok());
    for length in 0..bytes.len() {
        assert!(import(&bytes[..length], &options).is_err(), "the first {length} bytes of {}", bytes.len());
    }
}

#[test]
fn groups_take_no_stack() {
    // A million groups in one another, as fields of a model, of its graph, and of a node.
    let groups = [0x0b; 1_000_000].to_vec();
    let wrapped = |tag: u8, inner: &[u8]| {
        let mut length = inner.len();
        let mut bytes = vec![tag];
        while length > 127 {
            bytes.push((length & 127) as u8 | 128);
            length >>= 7;
        }
        bytes.push(length as u8);
        [&bytes, inner].concat()
    };
    let (graph, node) = (wrapped(0x3a, &groups), wrapped(0x3a, &wrapped(0x0a, &groups)));
    for bytes in [groups, graph, node] {
        let problems = import(&bytes, &ImportOptions::default()).expect_err("groups");
        assert!(problems[0].to_string().starts_with("E_PARSE"), "{problems:?}");
    }
}

#[test]
fn tensors_hold_what_their_shape_says() {
    type Change = fn(&mut onnx_protobuf::TensorProto);
    let weight = |change: Change| {
        let mut model = Model::new(13).input("x", &[2]).weight("w", counting(&[2]));
        change(&mut model.0.graph.mut_or_insert_default().initializer[0]);
        problem(&model.node("Add", &["x", "w"], &["y"], &[]).output("y"))
    };
    let cases: [(Change, &str); 9] = [
        (|t| t.raw_data.truncate(7), "raw_data has 7 bytes, f32[2] needs 8"),
        (|t| t.dims = vec![-2], "the shape [-2] has a negative extent"),
        (|t| t.dims = vec![1 << 40, 1 << 40], "E_LIMIT"),
        (|t| t.float_data = vec![1.0], "elements stand both in raw_data and in float_data"),
        (|t| t.data_type = 99, "element type 99 is none of ONNX's"),
        (|t| t.data_type = 16, "element type bfloat16 is not supported"),
        (|t| t.segment = Some(Default::default()).into(), "tensors in segments are not supported"),
        (
            |t| {
                t.raw_data.clear();
                t.int64_data = vec![1, 2];
            },
            "elements of type f32 cannot stand in int64_data",
        ),
        (
            |t| {
                t.raw_data.clear();
                (t.data_type, t.int32_data) = (3, vec![1, 128]);
            },
            "element 128 is no i8",
        ),
    ];
    for (change, expected) in cases {
        let problem = weight(change);
        assert!(problem.contains(r#"weight "w""#) && problem.contains(expected), "{problem}");
    }
}

#[test]
fn tensors_are_written_as_they_are_read() {
    let tensors: [Tensor; 10] = [
        tensor(&[2], &[cnnc_ir::f16::from_f32(0.1), cnnc_ir::f16::NEG_INFINITY]),
        tensor(&[2], &[1.5f32, f32::NEG_INFINITY]),
        tensor(&[], &[0.1f64]),
        tensor(&[1, 2], &[i64::MIN, 7]),
        tensor(&[2], &[i32::MAX, -7]),
        tensor(&[2], &[i16::MIN, 300]),
        tensor(&[2], &[u16::MAX, 7]),
        tensor(&[2], &[-128i8, 127]),
        tensor(&[0, 3], &[0u8; 0]),
        tensor(&[3], &[true, false, true]),
    ];
    for tensor in tensors {
        let bytes = crate::onnx::tensor_to_pb("t", &tensor);
        assert_eq!(crate::onnx::tensor_from_pb(&bytes), Ok(tensor));
    }
}
