//! Edits of a graph leave every operand where it is read, and take no longer for a value that many read, or for a name
//! that many wish for.

use cnnc_ir::ops::{Add, Relu, Select};
use cnnc_ir::{DType, Expr, Graph, NodeId, Op, Stage, Type};
use std::time::Instant;

fn inputs() -> (Graph, [NodeId; 3]) {
    let mut graph = Graph::new("g");
    let dtype = [DType::Bool, DType::F32, DType::F32];
    let mut input = |k: usize| graph.input(["c", "x", "y"][k], Type::new(dtype[k], [2]).unwrap()).unwrap();
    let inputs = [input(0), input(1), input(2)];
    (graph, inputs)
}

#[test]
fn an_expression_in_the_place_of_another() {
    let (mut graph, [c, x, y]) = inputs();
    let stage = |operand| Stage { op: Add.into(), operands: vec![operand] };
    let piped = |op: Op, operands: Vec<NodeId>, stages| Expr { op, operands, stages };
    let exprs = [
        piped(Add.into(), vec![x, x], vec![]),
        piped(Add.into(), vec![x, y], vec![stage(x), stage(y), stage(x)]),
        piped(Select.into(), vec![c, y, x], vec![stage(y)]),
        piped(Select.into(), vec![c, x, y], vec![]),
        piped(Relu.into(), vec![y], vec![stage(y), stage(x)]),
    ];
    let id = graph.add("z", exprs[0].clone()).unwrap();
    for from in &exprs {
        for to in &exprs {
            graph.set(id, from.clone()).unwrap();
            graph.set(id, to.clone()).unwrap();
            assert_eq!(graph.expr(id), *to, "from {from:?}");
            let reads = [c, x, y].map(|operand| graph.readers(operand).count());
            assert_eq!(reads.iter().sum::<usize>(), to.all_operands().count(), "from {from:?}");
        }
    }
}

#[test]
fn many_readers_of_one_value() {
    let (mut graph, [_, x, _]) = inputs();
    let start = Instant::now();
    let mut last = x;
    let nodes: Vec<NodeId> = (0..1 << 17)
        .map(|k| {
            last = graph.add(&format!("v{k}"), Expr::new(Add, vec![last, x])).unwrap();
            last
        })
        .collect();
    for pair in nodes.windows(2) {
        let stages = vec![Stage { op: Relu.into(), operands: vec![] }];
        graph.set(pair[1], Expr { op: Add.into(), operands: vec![x, pair[0]], stages }).unwrap();
    }
    let inputs = graph.inputs().to_vec();
    graph.retain(|id| inputs.contains(&id));
    assert!(graph.readers(x).next().is_none());
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

/// A name is the first that is free, also where nodes have gone.
#[test]
fn many_wishes_for_one_name() {
    let (mut graph, [_, x, _]) = inputs();
    let start = Instant::now();
    let mut nodes = Vec::new();
    for n in 1..=20_000 {
        let name = graph.fresh_name("v");
        assert_eq!(name.as_str(), if n == 1 { "v".to_string() } else { format!("v.{n}") });
        nodes.push(graph.add(name.as_str(), Expr::new(Relu, vec![x])).unwrap());
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    graph.remove(nodes[6]).unwrap();
    assert_eq!(graph.fresh_name("v").as_str(), "v.7");
    let name = graph.fresh_name("w");
    graph.rename(nodes[4], name).unwrap();
    assert_eq!(graph.fresh_name("v").as_str(), "v.5");
    graph.retain(|id| !nodes[1..4].contains(&id));
    assert_eq!(graph.fresh_name("v").as_str(), "v.2");
}
