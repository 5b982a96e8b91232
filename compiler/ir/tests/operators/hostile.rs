//! Attributes of any value: inference answers a type or a mismatch and never panics, and what it accepts
//! evaluates to that type.

use cnnc_ir::attrs::{Attrs, Hw, Pad};
use cnnc_ir::{DType, Data, Op, Tensor, Type, text};

const EXTREME: &[i64] =
    &[i64::MIN, i64::MIN + 1, -2, -1, 0, 1, 2, 3, 4, 1 << 31, 1 << 32, 1 << 62, i64::MAX - 1, i64::MAX];
const COUNTS: &[usize] = &[0, 1, 2, 3, 7, 1 << 32, 1 << 62, 1 << 63, usize::MAX - 1, usize::MAX];
const REALS: &[f32] = &[
    f32::NAN,
    f32::NEG_INFINITY,
    f32::INFINITY,
    -1.0,
    -0.0,
    0.0,
    1e-45,
    f32::MIN_POSITIVE,
    0.5,
    1.0,
    2.0,
    f32::MAX,
];

/// Gives attributes a random value, mostly extreme ones, and counts the choices.
struct Random(u64);

impl Random {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        from[(self.0 >> 33) as usize % from.len()]
    }

    /// A harmless value in half of the cases, so that the other attributes are reached.
    fn or<T: Copy>(&mut self, harmless: &[T], extreme: &[T]) -> T {
        if self.pick(&[true, false]) { self.pick(harmless) } else { self.pick(extreme) }
    }
}

impl Attrs for Random {
    fn count(&mut self, _: &'static str, value: &mut usize, default: usize) {
        *value = self.or(&[0, 1, 2, default], COUNTS);
    }

    fn int(&mut self, _: &'static str, value: &mut i64, default: i64) {
        *value = self.or(&[0, 1, 2, default], EXTREME);
    }

    fn float(&mut self, _: &'static str, value: &mut f32, default: f32) {
        *value = self.or(&[default], REALS);
    }

    fn flag(&mut self, _: &'static str, value: &mut bool, _: bool) {
        *value = self.pick(&[true, false]);
    }

    fn hw(&mut self, _: &'static str, value: &mut Hw, _: Hw) {
        *value = Hw(self.or(&[1, 2], COUNTS), self.or(&[1, 2], COUNTS));
    }

    fn pad(&mut self, _: &'static str, value: &mut Pad) {
        let mut side = || self.or(&[0, 1], COUNTS);
        *value = Pad { top: side(), left: side(), bottom: side(), right: side() };
    }

    fn ints(&mut self, _: &'static str, value: &mut Vec<i64>) {
        let length = self.pick(&[0, 1, 2, 2, 4, 4, 4, 9]);
        *value = (0..length).map(|_| self.or(&[0, 1, 2], EXTREME)).collect();
    }

    fn floats(&mut self, _: &'static str, value: &mut Vec<f32>) {
        let length = self.pick(&[0, 2, 2, 4, 4, 9]);
        *value = (0..length).map(|_| self.or(&[1.0], REALS)).collect();
    }

    fn dtype(&mut self, _: &'static str, value: &mut DType, _: DType) {
        *value = self.pick(&DType::ALL);
    }

    fn word(&mut self, _: &'static str, words: &[&'static str], index: &mut usize, _: usize) {
        *index = self.pick(&(0..words.len()).collect::<Vec<_>>());
    }
}

/// Shapes of operands: usual ones, empty ones, and as large as a shape can be.
const SHAPES: &[&[usize]] = &[
    &[],
    &[1],
    &[2],
    &[0],
    &[2, 3],
    &[3, 2],
    &[0, 2],
    &[1 << 30, 1 << 29],
    &[1, 2, 3, 4],
    &[2, 4, 3, 3],
    &[2, 1, 2, 2],
    &[1, 4, 0, 3],
    &[1, 0, 1 << 40, 2],
    &[0, 4, 1 << 57, 1],
    &[1 << 20, 4, 1 << 20, 1 << 17],
    &[1, 2, 1, 2, 1, 2, 1, 2],
];

/// Shapes that fit together for operators of several operands.
const TOGETHER: &[&[&[usize]]] = &[
    &[&[1, 4, 5, 6], &[2, 4, 3, 2], &[2]],
    // Two factors and their zero points.
    &[&[1, 4, 5, 6], &[2, 4, 3, 2], &[1], &[1]],
    &[&[2, 4, 5, 6], &[4, 1, 1, 2], &[4]],
    &[&[1, 2, 0, 3], &[4, 2, 2, 1], &[4]],
    // One window fits, whatever the stride.
    &[&[1, 4, 3, 2], &[2, 4, 3, 2], &[2]],
    &[&[2, 3], &[3, 4], &[2, 1]],
    &[&[2, 3], &[2, 3], &[2, 3]],
    &[&[2, 4, 3], &[4], &[4], &[4], &[4]],
    &[&[3, 1, 2, 4], &[4, 2], &[4]],
    &[&[1, 2, 3, 4], &[2, 3, 2, 1], &[3]],
];

/// Of each operator.
const ROUNDS: usize = 40_000;
/// Tensors up to that many elements are evaluated.
const SMALL: usize = 5000;

#[test]
fn any_attribute_and_shape() {
    for (seed, name) in Op::NAMES.iter().enumerate() {
        let mut random = Random(seed as u64);
        let (mut refused, mut accepted, mut evaluated) = (0, 0, 0);
        for _ in 0..ROUNDS {
            let mut op = Op::from_name(name).unwrap();
            op.attrs(&mut random);
            let (min, max) = op.arity();
            let dtype = random.or(&[DType::F32], &DType::ALL);
            let together = random.pick(TOGETHER);
            let apart = random.pick(&[true, false]);
            let two = [dtype, random.pick(&DType::ALL)];
            let types: &[DType] = random.pick(&[&two[..1], &two, &DType::ALL]);
            let operand = |i| {
                let shape = if apart { random.pick(SHAPES) } else { together.get(i).unwrap_or(&together[0]) };
                Type::new(random.pick(types), shape).unwrap()
            };
            let operands: Vec<Type> = (0..min.max(max.min(3))).map(operand).collect();
            let operands: Vec<&Type> = operands.iter().collect();
            let Ok(result) = op.infer(&operands) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            op.cost(&operands, &result);
            let small = operands.iter().chain([&&result]).all(|ty| ty.elements() <= SMALL);
            // The evaluator itself supplies the values of these two.
            if small && !matches!(op, Op::Input(_) | Op::Const(_)) {
                let values: Vec<Tensor> = operands.iter().map(|ty| ones(ty)).collect();
                let value = op.eval(&values.iter().collect::<Vec<_>>(), &result);
                assert_eq!(value.ty(), result, "{op:?}");
                evaluated += 1;
            }
        }
        assert!(accepted > 0 && refused + accepted == ROUNDS, "{name}: {accepted} of {ROUNDS} are accepted");
        assert!(evaluated > 0 || ["input", "const"].contains(name), "{name}: none is evaluated");
    }
}

fn ones(ty: &Type) -> Tensor {
    Tensor::new(ty.shape.clone(), Data::splat(ty.dtype, ty.elements(), 1.0)).unwrap()
}

#[test]
fn extreme_attributes_are_no_errors_of_syntax() {
    for (name, nodes) in [
        (
            "slice",
            "slice %x, starts=[9223372036854775807], ends=[-9223372036854775808], \
             steps=[-9223372036854775808]",
        ),
        ("max_pool", "max_pool %x, kernel=18446744073709551615x2, pad=[1,18446744073709551615,3,4]"),
        ("lrn", "lrn %x, size=9223372036854775807, alpha=1e-45, beta=inf, bias=-inf"),
        ("resize", "resize %x, scales=[3.4028235e38,1e-45,-0]"),
    ] {
        // Refused by inference, not by the parser: the message is the operator's.
        let text = format!("graph @g(%x: f32[3]) {{\n  %y: f32[3] = {nodes}\n  return %y\n}}\n");
        let error = text::parse(&text).unwrap_err();
        assert!(error.message.starts_with(&format!("{name}: (")), "{}", error.message);
    }
}
