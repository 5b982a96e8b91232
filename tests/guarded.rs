//! The memory that tests run models in notices what it is there for.

use cnnc_codegen::Target;
use cnnc_ir::{Tensor, text};
use cnnc_runtime::Model;
use cnnc_runtime::abi::{CnncCall, CnncModel, CnncRun};
use cnnc_tests::compiled::jit;
use cnnc_tests::guarded::run_both_ends;

const NETWORK: &str = "\
graph @net(%x: f32[1,3,4,5]) {
  %w: f32[5,3,1,1] = const rand(1)
  %y: f32[1,5,4,5] = conv %x, %w
  return %y
}
";

/// What becomes of a run of the network, with other code in the place of its own.
fn with(run: Option<CnncRun>) -> Result<Vec<Tensor>, String> {
    let module = text::parse(NETWORK).unwrap();
    let x = Tensor::of(&module.graph.ty(module.graph.inputs()[0]).shape, vec![1f32; 60]);
    let model = jit(module, &Target::x86_64_v3());
    // SAFETY: the struct of a model that lives in the owner.
    let mut raw = Box::new(unsafe { *model.as_raw() });
    raw.run = run.or(raw.run);
    let pointer: *const CnncModel = &*raw;
    let owner: Box<dyn std::any::Any + Send + Sync> = Box::new((SendRaw(raw), model));
    // SAFETY: it is the struct of a model but for the code, and the owner keeps it.
    let model = unsafe { Model::from_raw(pointer, owner) }.unwrap();
    run_both_ends(&model, &[x], 1)
}

struct SendRaw(#[expect(dead_code, reason = "it is kept, not read")] Box<CnncModel>);
// SAFETY: nobody changes what it points to.
unsafe impl Send for SendRaw {}
// SAFETY: as above.
unsafe impl Sync for SendRaw {}

/// Fills the output with the number at a place, counted from the end of the weights.
unsafe fn reads(model: *const CnncModel, call: *const CnncCall, place: isize) -> i32 {
    // SAFETY: a call that is as the model wants it; behind the weights the page goes on, as this test has few of them.
    unsafe {
        let (model, call) = (&*model, &*call);
        let end = call.weights.cast::<u8>().add(call.weights_bytes as usize).cast::<f32>();
        let floats = (**model.outputs).bytes as usize / 4;
        let y = std::slice::from_raw_parts_mut((*call.outputs).cast::<[u8; 4]>(), floats);
        y.fill(end.offset(place).read_unaligned().to_le_bytes());
    }
    0
}

unsafe extern "C" fn reads_the_last(model: *const CnncModel, call: *const CnncCall) -> i32 {
    // SAFETY: as there.
    unsafe { reads(model, call, -1) }
}

unsafe extern "C" fn reads_behind(model: *const CnncModel, call: *const CnncCall) -> i32 {
    // SAFETY: as there.
    unsafe { reads(model, call, 0) }
}

unsafe extern "C" fn writes_beside(model: *const CnncModel, call: *const CnncCall) -> i32 {
    // SAFETY: the output ends or begins at the end of a page: before or behind it the page goes on.
    unsafe {
        let bytes = (**(*model).outputs).bytes as usize;
        let y = (*(*call).outputs).cast::<u8>();
        y.write_bytes(0, bytes);
        let beside = if y.addr().is_multiple_of(4096) { y.add(bytes) } else { y.sub(1) };
        beside.write(0);
    }
    0
}

#[test]
fn what_is_beside_a_buffer_is_left_alone() {
    assert!(with(None).is_ok());
    assert!(with(Some(reads_the_last)).is_ok());
    let why = with(Some(reads_behind)).unwrap_err();
    assert_eq!(why, "what was in memory before changes the result");
    let why = with(Some(writes_beside)).unwrap_err();
    assert_eq!(why, "something is written beside a buffer");
}
