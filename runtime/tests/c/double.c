/*
 * A model written by hand: y = factor * x for f32[3,5], factor 2 embedded.
 * Step 0 copies x into the arena, step 1 multiplies it there through the scratch of each call, step 2 copies
 * it to y.
 * Built with other macros it breaks one rule at a time.
 */
#include "cnnc.h"

#ifndef ABI_VERSION
#define ABI_VERSION CNNC_ABI_VERSION
#endif
#ifndef BYTES
#define BYTES (N * sizeof(float))
#endif

enum { N = 15, ALIGN = 64 };

static const int64_t shape[] = {3, 5};
static const cnnc_tensor x = {sizeof x, CNNC_F32, "x", shape, 2, 0, 0.0f, N * sizeof(float)};
static const cnnc_tensor y = {sizeof y, CNNC_F32, "y", shape, 2, 0, 0.0f, BYTES};
static const cnnc_tensor *const inputs[] = {&x};
static const cnnc_tensor *const outputs[] = {&y};
static const _Alignas(ALIGN) float factor[ALIGN / sizeof(float)] = {2.0f};
static const char manifest[] = "manifest";

struct slice {
    float *values;
    char *scratch;
    float factor;
    uint32_t count;
};

static void multiply(void *argument, uint32_t index) {
    const struct slice *slice = argument;
    float *own = (float *)(slice->scratch + index * ALIGN);
    for (uint32_t i = index; i < N; i += slice->count) {
        own[0] = slice->values[i];
        slice->values[i] = own[0] * slice->factor;
    }
}

static int copy(char *to, const char *from, const cnnc_call *call, uint32_t step) {
    for (uint32_t i = 0; i < N * sizeof(float); i++) to[i] = from[i];
    return call->on_step && call->on_step(call->step_context, step);
}

static int32_t run(const cnnc_model *model, const cnnc_call *call) {
    const cnnc_executor *executor = call->executor;
    const float *weights = call->weights ? call->weights : model->weights;
    uint32_t threads = executor ? executor->threads : 1;
    if (call->struct_bytes < sizeof *call || call->flags) return CNNC_BAD_CALL;
    if ((uintptr_t)call->workspace % ALIGN || (uintptr_t)call->weights % ALIGN) return CNNC_MISALIGNED;
    if (call->workspace_bytes < model->arena_bytes + threads * model->scratch_bytes)
        return CNNC_WORKSPACE_TOO_SMALL;
    if (call->weights && call->weights_bytes != model->weights_bytes) return CNNC_WEIGHTS_MISSING;
    if (!weights) return CNNC_WEIGHTS_MISSING;

    char *arena = call->workspace;
    if (copy(arena, call->inputs[0], call, 0)) return CNNC_STOPPED;
    struct slice slice = {(float *)arena, arena + model->arena_bytes, weights[0], threads};
    if (executor) executor->parallel_for(executor->context, threads, multiply, &slice);
    else multiply(&slice, 0);
    if (call->on_step && call->on_step(call->step_context, 1)) return CNNC_STOPPED;
    if (copy(call->outputs[0], arena, call, 2)) return CNNC_STOPPED;
    return CNNC_OK;
}

static const cnnc_model model = {
    .abi_version = ABI_VERSION,
    .struct_bytes = sizeof model,
    .name = "double",
    .inputs = inputs,
    .outputs = outputs,
    .input_count = 1,
    .output_count = 1,
    .arena_bytes = ALIGN,
    .scratch_bytes = ALIGN,
    .workspace_align = ALIGN,
#ifndef EXTERNAL
    .weights = factor,
#endif
    .weights_bytes = sizeof factor,
    .weights_align = ALIGN,
    .manifest = manifest,
    .manifest_bytes = sizeof manifest - 1,
    .stack_bytes = 256,
    .step_count = 3,
    .run = run,
};

#ifndef ENTRY
#define ENTRY cnnc_model_v1
#endif
const cnnc_model *ENTRY(void) { return &model; }
