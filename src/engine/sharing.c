/* sharing.c - streams whose queries have an equal part compute it once.
 *
 * A new stream is first built whole and backfilled from what its inputs keep, like any other; so its own results so far are right. Before it is connected,
 * each part of it that an installed stream has too is given up for that one's operators (exec/share.c), if from now on they do exactly what its own would do:
 *
 *   * plans are equal (plan_equal), and depend on nothing but their rows (plan_is_shareable);
 *   * all rows that the other operators have ever had are still there and were in the backfill: nothing had gone out of its inputs' retention, no row was late
 *     or left out, and the settings that values depend on have not been changed since;
 *   * watermarks and what waits for a time are equal, and so is the number of rows in each state;
 *   * what the other has put out until now equals what this has, by the hashes of its rows, where it can be taken back (sums of doubles depend on
 *     the order of their rows); what is never taken back need not be compared.
 *
 * Else the stream keeps its own operators: that costs time and is never wrong. Streams with names share only with streams with names, so that a recovery, which
 * has no others, does the same.
 *
 * The plans of shared operators live on with them: a stream holds the memory of the plans whose operators it uses (struct plan_home).
 * @thread the holder of step. */
#include "base/error.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "vector/kernel.h"

struct plan_home *plan_home_create(struct relation_runtime *runtime)
{
    struct plan_home *home = mem_calloc(1, sizeof *home);
    if (!home) return NULL;
    atomic_store(&home->refs, 1);
    if (ARRAY_PUSH(&home->users, runtime)) return home;
    plan_home_unref(home);
    return NULL;
}

void plan_home_unref(struct plan_home *home)
{
    if (!home || atomic_fetch_sub(&home->refs, 1) != 1) return;
    ARRAY_DEINIT(&home->users);
    arena_deinit(&home->arena);
    mem_free(home);
}

/* --- What must hold ------------------------------------------------------------------------------------------------------------------ */

/* Has everything that the relation ever gave out come in the backfill too? */
static bool is_complete(const struct relation_runtime *input)
{
    uint64_t n = atomic_load_explicit(&input->total_rows, memory_order_relaxed);
    if (n == 0 || input->is_derived) return true;
    if (!input->store) return false;
    return input->store_kind != STORE_LOG || store_n_rows(input->store) == n;
}

static bool is_untouched(const struct op *op)
{
    return !op->has_failed && !op->is_mixed && op->late_rows == 0 && op->bad_rows == 0;
}

static bool are_in_step(const struct op_pair *pair)
{
    const struct op *own = pair->own, *other = pair->other;
    if (!is_untouched(own) || !is_untouched(other) || own->watermark_in != other->watermark_in ||
        own->watermark_out != other->watermark_out || own->is_idle != other->is_idle)
        return false;
    if (own->plan->kind == PLAN_SCAN) { /* when its source is idle is the entry's own affair */
        const struct relation_runtime *input = own->plan->relation->runtime;
        return is_complete(input);
    }
    if (own->wake_us != other->wake_us) return false;
    for (size_t i = 0; i < own->states.n; i++)
        if (own->states.items[i]->n_rows != other->states.items[i]->n_rows) return false;
    return true;
}

/* Rows in any order, as two sums over their hashes: contents may be larger than memory. */
struct fingerprint {
    uint64_t sums[2];
    uint64_t *hashes; /* CHUNK_ROWS */
};

static laminar_status add_rows(void *ctx, struct step *step, const struct chunk *chunk)
{
    (void)step;
    struct fingerprint *f = ctx;
    kernel_hash(chunk->cols, chunk->n_cols, chunk->n_rows, f->hashes);
    for (size_t i = 0; i < chunk->n_rows; i++) {
        uint64_t weight = chunk->weights ? (uint64_t)chunk->weights[i] : 1;
        f->sums[0] += weight * f->hashes[i];
        f->sums[1] += weight * hash_u64(f->hashes[i]);
    }
    return LAMINAR_OK;
}

static laminar_status take_fingerprint(struct database *db, struct op *op, struct fingerprint *f,
                                       struct laminar_error *err)
{
    _Atomic bool *is_strict = &db->spiller.is_strict; /* what comes back from a file leaves again */
    struct step step = {.number = db->step_number,
                        .time_us = engine_clock_us(db),
                        .error_mode = (enum row_error_mode)db->settings.number[SETTING_ID_on_error],
                        .zone = db->settings.text[SETTING_ID_time_zone],
                        .err = err};
    bool was_strict = atomic_load_explicit(is_strict, memory_order_relaxed);
    f->sums[0] = f->sums[1] = 0;
    atomic_store_explicit(is_strict, true, memory_order_relaxed);
    laminar_status status = circuit_contents(op, &step, add_rows, f);
    atomic_store_explicit(is_strict, was_strict, memory_order_relaxed);
    return status;
}

/* Both have put out the same and not taken it back. */
static laminar_status compare_contents(struct database *db, const struct op_pair *pair, bool *equal,
                                       struct laminar_error *err)
{
    laminar_status status;
    struct fingerprint own, other;
    own.hashes = other.hashes = mem_alloc(CHUNK_ROWS * sizeof *own.hashes);
    if (!own.hashes) TRY(error_oom(err));
    TRY(take_fingerprint(db, pair->own, &own, err));
    TRY(take_fingerprint(db, pair->other, &other, err));
    *equal = own.sums[0] == other.sums[0] && own.sums[1] == other.sums[1];
done:
    mem_free(own.hashes);
    return status;
}

/* Whoever reads the pair's own operator may go on with the other. */
static laminar_status check_exit(struct database *db, const struct op_pair *pair, bool *fits,
                                 struct laminar_error *err)
{
    if (pair->own->plan->props.is_append_only) return LAMINAR_OK;
    if (pair->own->rows_out == 0 && pair->other->rows_out == 0) return LAMINAR_OK;
    *fits = op_has_contents(pair->own) && op_has_contents(pair->other);
    return *fits ? compare_contents(db, pair, fits, err) : LAMINAR_OK;
}

static laminar_status check_pairs(struct database *db, const struct op_pairs *pairs, bool *fits,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < pairs->list.n && *fits; i++) *fits = are_in_step(&pairs->list.items[i]);
    for (size_t i = 0; i < pairs->list.n && *fits && !status; i++)
        if (op_pair_has_exit(pairs, &pairs->list.items[i]))
            status = check_exit(db, &pairs->list.items[i], fits, err);
    return status;
}

/* --- Taking over --------------------------------------------------------------------------------------------------------------------- */

static laminar_status borrow(struct relation_runtime *runtime, struct plan_home *home,
                             struct laminar_error *err)
{
    if (home == runtime->home) return LAMINAR_OK;
    for (size_t i = 0; i < runtime->borrowed.n; i++)
        if (runtime->borrowed.items[i] == home) return LAMINAR_OK;
    if (!ARRAY_RESERVE(&home->users, home->users.n + 1) || !ARRAY_PUSH(&runtime->borrowed, home))
        return error_oom(err);
    home->users.items[home->users.n++] = runtime;
    atomic_fetch_add(&home->refs, 1);
    return LAMINAR_OK;
}

static void leave_home(struct plan_home *home, const struct relation_runtime *runtime)
{
    size_t n = 0;
    for (size_t i = 0; i < home->users.n; i++)
        if (home->users.items[i] != runtime) home->users.items[n++] = home->users.items[i];
    home->users.n = n;
}

void sharing_leave(struct relation_runtime *runtime)
{
    leave_home(runtime->home, runtime);
    for (size_t i = 0; i < runtime->borrowed.n; i++)
        leave_home(runtime->borrowed.items[i], runtime);
}

static bool uses(const struct relation_runtime *runtime, const struct op *op)
{
    for (size_t i = 0; i < runtime->part.ops.n; i++)
        if (runtime->part.ops.items[i] == op) return true;
    return false;
}

struct relation_runtime *sharing_next_user(const struct op *op, const struct relation_runtime *last)
{
    const struct plan_home *home = op->home;
    bool is_behind = last == NULL;
    for (size_t i = 0; home && i < home->users.n; i++) {
        struct relation_runtime *runtime = home->users.items[i];
        if (is_behind && uses(runtime, op)) return runtime;
        is_behind |= runtime == last;
    }
    return NULL;
}

laminar_status sharing_adopt(struct relation_runtime *runtime, const struct op_pairs *pairs,
                             struct laminar_error *err)
{
    for (size_t i = 0; i < pairs->list.n; i++) {
        laminar_status status = borrow(runtime, pairs->list.items[i].other->home, err);
        if (status != LAMINAR_OK) return status;
    }
    return circuit_adopt(runtime->db->circuit, &runtime->part, pairs, err);
}

struct looking {
    const struct relation_runtime *runtime;
    const struct op *own;
    bool any;       /* also operators of streams without a name */
    uint32_t first; /* index of the first that was not tried */
};

static bool matches(void *ctx, struct op *op)
{
    struct looking *l = ctx;
    if (op->index < l->first || !op->plan || op->has_failed) return false;
    if (!op->home || op->home == l->runtime->home || (!l->any && op->n_lasting == 0)) return false;
    return plan_equal(op->plan, l->own->plan);
}

/* Tries the operators of others that compute the same as `own`, one after the other. */
static laminar_status share_op(struct relation_runtime *runtime, struct op *own, bool is_named,
                               bool *is_shared, struct laminar_error *err)
{
    struct database *db = runtime->db;
    laminar_status status = LAMINAR_OK;
    struct op_pairs pairs = {0};
    struct looking looking = {.runtime = runtime, .own = own, .any = !is_named};
    *is_shared = false;
    while (!*is_shared) {
        bool fits = true;
        struct op *other = circuit_find_op(db->circuit, matches, &looking);
        if (!other) break;
        looking.first = other->index + 1;
        TRY(circuit_pair_up(own, other, &pairs, &fits, err));
        if (fits) TRY(check_pairs(db, &pairs, &fits, err));
        if (!fits) continue;
        TRY(sharing_adopt(runtime, &pairs, err));
        *is_shared = true;
    }
done:
    ARRAY_DEINIT(&pairs.list);
    return status;
}

static bool mark_mixed(void *ctx, struct op *op)
{
    (void)ctx;
    op->is_mixed = true;
    return false;
}

void sharing_setting_changed(struct database *db, const char *name)
{
    int id = settings_find(name);
    if (id == SETTING_ID_on_error || id == SETTING_ID_time_zone)
        circuit_find_op(db->circuit, mark_mixed, NULL);
}

laminar_status sharing_join(struct relation_runtime *runtime, bool is_named,
                            struct laminar_error *err)
{
    if (plan_has_lookup(runtime->plan)) return LAMINAR_OK;
    /* From the top: the largest parts first. What is replaced stands in the same place. */
    for (size_t i = runtime->part.ops.n; i-- > 0;) {
        struct op *own = runtime->part.ops.items[i];
        if (own->home != runtime->home || !own->plan || !plan_is_shareable(own->plan)) continue;
        bool is_shared;
        laminar_status status = share_op(runtime, own, is_named, &is_shared, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

/* --- Saying so ----------------------------------------------------------------------------------------------------------------------- */

void sharing_names(const struct op *op, const struct relation *except, struct strbuf *out)
{
    const struct relation_runtime *runtime = NULL;
    size_t size = out->size;
    while ((runtime = sharing_next_user(op, runtime))) {
        if (!runtime->part.is_lasting || runtime->relation == except) continue;
        if (out->size > size) strbuf_puts(out, ", ");
        strbuf_puts(out, runtime->relation->name);
    }
}

struct explaining {
    struct database *db;
    ARRAY_OF(const struct plan *) seen;  /* that can be shared, in the order shown */
    ARRAY_OF(const struct plan *) noted; /* what is below them goes without saying */
};

static bool is_below(const struct plan *plan, const struct plan *node)
{
    if (plan == node) return true;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (is_below(plan->inputs[i], node)) return true;
    return false;
}

static bool computes(void *ctx, struct op *op)
{
    return op->plan && op->n_lasting > 0 && !op->has_failed && plan_equal(op->plan, ctx);
}

static void note_node(void *ctx, const struct plan *node, struct strbuf *out)
{
    struct explaining *e = ctx;
    for (size_t i = 0; i < e->noted.n; i++)
        if (is_below(e->noted.items[i], node)) return;
    if (!plan_is_shareable(node)) return;
    bool is_again = false;
    for (size_t i = 0; i < e->seen.n && !is_again; i++)
        is_again = plan_equal(e->seen.items[i], node);
    const struct op *op = circuit_find_op(e->db->circuit, computes, (void *)(uintptr_t)node);
    if (is_again) {
        strbuf_puts(out, "shared: computed once, as above");
    } else if (op) {
        strbuf_puts(out, "shared with ");
        sharing_names(op, NULL, out);
    }
    if (is_again || op ? !ARRAY_PUSH(&e->noted, node) : !ARRAY_PUSH(&e->seen, node))
        out->failed = true;
}

void sharing_explain(struct database *db, const struct plan *plan, bool as_json, struct strbuf *out)
{
    struct explaining e = {.db = db};
    struct plan_costs notes = {.note = note_node, .ctx = &e};
    if (plan_has_lookup(plan)) {
        plan_explain(plan, as_json, out);
        return;
    }
    engine_lock_step(db);
    plan_explain_costs(plan, as_json, &notes, out);
    engine_unlock_step(db);
    ARRAY_DEINIT(&e.seen);
    ARRAY_DEINIT(&e.noted);
}
