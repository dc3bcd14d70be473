/*
 * encoder_raw.c: raw rows while an encoder is fitted, in chunks, in memory or in a temporary file.
 */
#include "encoder_raw.h"

#include "spill.h"

#include <string.h>

#define FIRST_CHUNK (1 << 11) /* cells; small, for there may be many small tables */
#define CHUNK_CELLS (1 << 19) /* of the largest, 4 MB; tokens also: a chunk is encoded between two polls */

/* Chunks are a small part of what is kept in memory of rows that spill. */
static int64_t most_cells(const lt_env *env)
{
    int64_t most = env->spill == NULL ? CHUNK_CELLS : (int64_t)(env->spill->most / 8 / sizeof(double));

    return most < CHUNK_CELLS ? most : CHUNK_CELLS;
}

static void free_chunk(lt_env *env, lt_chunk *c)
{
    lt_free(env, c->x);
    lt_free(env, c->token_end);
    lt_free(env, c->token);
    c->x = NULL;
    c->token_end = NULL;
    c->token = NULL;
}

static void write_chunk(lt_env *env, struct lt_encoder_raw *raw, lt_chunk *c)
{
    lt_spill *s = env->spill;
    size_t x = (size_t)c->rows * (size_t)c->columns * sizeof *c->x;
    size_t ends = c->token_end == NULL ? 0 : (size_t)c->rows * sizeof *c->token_end;
    size_t tokens = c->token_end == NULL ? 0 : (size_t)c->n_tokens * sizeof *c->token;

    c->spilled = true;
    c->at = raw->file_bytes;
    c->size = x + ends + tokens;
    s->append(s->context, raw->file, c->x, x);
    if (ends > 0) {
        s->append(s->context, raw->file, c->token_end, ends);
        s->append(s->context, raw->file, c->token, tokens);
    }
    raw->file_bytes += c->size;
    free_chunk(env, c);
}

/* Chunks to the file: all there are the first time, later the last one. */
static lt_status spill_chunks(lt_env *env, struct lt_encoder_raw *raw)
{
    if (raw->file == NULL)
        raw->file = env->spill->create(env->spill->context);
    for (size_t i = 0; i < raw->n_chunks; i++) {
        if (raw->chunk[i].spilled)
            continue;
        LT_TRY(lt_poll(env));
        write_chunk(env, raw, &raw->chunk[i]);
    }
    return LT_OK;
}

/* Counts the row at hand into the last group, or into a new and larger one when that is full or narrower. */
static bool starts_group(struct lt_encoder_raw *raw, const lt_chunk *c)
{
    int32_t columns = raw->columns < 1 ? 1 : raw->columns;
    int64_t cells = c == NULL ? FIRST_CHUNK : 4 * (int64_t)raw->group_capacity * columns;
    bool starts = c == NULL || c->columns != raw->columns || raw->group_rows == raw->group_capacity ||
                  raw->group_tokens >= CHUNK_CELLS;

    if (starts) {
        cells = cells > CHUNK_CELLS ? CHUNK_CELLS : cells;
        raw->group_capacity = cells > columns ? (int32_t)(cells / columns) : 1;
        raw->group_rows = 0;
        raw->group_tokens = 0;
        raw->groups++;
    }
    raw->group_rows++;
    raw->group_tokens += (int64_t)raw->n_tokens;
    return starts;
}

/* The chunk the row at hand goes to: the last one, or a new one when that is full or its group is. */
static lt_status chunk_with_room(lt_env *env, struct lt_encoder_raw *raw, lt_chunk **out)
{
    lt_chunk *c = raw->n_chunks > 0 ? &raw->chunk[raw->n_chunks - 1] : NULL;
    int64_t most = most_cells(env);

    if (starts_group(raw, c) || c->rows == c->capacity || c->n_tokens >= most) {
        int64_t rows = most / (raw->columns < 1 ? 1 : raw->columns), left = raw->group_capacity - raw->group_rows + 1;

        rows = rows < 1 ? 1 : rows < left ? rows : left;
        if (c != NULL)
            raw->held += (size_t)c->rows * (size_t)c->columns * sizeof *c->x + c->cap_token * sizeof *c->token;
        if (raw->file != NULL || (env->spill != NULL && c != NULL && raw->held > env->spill->most))
            LT_TRY(spill_chunks(env, raw));
        LT_TRY(lt_grow(env, &raw->chunk, &raw->cap_chunks, raw->n_chunks + 1, sizeof *c, "the raw rows"));
        c = &raw->chunk[raw->n_chunks];
        *c = (lt_chunk){.columns = raw->columns, .capacity = (int32_t)rows, .group = raw->groups};
        LT_TRY(lt_alloc(env, &c->x, (size_t)c->capacity * (size_t)c->columns, sizeof *c->x, "the raw rows"));
        raw->n_chunks++;
    }
    *out = c;
    return LT_OK;
}

lt_status lt_encoder_keep_row(lt_env *env, struct lt_encoder_raw *raw)
{
    size_t n;
    lt_chunk *c;

    LT_TRY(chunk_with_room(env, raw, &c));
    if (raw->n_tokens > 0) {
        n = (size_t)c->n_tokens + raw->n_tokens;
        if (c->token_end == NULL)
            LT_TRY(lt_alloc(env, &c->token_end, (size_t)c->capacity, sizeof *c->token_end, "the raw rows"));
        LT_TRY(lt_grow(env, &c->token, &c->cap_token, n, sizeof *c->token, "the raw rows"));
        memcpy(c->token + c->n_tokens, raw->token, raw->n_tokens * sizeof *c->token);
        c->n_tokens = (int64_t)n;
    }
    if (c->token_end != NULL)
        c->token_end[c->rows] = c->n_tokens;
    if (c->columns > 0)
        memcpy(c->x + (size_t)c->rows * (size_t)c->columns, raw->x, (size_t)c->columns * sizeof *c->x);
    c->rows++;
    raw->committed = raw->columns;
    return LT_OK;
}

lt_status lt_encoder_map_raw(lt_env *env, struct lt_encoder_raw *raw)
{
    int64_t first = 0;
    char *mapped = NULL;

    if (raw->file != NULL) {
        LT_TRY(spill_chunks(env, raw));
        mapped = env->spill->map(env->spill->context, raw->file, raw->file_bytes);
    }
    for (size_t i = 0; i < raw->n_chunks; i++) {
        lt_chunk *c = &raw->chunk[i];
        size_t x = (size_t)c->rows * (size_t)c->columns * sizeof *c->x;

        c->first = first;
        first += c->rows;
        if (!c->spilled)
            continue;
        c->x = (double *)(mapped + c->at);
        if (c->size > x) {
            c->token_end = (int64_t *)(mapped + c->at + x);
            c->token = (lt_token *)(mapped + c->at + x + (size_t)c->rows * sizeof *c->token_end);
        }
    }
    return LT_OK;
}

void lt_encoder_drop_chunk(lt_env *env, const lt_chunk *c)
{
    if (c->spilled)
        env->spill->drop(env->spill->context, c->x, c->size);
}

void lt_encoder_free_chunk(lt_env *env, lt_chunk *c)
{
    if (c->spilled)
        lt_encoder_drop_chunk(env, c);
    else
        free_chunk(env, c);
}
