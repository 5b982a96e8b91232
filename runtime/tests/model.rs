//! Models written in C (`tests/c/double.c`) and structs bent by hand: opening, running, refusing.

use std::{
    ffi::c_char,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    ptr,
    sync::Arc,
    thread,
};

use cnnc_runtime::{
    Call, DType, LoadError, Model, Pool, RunError, Workspace, WorkspaceError,
    abi::{CnncCall, CnncModel, CnncTensor},
};

/// A folder with a library made from `tests/c/double.c`.
struct Built {
    folder: tempfile::TempDir,
}

impl Built {
    fn new(macros: &[&str]) -> Built {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Built { folder: tempfile::tempdir().unwrap() };
        let mut compile = Command::new(std::env::var("CC").unwrap_or("cc".into()));
        compile.args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]);
        compile.args(macros.iter().map(|name| format!("-D{name}")));
        compile.arg("-I").arg(root.join("include")).arg(root.join("tests/c/double.c"));
        assert!(compile.arg("-o").arg(built.path()).status().unwrap().success());
        built
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("double.so")
    }

    fn open(&self) -> Result<Model, LoadError> {
        Model::open(self.path())
    }
}

fn ramp() -> [f32; 15] {
    std::array::from_fn(|i| i as f32 - 4.5)
}

#[test]
fn a_library_that_was_cut_is_refused() {
    let built = Built::new(&[]);
    let whole = std::fs::read(built.path()).unwrap();
    let (mut refused, mut cut) = (0, 0);
    for bytes in (0..whole.len()).step_by(61).chain([whole.len() - 1]) {
        let path = built.folder.path().join(format!("{bytes}.so"));
        std::fs::write(&path, &whole[..bytes]).unwrap();
        match Model::open(&path) {
            Err(LoadError::Cut { bytes: found, wanted, .. }) => {
                assert!(found == bytes as u64 && wanted > found, "{bytes}: {found} of {wanted}");
                cut += 1;
            }
            Err(LoadError::Library { .. }) => refused += 1,
            other => panic!("{bytes} of {} bytes: {other:?}", whole.len()),
        }
    }
    // Of less than the first bytes only the linker says that they are no library.
    assert!(refused <= 1 && cut > 200, "{cut} cut, {refused} refused by the linker");
    assert!(built.open().is_ok());
}

#[test]
fn a_model_tells_what_it_is() {
    let model = Built::new(&[]).open().unwrap(); // The file is gone by now, the code stays.
    assert_eq!(model.name(), "double");
    let [x] = model.inputs() else { panic!("one input") };
    assert_eq!((x.name.as_str(), x.dtype, x.shape.as_slice(), x.bytes), ("x", DType::F32, &[3, 5][..], 60));
    assert_eq!((x.scale, x.zero_point), (0.0, 0));
    assert_eq!(model.outputs()[0].name, "y");
    assert_eq!((model.arena_bytes(), model.scratch_bytes(), model.workspace_align()), (64, 64, 64));
    assert_eq!(
        (model.weights().len(), model.weights_align(), model.external_weights_bytes()),
        (64, 64, None)
    );
    assert_eq!(model.weights()[..4], 2.0f32.to_ne_bytes());
    assert_eq!(model.manifest(), b"manifest");
    assert_eq!((model.step_count(), model.stack_bytes()), (3, 256));
}

#[test]
fn the_same_numbers_for_any_threads() {
    let model = Built::new(&[]).open().unwrap();
    for threads in [1, 2, 3, 4, 16] {
        let mut workspace = Workspace::new(&model, threads).unwrap();
        assert_eq!(workspace.threads(), threads);
        assert_eq!(workspace.bytes().len(), 64 + 64 * threads as usize);
        for _ in 0..100 {
            let mut y = [f32::NAN; 15];
            workspace.bytes_mut().fill(0xff);
            model.run_f32(&[&ramp()], &mut [&mut y], &mut workspace).unwrap();
            assert_eq!(y, ramp().map(|x| 2.0 * x));
        }
    }
}

#[test]
fn one_model_serves_many_threads() {
    let model = Built::new(&[]).open().unwrap();
    let pool = Arc::new(Pool::new(3).unwrap());
    thread::scope(|scope| {
        for factor in 0..6 {
            let (model, pool) = (&model, Arc::clone(&pool));
            scope.spawn(move || {
                let mut workspace = Workspace::with_pool(model, pool).unwrap();
                let x = ramp().map(|x| x * factor as f32);
                for _ in 0..2000 {
                    let mut y = [f32::NAN; 15];
                    model.run_f32(&[&x], &mut [&mut y], &mut workspace).unwrap();
                    assert_eq!(y, x.map(|x| 2.0 * x));
                }
            });
        }
    });
}

#[test]
fn tensors_may_lie_anywhere() {
    let model = Built::new(&[]).open().unwrap();
    let mut workspace = Workspace::new(&model, 1).unwrap();
    for offset in 0..5 {
        let (mut x, mut y) = (vec![0; offset], vec![0; offset + 60]);
        x.extend(ramp().iter().flat_map(|x| x.to_ne_bytes()));
        model.run(&[&x[offset..]], &mut [&mut y[offset..]], &mut workspace).unwrap();
        let expected: Vec<u8> = ramp().iter().flat_map(|x| (2.0 * x).to_ne_bytes()).collect();
        assert_eq!(y[offset..], expected);
    }
}

#[test]
fn wrong_tensors_are_refused() {
    let model = Built::new(&[]).open().unwrap();
    let mut workspace = Workspace::new(&model, 1).unwrap();
    let mut run = |x: &[usize], y: &[usize]| {
        let x: Vec<Vec<u8>> = x.iter().map(|&bytes| vec![0; bytes]).collect();
        let mut y: Vec<Vec<u8>> = y.iter().map(|&bytes| vec![0; bytes]).collect();
        let x: Vec<&[u8]> = x.iter().map(Vec::as_slice).collect();
        let mut y: Vec<&mut [u8]> = y.iter_mut().map(Vec::as_mut_slice).collect();
        model.run(&x, &mut y, &mut workspace).map_err(|error| error.to_string())
    };
    let refuses = |what: &str| Err(what.to_owned());
    assert_eq!(run(&[60], &[60]), Ok(()));
    assert_eq!(run(&[], &[60]), refuses("0 input tensors given, the model has 1"));
    assert_eq!(run(&[60], &[60, 60]), refuses("2 output tensors given, the model has 1"));
    assert_eq!(run(&[59], &[60]), refuses("input \"x\": 59 bytes given, expected 60"));
    assert_eq!(run(&[60], &[64]), refuses("output \"y\": 64 bytes given, expected 60"));
}

#[test]
fn an_observer_sees_each_step_and_may_stop() {
    let model = Built::new(&[]).open().unwrap();
    let mut workspace = Workspace::new(&model, 4).unwrap();
    let (x, mut y) = (ramp().map(f32::to_ne_bytes).concat(), [0; 60]);
    for last in 0..4 {
        let mut steps = Vec::new();
        let mut observe = |step| {
            steps.push(step);
            step != last
        };
        let result = model.run_observed(&[&x], &mut [&mut y], &mut workspace, &mut observe);
        assert_eq!(result, if last < 3 { Err(RunError::Stopped) } else { Ok(()) });
        assert_eq!(steps, Vec::from_iter(0..=last.min(2)));
    }
    let mut values = Vec::new();
    let arena = workspace.as_ptr().cast::<f32>();
    let mut observe = |_| {
        // SAFETY: an arena of 64 aligned bytes, which nobody writes between two steps.
        values.push(unsafe { arena.read() });
        true
    };
    model.run_observed(&[&x], &mut [&mut y], &mut workspace, &mut observe).unwrap();
    assert_eq!(values, [-4.5, -9.0, -9.0]);

    let mut observe = |step| std::panic::resume_unwind(Box::new(step));
    let run = || model.run_observed(&[&x], &mut [&mut y], &mut workspace, &mut observe);
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert_eq!(*panic.downcast::<u32>().unwrap(), 0);
    model.run(&[&x], &mut [&mut y], &mut workspace).unwrap();
}

#[test]
fn weights_may_come_from_outside() {
    #[repr(align(64))]
    struct Weights([u8; 65]);
    let mut weights = Weights([0; 65]);
    weights.0[..4].copy_from_slice(&10.0f32.to_ne_bytes());
    let (x, mut y) = (ramp().map(f32::to_ne_bytes).concat(), [0; 60]);
    for (macros, without) in [(&[][..], Ok(())), (&["EXTERNAL"], Err(RunError::WeightsMissing))] {
        let model = Built::new(macros).open().unwrap();
        assert_eq!(model.external_weights_bytes(), without.is_err().then_some(64));
        assert_eq!(model.weights().is_empty(), without.is_err());
        let mut workspace = Workspace::new(&model, 1).unwrap();
        let mut run =
            |weights| Call::new(&model, &mut workspace).with_weights(weights).run(&[&x], &mut [&mut y]);
        assert_eq!(run(&[]), without);
        assert_eq!(run(&weights.0[..63]), Err(RunError::WeightsMissing));
        assert_eq!(run(&weights.0[1..]), Err(RunError::Misaligned));
        assert_eq!(run(&weights.0[..64]), Ok(()));
        assert_eq!(y, ramp().map(|x| (10.0 * x).to_ne_bytes()).concat()[..]);
    }
}

#[test]
fn libraries_that_are_no_artifact_are_refused() {
    let error = Built::new(&["ABI_VERSION=2"]).open().unwrap_err();
    assert_eq!(error.to_string(), "the model has ABI version 2, expected 1");
    let error = Built::new(&["ENTRY=double_model"]).open().unwrap_err();
    assert!(matches!(error, LoadError::Library { .. }));
    assert!(error.to_string().contains("cnnc_model_v1"), "{error}");
    let error = Built::new(&["BYTES=56"]).open().unwrap_err();
    assert_eq!(error.to_string(), "invalid model: output 0: f32[3, 5] does not take 56 bytes");
    let built = Built::new(&[]);
    std::fs::write(built.path(), "no library").unwrap();
    assert!(matches!(built.open(), Err(LoadError::Library { .. })));
    assert!(matches!(Model::open("absent.so"), Err(LoadError::Library { .. })));
}

/// Structs of a model that answers each run with CNNC_BAD_CALL; everything may be bent before it is opened.
struct Bent {
    model: CnncModel,
    tensor: CnncTensor,
    list: [*const CnncTensor; 1],
    shape: [i64; 9],
    weights: [u64; 2],
}

unsafe extern "C" fn refuse(_: *const CnncModel, _: *const CnncCall) -> i32 {
    cnnc_runtime::abi::CNNC_BAD_CALL
}

impl Bent {
    fn open(bend: impl Fn(&mut Bent)) -> Result<Model, String> {
        let tensor = CnncTensor {
            struct_bytes: size_of::<CnncTensor>() as u32,
            dtype: DType::I16.onnx(),
            name: c"t".as_ptr(),
            shape: ptr::null(),
            rank: 2,
            zero_point: 3,
            scale: 0.5,
            bytes: 12,
        };
        let model = CnncModel {
            abi_version: 1,
            struct_bytes: size_of::<CnncModel>() as u32,
            name: c"bent".as_ptr(),
            inputs: ptr::null(),
            outputs: ptr::null(),
            input_count: 1,
            output_count: 0,
            arena_bytes: 128,
            scratch_bytes: 0,
            workspace_align: 64,
            weights: ptr::null(),
            weights_bytes: 16,
            weights_align: 8,
            manifest: ptr::null(),
            manifest_bytes: 0,
            stack_bytes: 0,
            step_count: 0,
            reserved: 0,
            run: Some(refuse),
        };
        let shape = [2, 3, 1, 1, 1, 1, 1, 1, 1];
        let bent = Bent { model, tensor, list: [ptr::null()], shape, weights: [0; 2] };
        // Never freed: the model points into itself, and its owner below is empty.
        let bent = Box::leak(Box::new(bent));
        bent.tensor.shape = bent.shape.as_ptr();
        bent.list = [&bent.tensor];
        bent.model.inputs = bent.list.as_ptr();
        bent.model.weights = bent.weights.as_ptr().cast();
        bend(bent);
        // SAFETY: pointers are null or good, sizes at most as large as what they point to; it is never freed.
        unsafe { Model::from_raw(&bent.model, Box::new(())) }.map_err(|error| error.to_string())
    }
}

#[test]
fn a_struct_against_the_abi_is_refused() {
    const HUGE: u64 = 1 << 63;
    static NOT_UTF8: [u8; 2] = [0xff, 0];
    type Case = (&'static str, fn(&mut Bent));
    let cases: [Case; 34] = [
        ("the model has ABI version 0, expected 1", |b| b.model.abi_version = 0),
        ("the model has a struct of 127 bytes, expected 128", |b| b.model.struct_bytes = 127),
        ("the name of the model is null", |b| b.model.name = ptr::null()),
        ("the name of the model is not UTF-8", |b| b.model.name = NOT_UTF8.as_ptr().cast::<c_char>()),
        ("run is null", |b| b.model.run = None),
        ("the list of inputs is null", |b| b.model.inputs = ptr::null()),
        ("the list of inputs is misaligned", |b| b.model.inputs = b.model.inputs.wrapping_byte_add(4)),
        ("the list of outputs is null", |b| b.model.output_count = 1),
        ("65537 inputs, at most 65536 are possible", |b| b.model.input_count = 65537),
        ("workspace_align is 0, not a power of two", |b| b.model.workspace_align = 0),
        ("workspace_align is 48, not a power of two", |b| b.model.workspace_align = 48),
        ("arena_bytes is 100, not a multiple of workspace_align 64", |b| b.model.arena_bytes = 100),
        ("scratch_bytes is 1, not a multiple of workspace_align 64", |b| b.model.scratch_bytes = 1),
        ("scratch_bytes is 9223372036854775808, more than the address space holds", |b| {
            b.model.scratch_bytes = HUGE;
        }),
        ("weights_bytes is 9223372036854775808, more than the address space holds", |b| {
            b.model.weights_bytes = HUGE;
        }),
        ("manifest_bytes is 9223372036854775808, more than the address space holds", |b| {
            b.model.manifest_bytes = HUGE;
        }),
        ("the manifest is null", |b| b.model.manifest_bytes = 1),
        ("the weights are not aligned to weights_align 3", |b| b.model.weights_align = 3),
        ("the weights are not aligned to weights_align 0", |b| b.model.weights_align = 0),
        ("the weights are not aligned to weights_align 8", |b| {
            b.model.weights = b.model.weights.wrapping_byte_add(1);
            b.model.weights_bytes = 8;
        }),
        ("input 0 is null", |b| b.list = [ptr::null()]),
        ("input 0 is misaligned", |b| b.list = [b.list[0].wrapping_byte_add(1)]),
        ("input 0 has a struct of 47 bytes, expected 48", |b| b.tensor.struct_bytes = 47),
        ("the name of input 0 is null", |b| b.tensor.name = ptr::null()),
        ("input 0 has the unknown element type 8", |b| b.tensor.dtype = 8),
        ("input 0 has rank 9, at most 8 is possible", |b| b.tensor.rank = 9),
        ("the shape of input 0 is null", |b| b.tensor.shape = ptr::null()),
        ("input 0: i16[2, 3] does not take 13 bytes", |b| b.tensor.bytes = 13),
        ("input 0: i16[-2, -3] does not take 12 bytes", |b| b.shape = [-2, -3, 1, 1, 1, 1, 1, 1, 1]),
        ("input 0: i16[4294967296, 2147483654] does not take 12884901888 bytes", |b| {
            (b.shape[0], b.shape[1]) = (1 << 32, (1 << 31) + 6);
            b.tensor.bytes = 12 << 30;
        }),
        ("input 0: i16[] does not take 12 bytes", |b| b.tensor.rank = 0),
        ("input 0 has the scale NaN", |b| b.tensor.scale = f32::NAN),
        ("input 0 has the scale -1", |b| b.tensor.scale = -1.0),
        ("input 0 has the scale inf", |b| b.tensor.scale = f32::INFINITY),
    ];
    for (message, bend) in cases {
        let error = Bent::open(bend).unwrap_err();
        assert_eq!(error.trim_start_matches("invalid model: "), message);
    }
    // SAFETY: null is refused.
    let error = unsafe { Model::from_raw(ptr::null(), Box::new(())) }.unwrap_err();
    assert_eq!(error.to_string(), "invalid model: the model is null");
}

#[test]
fn odd_but_valid_structs_are_taken() {
    let model = Bent::open(|_| ()).unwrap();
    let t = &model.inputs()[0];
    assert_eq!((t.dtype, t.bytes, t.scale, t.zero_point), (DType::I16, 12, 0.5, 3));
    let scalar =
        Bent::open(|b| (b.tensor.rank, b.tensor.bytes, b.tensor.shape) = (0, 2, ptr::null())).unwrap();
    assert_eq!((scalar.inputs()[0].shape.as_slice(), scalar.inputs()[0].bytes), (&[][..], 2));
    let deep = Bent::open(|b| b.tensor.rank = 8).unwrap();
    assert_eq!(deep.inputs()[0].shape.len(), 8);
    let empty = Bent::open(|b| (b.shape[1], b.tensor.bytes) = (0, 0)).unwrap();
    assert_eq!(empty.inputs()[0].bytes, 0);
    assert!(Bent::open(|b| b.model.struct_bytes += 8).is_ok());
}

#[test]
fn the_owner_lives_as_long_as_the_model() {
    let owner = Arc::new(());
    let raw = Bent::open(|_| ()).unwrap().as_raw();
    // SAFETY: the structs are never freed.
    let model = unsafe { Model::from_raw(raw, Box::new(Arc::clone(&owner))) }.unwrap();
    assert_eq!(Arc::strong_count(&owner), 2);
    drop(model);
    assert_eq!(Arc::strong_count(&owner), 1);
}

#[test]
fn statuses_and_types_come_back_as_errors() {
    let model = Bent::open(|_| ()).unwrap();
    let mut workspace = Workspace::new(&model, 1).unwrap();
    assert_eq!(model.run(&[&[0; 12]], &mut [], &mut workspace), Err(RunError::BadCall));
    let error = model.run_f32(&[&[0.0; 3]], &mut [], &mut workspace).unwrap_err();
    assert_eq!(error.to_string(), "input \"t\": f32 given, expected i16");
    assert_eq!(RunError::from_status(-7), Err(RunError::Unknown(-7)));
}

#[test]
fn a_workspace_of_another_model_is_refused_when_too_small() {
    let double = Built::new(&[]).open().unwrap();
    let empty = Bent::open(|b| b.model.arena_bytes = 0).unwrap();
    let mut workspace = Workspace::new(&empty, 1).unwrap();
    let result = double.run_f32(&[&ramp()], &mut [&mut [0.0; 15]], &mut workspace);
    assert_eq!(result, Err(RunError::WorkspaceTooSmall));
}

#[test]
fn impossible_workspaces_are_errors() {
    let of = |arena: u64, scratch: u64, threads| {
        let model = Bent::open(|b| {
            (b.model.arena_bytes, b.model.scratch_bytes) = (arena, scratch);
        });
        Workspace::new(&model.unwrap(), threads).map(|workspace| workspace.bytes().len())
    };
    assert!(matches!(of(1 << 62, 1 << 62, 4), Err(WorkspaceError::TooLarge)));
    assert!(matches!(of(1 << 62, 1 << 62, 1), Err(WorkspaceError::TooLarge)));
    assert!(matches!(of(1 << 60, 0, 1), Err(WorkspaceError::OutOfMemory(bytes)) if bytes == 1 << 60));
    assert!(matches!(of(64, 0, 5000), Err(WorkspaceError::Threads(_))));
    // Large enough for huge pages, and no multiple of them.
    assert_eq!(of(5 << 20, 64, 2).unwrap(), (5 << 20) + 128);
}

#[test]
fn a_workspace_is_aligned() {
    for (align, arena) in [(1, 1), (64, 64), (4096, 8192), (64, 3 << 20)] {
        let bend = |b: &mut Bent| (b.model.workspace_align, b.model.arena_bytes) = (align, arena);
        let workspace = Workspace::new(&Bent::open(bend).unwrap(), 1).unwrap();
        assert_eq!(workspace.as_ptr().addr() as u64 % align, 0);
        assert!(workspace.bytes().iter().all(|&byte| byte == 0));
    }
}
