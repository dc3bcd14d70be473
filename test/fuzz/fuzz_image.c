/*
 * fuzz_image.c: an image of a served version, cut and changed, opened.  The input says where; images are of one build
 * of the code, so the target makes its own.
 */
#include "image.h"
#include "fuzz.h"
#include "recommend_data.h"

#define MOST (1 << 20)

static _Alignas(64) uint8_t image[MOST];
static size_t image_size;

static bool collect(void *context, const void *bytes, size_t n)
{
    (void)context;
    if (n > MOST - image_size)
        return false;
    memcpy(image + image_size, bytes, n);
    image_size += n;
    return true;
}

/* Nothing is kept of the environment: the image is bytes. */
static void make_image(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 60, 8, 10, 6);
    trained *t = train_on(env, lt_algorithm_find("content"), PAIRS | SIDES, v, 60, OPTIONS("min_count", "1"));
    lt_image im;

    must(lt_image_write(env, &im, collect, NULL) == LT_OK && lt_image_served(&im, &t->bundle, &t->r) == LT_OK &&
         lt_image_finish(&im) == LT_OK);
    test_env_drop(env);
}

/* 3 bytes a change: how far behind the last one (or, every other time, how far before the end), and what. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static _Alignas(64) uint8_t changed[MOST];
    lt_env *env = fuzz_env();
    fuzz_input in = {bytes, n};
    uint16_t cut, where;
    size_t at = 0, size;
    lt_bundle b;
    lt_recommender r;
    lt_image im;

    if (image_size == 0)
        make_image();
    fuzz_take(&in, &cut, sizeof cut);
    size = cut % 4 == 0 ? image_size * (size_t)(cut / 4) / (UINT16_MAX / 4) : image_size;
    memcpy(changed, image, image_size);
    while (in.n > 0 && size > 0) {
        fuzz_take(&in, &where, sizeof where);
        at = where % 2 == 0 ? (at + where / 2) % size : size - 1 - where / 2 % size;
        changed[at] ^= (uint8_t)fuzz_below(&in, 256);
    }
    if (fuzz_fine(env, lt_image_read(env, &im, changed, size)) && fuzz_fine(env, lt_image_served(&im, &b, &r)))
        fuzz_fine(env, lt_image_finish(&im));
    test_env_drop(env);
    return 0;
}
