/* Prints "struct size" and "struct.field offset" for every struct of cnnc.h. */
#include <stddef.h>
#include <stdio.h>
#include "cnnc.h"

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

int main(void) {
    SIZE(cnnc_tensor);
    FIELD(cnnc_tensor, struct_bytes);
    FIELD(cnnc_tensor, dtype);
    FIELD(cnnc_tensor, name);
    FIELD(cnnc_tensor, shape);
    FIELD(cnnc_tensor, rank);
    FIELD(cnnc_tensor, zero_point);
    FIELD(cnnc_tensor, scale);
    FIELD(cnnc_tensor, bytes);
    SIZE(cnnc_executor);
    FIELD(cnnc_executor, struct_bytes);
    FIELD(cnnc_executor, threads);
    FIELD(cnnc_executor, context);
    FIELD(cnnc_executor, parallel_for);
    SIZE(cnnc_call);
    FIELD(cnnc_call, struct_bytes);
    FIELD(cnnc_call, flags);
    FIELD(cnnc_call, inputs);
    FIELD(cnnc_call, outputs);
    FIELD(cnnc_call, workspace);
    FIELD(cnnc_call, workspace_bytes);
    FIELD(cnnc_call, weights);
    FIELD(cnnc_call, weights_bytes);
    FIELD(cnnc_call, executor);
    FIELD(cnnc_call, on_step);
    FIELD(cnnc_call, step_context);
    SIZE(cnnc_model);
    FIELD(cnnc_model, abi_version);
    FIELD(cnnc_model, struct_bytes);
    FIELD(cnnc_model, name);
    FIELD(cnnc_model, inputs);
    FIELD(cnnc_model, outputs);
    FIELD(cnnc_model, input_count);
    FIELD(cnnc_model, output_count);
    FIELD(cnnc_model, arena_bytes);
    FIELD(cnnc_model, scratch_bytes);
    FIELD(cnnc_model, workspace_align);
    FIELD(cnnc_model, weights);
    FIELD(cnnc_model, weights_bytes);
    FIELD(cnnc_model, weights_align);
    FIELD(cnnc_model, manifest);
    FIELD(cnnc_model, manifest_bytes);
    FIELD(cnnc_model, stack_bytes);
    FIELD(cnnc_model, step_count);
    FIELD(cnnc_model, reserved);
    FIELD(cnnc_model, run);
#define CONSTANT(name) printf(#name " %d\n", (int)name)
    CONSTANT(CNNC_ABI_VERSION);
    CONSTANT(CNNC_OK);
    CONSTANT(CNNC_NULL_POINTER);
    CONSTANT(CNNC_MISALIGNED);
    CONSTANT(CNNC_WORKSPACE_TOO_SMALL);
    CONSTANT(CNNC_CPU_UNSUPPORTED);
    CONSTANT(CNNC_WEIGHTS_MISSING);
    CONSTANT(CNNC_BAD_EXECUTOR);
    CONSTANT(CNNC_BAD_CALL);
    CONSTANT(CNNC_STOPPED);
    CONSTANT(CNNC_F32);
    CONSTANT(CNNC_U8);
    CONSTANT(CNNC_I8);
    CONSTANT(CNNC_U16);
    CONSTANT(CNNC_I16);
    CONSTANT(CNNC_I32);
    CONSTANT(CNNC_I64);
    CONSTANT(CNNC_BOOL);
    CONSTANT(CNNC_F16);
    CONSTANT(CNNC_F64);
    return 0;
}
