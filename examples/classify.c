/*
 * Classifies a picture with a model that is linked into the program.
 *
 *     cnnc compile digits.onnx -o digits.o -o digits.h
 *     cc -I. examples/classify.c digits.o -o classify
 *     ./classify picture.f32
 *
 * The picture is the model's input as raw 32-bit floats. Prints the class with the highest score.
 */
#include <stdio.h>
#include <stdlib.h>

#include "digits.h"

static int fail(const char *what) {
    fprintf(stderr, "classify: %s\n", what);
    return 1;
}

int main(int argc, char **argv) {
    const cnnc_model *model = digits_model();
    if (argc != 2) return fail("usage: classify PICTURE.f32");
    if (model->abi_version != CNNC_ABI_VERSION) return fail("the model has another ABI version");
    if (model->input_count != 1 || model->inputs[0]->dtype != CNNC_F32) return fail("the model takes no picture");

    size_t pixels = model->inputs[0]->bytes / sizeof(float);
    size_t classes = model->outputs[0]->bytes / sizeof(float);
    float *picture = malloc(DIGITS_INPUT_0_BYTES);
    float *scores = malloc(DIGITS_OUTPUT_0_BYTES);
    /* One thread: the arena, and scratch for one. aligned_alloc wants a size that is a multiple of the alignment. */
    uint64_t bytes = model->arena_bytes + model->scratch_bytes;
    void *workspace = aligned_alloc(model->workspace_align, bytes + model->workspace_align);
    if (!picture || !scores || !workspace) return fail("out of memory");

    FILE *file = fopen(argv[1], "rb");
    if (!file) return fail("the picture cannot be opened");
    if (fread(picture, sizeof(float), pixels, file) != pixels || fgetc(file) != EOF)
        return fail("the picture has another size");
    fclose(file);

    const void *inputs[] = {picture};
    void *outputs[] = {scores};
    cnnc_call call = {.struct_bytes = sizeof call, .inputs = inputs, .outputs = outputs, .workspace = workspace,
                      .workspace_bytes = bytes};
    int32_t status = model->run(model, &call);
    if (status != CNNC_OK) {
        fprintf(stderr, "classify: run answered %d\n", (int)status);
        return 1;
    }

    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (scores[i] > scores[best]) best = i;
    printf("class %zu, score %f\n", best, (double)scores[best]);
    free(workspace);
    free(scores);
    free(picture);
    return 0;
}
