/* op_set.c - what judges distinct rows by how often they are there: INTERSECT and EXCEPT, with and without ALL, and DISTINCT.
 *
 * Algebra: a row that the left input has l times and the right one r times comes out min(l, r) times from INTERSECT ALL, max(l - r, 0) times from EXCEPT
 * ALL, and without ALL once where l > 0 and r > 0, or l > 0 and r = 0; DISTINCT has no right input and gives once what l > 0 has. Counts change as
 * chunks come; what follows is judged at the end of the step, so an order of the two inputs doesn't matter, and what a step puts in and takes back is not
 * seen. A retraction lowers its side's count. DISTINCT of an append-only input counts nothing and answers at once.
 * State: "rows", one entry per distinct row that either side has. Payload: the two counts; number in this step's list + 1 (0 between steps).
 * Cost: one probe a row, and one visit a touched row at the end of the step. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

enum { LEFT, RIGHT };
enum row_rule { RULE_DISTINCT, RULE_INTERSECT, RULE_EXCEPT };
struct set_row {
    int64_t counts[2];
    uint32_t mark;
    uint32_t reserved;
};
struct touched_row {
    uint64_t slot;
    int64_t before; /* copies that were out */
};

struct op_set {
    struct op op; /* first */
    struct state_hash *rows;
    enum row_rule rule;
    bool is_all;
    bool is_counting; /* rows can be taken back, or have two sides */
    ARRAY_OF(struct touched_row) touched;
    struct column *cols;
    struct vector *vecs;
    uint64_t *slots;
    uint8_t **payloads;
    uint8_t *is_new;
    uint32_t *sel;
    int64_t *weights;
};

static struct set_row *set_row(uint8_t *payload) { return (struct set_row *)(void *)payload; }

static int64_t copies(const struct op_set *set, const struct set_row *row)
{
    int64_t left = row->counts[LEFT] > 0 ? row->counts[LEFT] : 0,
            right = row->counts[RIGHT] > 0 ? row->counts[RIGHT] : 0;
    if (set->rule == RULE_DISTINCT) return left > 0;
    if (set->rule == RULE_INTERSECT) {
        int64_t both = left < right ? left : right;
        return set->is_all ? both : both > 0;
    }
    if (set->is_all) return left > right ? left - right : 0;
    return left > 0 && right == 0;
}

/* Nothing is ever taken back: new rows go straight on. */
static laminar_status pass_new(struct op_set *set, struct step *step, const struct chunk *chunk)
{
    size_t n = 0;
    for (size_t i = 0; i < chunk->n_rows; i++) {
        set->sel[n] = (uint32_t)i;
        n += set->is_new[i];
    }
    if (n == 0) return LAMINAR_OK;
    if (n == chunk->n_rows)
        return op_emit(&set->op, step,
                       &(struct chunk){chunk->n_rows, chunk->n_cols, chunk->cols, NULL});
    struct chunk out, in = {chunk->n_rows, chunk->n_cols, chunk->cols, NULL};
    laminar_status status = kernel_gather_chunk(&in, set->sel, n, set->cols, NULL, set->vecs, &out,
                                                step->err);
    return status ? status : op_emit(&set->op, step, &out);
}

static laminar_status set_process(struct op *op, struct step *step, uint32_t port,
                                  const struct chunk *chunk)
{
    struct op_set *set = (struct op_set *)op;
    size_t n = chunk->n_rows;
    if (set->is_counting && !ARRAY_RESERVE(&set->touched, set->touched.n + n))
        return error_oom(step->err);
    laminar_status status = state_hash_upsert(set->rows, chunk->cols, n, set->slots, set->payloads,
                                              set->is_new, step->err);
    if (status) return status;
    if (!set->is_counting) {
        status = pass_new(set, step, chunk);
        return status ? status : op_relax(step, set->rows);
    }
    for (size_t i = 0; i < n; i++) {
        struct set_row *row = set_row(set->payloads[i]);
        if (!row->mark) {
            set->touched.items[set->touched.n++] = (struct touched_row){set->slots[i],
                                                                        copies(set, row)};
            row->mark = (uint32_t)set->touched.n;
        }
        row->counts[port] += chunk->weights ? chunk->weights[i] : 1;
    }
    return op_relax(step, set->rows);
}

static laminar_status emit_slots(struct op_set *set, struct step *step, size_t n)
{
    laminar_status status = LAMINAR_OK;
    bool has_weights = false;
    for (uint32_t k = 0; k < set->op.n_cols && !status; k++) {
        column_clear(&set->cols[k]);
        status = state_hash_keys(set->rows, k, set->slots, n, &set->cols[k], step->err);
        set->vecs[k] = set->cols[k].vec;
    }
    for (size_t i = 0; i < n; i++) has_weights |= set->weights[i] != 1;
    if (status) return status;
    return op_emit(
        &set->op, step,
        &(struct chunk){(uint32_t)n, set->op.n_cols, set->vecs, has_weights ? set->weights : NULL});
}

/* Emits what has changed of the touched rows [at, at + n), and drops those that neither side has any more. */
static laminar_status finish_rows(struct op_set *set, struct step *step,
                                  const struct touched_row *touched, size_t n)
{
    size_t n_out = 0, n_gone = 0;
    for (size_t i = 0; i < n; i++) set->slots[i] = touched[i].slot;
    laminar_status status = state_hash_rows(set->rows, set->slots, n, true, set->payloads,
                                            step->err);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        struct set_row *row = set_row(set->payloads[i]);
        row->mark = 0;
        int64_t change = copies(set, row) - touched[i].before;
        set->slots[n_out] = touched[i].slot;
        set->weights[n_out] = change;
        n_out += change != 0;
    }
    if (n_out) status = emit_slots(set, step, n_out);
    for (size_t i = 0; i < n && !status; i++) {
        const struct set_row *row = set_row(set->payloads[i]);
        if (row->counts[LEFT] == 0 && row->counts[RIGHT] == 0)
            set->slots[n_gone++] = touched[i].slot;
    }
    if (!status) status = state_hash_want_removal(set->rows, set->slots, n_gone, step->err);
    if (!status) state_hash_remove(set->rows, set->slots, n_gone);
    return status ? status : op_relax(step, set->rows);
}

static laminar_status set_finish(struct op *op, struct step *step)
{
    struct op_set *set = (struct op_set *)op;
    laminar_status status = LAMINAR_OK;
    op->watermark_out = op->watermark_in;
    for (size_t at = 0; at < set->touched.n && !status; at += CHUNK_ROWS) {
        size_t n = set->touched.n - at < CHUNK_ROWS ? set->touched.n - at : CHUNK_ROWS;
        status = finish_rows(set, step, set->touched.items + at, n);
    }
    set->touched.n = 0;
    return status;
}

static laminar_status set_contents(struct op *op, struct step *step)
{
    struct op_set *set = (struct op_set *)op;
    laminar_status status = LAMINAR_OK;
    uint64_t cursor = 0;
    size_t n;
    while (!status && (n = state_hash_scan(set->rows, &cursor, set->slots, CHUNK_ROWS)) > 0) {
        size_t n_out = 0;
        status = state_hash_rows(set->rows, set->slots, n, false, set->payloads, step->err);
        for (size_t i = 0; i < n && !status; i++) {
            set->slots[n_out] = set->slots[i];
            set->weights[n_out] = set->is_counting ? copies(set, set_row(set->payloads[i])) : 1;
            n_out += set->weights[n_out] > 0;
        }
        if (n_out && !status) status = emit_slots(set, step, n_out);
        if (!status) status = op_relax(step, set->rows);
    }
    return status;
}

static void set_free(struct op *op)
{
    struct op_set *set = (struct op_set *)op;
    columns_free(set->cols, op->n_cols);
    op_deinit(op);
    ARRAY_DEINIT(&set->touched);
    mem_free(set->vecs);
    mem_free(set->slots);
    mem_free(set->payloads);
    mem_free(set->is_new);
    mem_free(set->sel);
    mem_free(set->weights);
    mem_free(set);
}

static void set_explain(const struct op *op, struct strbuf *out)
{
    static const char *const names[] = {"distinct", "intersect", "except"};
    const struct op_set *set = (const struct op_set *)op;
    strbuf_printf(out, "%s%s, %zu rows", names[set->rule], set->is_all ? " all" : "",
                  state_hash_base(set->rows)->n_rows);
}

#define SET_CLASS(class_name)                                                                      \
    {                                                                                              \
        .name = (class_name), .process = set_process, .finish_step = set_finish, .free = set_free, \
        .explain = set_explain, .contents = set_contents                                           \
    }
static const struct op_class set_class = SET_CLASS("set"), distinct_class = SET_CLASS("distinct");

static laminar_status create(struct circuit *circuit, const struct plan *plan, enum row_rule rule,
                             struct op **out, struct laminar_error *err)
{
    laminar_status status;
    struct data_type *types = NULL;
    struct op_set *set = mem_calloc(1, sizeof *set);
    if (!set) return error_oom(err);
    TRY(op_init(&set->op, rule == RULE_DISTINCT ? &distinct_class : &set_class, circuit, plan,
                plan->n_inputs, err));
    set->rule = rule;
    set->is_all = rule != RULE_DISTINCT && plan->is_set_all;
    set->is_counting = rule != RULE_DISTINCT || !plan->inputs[0]->props.is_append_only;
    types = mem_calloc(plan->n_cols + 1, sizeof *types);
    if (!types) TRY(error_oom(err));
    for (uint32_t i = 0; i < plan->n_cols; i++) types[i] = plan->cols[i].type;
    struct state_hash_options options = {.name = "rows",
                                         .key_types = types,
                                         .n_keys = plan->n_cols,
                                         .payload_bytes = sizeof(struct set_row),
                                         .payload_align = 8,
                                         .account = circuit_account(circuit),
                                         .spill = circuit_spill(circuit)};
    TRY(state_hash_create(&options, &set->rows, err));
    TRY(op_add_state(&set->op, state_hash_base(set->rows), err));
    TRY(columns_create(plan->cols, plan->n_cols, &set->cols, err));
    set->vecs = mem_calloc(plan->n_cols + 1, sizeof *set->vecs);
    set->slots = mem_alloc(CHUNK_ROWS * sizeof *set->slots);
    set->payloads = mem_alloc(CHUNK_ROWS * sizeof *set->payloads);
    set->is_new = mem_alloc(CHUNK_ROWS);
    set->sel = mem_alloc(CHUNK_ROWS * sizeof *set->sel);
    set->weights = mem_alloc(CHUNK_ROWS * sizeof *set->weights);
    if (!set->vecs || !set->slots || !set->payloads || !set->is_new || !set->sel || !set->weights)
        TRY(error_oom(err));
    *out = &set->op;
    mem_free(types);
    return LAMINAR_OK;
done:
    mem_free(types);
    set_free(&set->op);
    return status;
}

laminar_status op_set_create(struct circuit *circuit, const struct plan *plan,
                             enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_SET && plan->n_inputs == 2);
    return create(circuit, plan, plan->set_kind == SET_INTERSECT ? RULE_INTERSECT : RULE_EXCEPT,
                  out, err);
}

laminar_status op_distinct_create(struct circuit *circuit, const struct plan *plan,
                                  enum circuit_mode mode, struct op **out,
                                  struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_DISTINCT && plan->n_inputs == 1);
    return create(circuit, plan, RULE_DISTINCT, out, err);
}
