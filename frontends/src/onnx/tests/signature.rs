//! Symbolic dimensions and how they are bound.

use super::Dim::{Is, Named, Open};
use super::{Dim, Model, counting, ints, value_info};
use crate::onnx::{Diagnostic, ImportOptions};
use cnnc_ir::Module;

/// A model that passes its inputs through.
fn identity(inputs: Vec<(&str, Vec<Dim>)>) -> Model {
    let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
    let model = inputs.into_iter().fold(Model::new(13), |model, (name, dims)| model.input_of(name, dims));
    names.into_iter().fold(model, |model, name| model.output(name))
}

fn shapes(given: &[(&str, &[usize])]) -> ImportOptions {
    let shapes = given.iter().map(|(name, dims)| (name.to_string(), dims.to_vec())).collect();
    ImportOptions { shapes, ..Default::default() }
}

fn batch(n: usize) -> ImportOptions {
    ImportOptions { batch: Some(n), ..Default::default() }
}

fn extents(module: Result<Module, Vec<Diagnostic>>) -> Result<Vec<Vec<usize>>, String> {
    let module = module.map_err(|problems| problems[0].to_string())?;
    Ok(module.graph.inputs().iter().map(|&id| module.graph.ty(id).dims().to_vec()).collect())
}

#[test]
fn a_symbolic_first_dimension_is_a_batch() {
    for first in [Named("N"), Open, Is(-1)] {
        let model = identity(vec![("x", vec![first, Is(3)])]);
        assert_eq!(extents(model.import_with(&ImportOptions::default())), Ok(vec![vec![1, 3]]));
        assert_eq!(extents(model.import_with(&batch(4))), Ok(vec![vec![4, 3]]));
        assert_eq!(extents(model.import_with(&shapes(&[("x", &[5, 3])]))), Ok(vec![vec![5, 3]]));
    }
}

#[test]
fn no_extent_is_below_zero() {
    let problem = extents(identity(vec![("x", vec![Is(-5), Is(3)])]).import_with(&ImportOptions::default()));
    let expected = "E_MODEL: input \"x\": it has an extent of -5; -1 stands for one that is not known";
    assert_eq!(problem, Err(expected.to_string()));
}

#[test]
fn values_between_are_what_the_file_says() {
    let said = |elem_type: i32, dims: Vec<Dim>| {
        let model = Model::new(13).input("x", &[1, 3]).node("Relu", &["x"], &["y"], &[]);
        let mut model = model.node("Relu", &["y"], &["z"], &[]).output("z");
        model.0.graph.mut_or_insert_default().value_info.push(value_info("y", elem_type, Some(dims)));
        model.import_with(&ImportOptions::default()).map(|_| ()).map_err(|problems| problems[0].to_string())
    };
    for dims in [vec![Is(1), Is(3)], vec![Named("N"), Is(3)], vec![Is(-1), Open], vec![]] {
        assert_eq!(said(1, dims), Ok(()));
    }
    for (elem_type, dims, expected) in [
        (
            1,
            vec![Is(9), Is(9)],
            "E_MODEL: value \"y\" is declared f32[9,9], its value is f32[1,3]; help: infer",
        ),
        (
            7,
            vec![Is(1), Is(3)],
            "E_MODEL: value \"y\" is declared i64[1,3], its value is f32[1,3]; help: infer",
        ),
        (1, vec![Is(-2), Is(3)], "E_MODEL: value \"y\": it has an extent of -2; -1 stands for"),
    ] {
        let problem = said(elem_type, dims).unwrap_err();
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn other_symbols_must_be_given() {
    let model = identity(vec![("data", vec![Named("N"), Is(3), Named("height")])]);
    let problem = extents(model.import_with(&batch(2))).expect_err("an open dimension");
    let expected = "E_MODEL: dimension 2 of input \"data\", \"height\", is not known; \
                    help: give its shape with --shape data=Nx3xN, each N a number";
    assert_eq!(problem, expected);
    let line = identity(vec![("x", vec![Named("length")])]);
    let problem = extents(line.import_with(&ImportOptions::default())).expect_err("an open dimension");
    assert!(problem.contains("help: --batch N binds it, or give its shape with --shape x=N"), "{problem}");
    assert_eq!(extents(line.import_with(&batch(7))), Ok(vec![vec![7]]));
}

#[test]
fn one_symbol_is_one_number() {
    let two = || identity(vec![("a", vec![Named("N"), Named("C")]), ("b", vec![Named("C")])]);
    assert_eq!(extents(two().import_with(&shapes(&[("a", &[2, 3])]))), Ok(vec![vec![2, 3], vec![3]]));
    assert_eq!(extents(two().import_with(&shapes(&[("b", &[3])]))), Ok(vec![vec![1, 3], vec![3]]));
    let problem = extents(two().import_with(&shapes(&[("a", &[2, 3]), ("b", &[4])])));
    let said = concat!(
        r#"E_MODEL: dimension "C" is given as 3 and as 4; help: one name means one extent in all inputs: "#,
        "give the same one everywhere"
    );
    assert_eq!(problem, Err(said.to_string()));
}

#[test]
fn bindings_agree_with_the_file() {
    let fixed = || identity(vec![("x", vec![Is(1), Is(3)])]);
    let problem = extents(fixed().import_with(&shapes(&[("x", &[1, 4])])));
    assert_eq!(
        problem,
        Err(r#"E_MODEL: input "x" is declared f32[1,3], the shape given is [1, 4]; "#.to_string()
            + "help: give extents for what is symbolic, and those that are declared for the others")
    );
    let problem = extents(fixed().import_with(&batch(2))).expect_err("nothing to bind");
    assert!(problem.contains("no input has a symbolic first dimension"), "{problem}");
    assert_eq!(extents(fixed().import_with(&batch(1))), Ok(vec![vec![1, 3]]));
    let problem = extents(fixed().import_with(&shapes(&[("z", &[1])]))).expect_err("no such input");
    assert!(problem.contains(r#"a shape is given for "z", which is no input of the model"#), "{problem}");
    assert!(problem.contains(r#"its inputs are "x""#), "{problem}");
    let open = || identity(vec![("x", vec![Named("N"), Is(3)])]);
    let both = ImportOptions { batch: Some(2), ..shapes(&[("x", &[4, 3])]) };
    let problem = extents(open().import_with(&both)).expect_err("two batches");
    assert!(problem.contains("a batch is given, and another one as the shape of an input"), "{problem}");
    let same = ImportOptions { batch: Some(4), ..shapes(&[("x", &[4, 3])]) };
    assert_eq!(extents(open().import_with(&same)), Ok(vec![vec![4, 3]]));
}

#[test]
fn weights_may_be_listed_as_inputs() {
    let model = Model::new(9).input("x", &[2]).input("w", &[2]).weight("w", counting(&[2]));
    let model = model.node("Add", &["x", "w"], &["y"], &[]).output("y");
    assert_eq!(model.import().input_names, ["x"]);
    assert_eq!(model.result(&[counting(&[2])]).1, [2.0, 4.0]);
}

#[test]
fn frozen_inputs_are_constants() {
    let mut model = Model::new(13).input("x", &[2, 3]).input("shape", &[1]);
    let shape = &mut model.0.graph.mut_or_insert_default().input[1];
    shape.type_.mut_or_insert_default().mut_tensor_type().elem_type = 7;
    let model = model.node("Reshape", &["x", "shape"], &["y"], &[]).output("y");
    assert!(model.problems()[0].contains("input shape is computed at run time, it must be a constant"));
    let freeze =
        |tensor| ImportOptions { freeze: [("shape".to_string(), tensor)].into(), ..Default::default() };
    assert_eq!(extents(model.import_with(&freeze(ints(&[-1])))), Ok(vec![vec![2, 3]]));
    let problem = extents(model.import_with(&freeze(counting(&[1])))).expect_err("another type");
    assert!(problem.contains(r#"input "shape" is declared i64[1], frozen to f32[1]"#), "{problem}");
}
