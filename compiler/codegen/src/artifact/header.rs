//! The C header of a model: the ABI, the declaration of `NAME_model`, and its sizes as macros for static buffers.

use std::fmt::Write;

use super::Interface;

const ABI: &str = include_str!("../../../../runtime/include/cnnc.h");

/// The text of `NAME.h`.
pub fn header(interface: &Interface) -> String {
    let name = &interface.name;
    let upper = name.to_ascii_uppercase();
    let mut sizes = String::new();
    let mut size = |what: &str, value: u64| {
        writeln!(sizes, "#define {upper}_{what} {value}u").expect("a String takes any text");
    };
    size("ARENA_BYTES", interface.arena_bytes);
    size("SCRATCH_BYTES", interface.scratch_bytes);
    size("WORKSPACE_ALIGN", interface.workspace_align);
    size("WEIGHTS_BYTES", interface.weights_bytes);
    size("WEIGHTS_ALIGN", interface.weights_align);
    for (kind, tensors) in [("INPUT", &interface.inputs), ("OUTPUT", &interface.outputs)] {
        size(&format!("{kind}_COUNT"), tensors.len() as u64);
        for (i, tensor) in tensors.iter().enumerate() {
            size(&format!("{kind}_{i}_BYTES"), tensor.bytes);
        }
    }
    format!(
        "{ABI}
#ifndef CNNC_MODEL_{name}
#define CNNC_MODEL_{name}
#ifdef __cplusplus
extern \"C\" {{
#endif

const cnnc_model *{name}_model(void);

/* A workspace for `threads` threads takes {upper}_ARENA_BYTES + threads * {upper}_SCRATCH_BYTES. */
{sizes}
#ifdef __cplusplus
}}
#endif
#endif
"
    )
}
