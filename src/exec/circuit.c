/* circuit.c - the graph of operators and the step that runs through it.
 *
 * Idea: operators stand in one array in topological order, with a dirty bit each. A chunk that is pushed in travels depth first through op_emit, setting
 * bits on its way; finish_step then goes through the set bits in order, which may set further bits behind it, never before it. A step thus costs the
 * operators it touches plus one word for each 64 operators between the first and the last of them.
 *
 * Watermarks: an operator's watermark_in is the least watermark_out of those inputs that carry one; when watermark_out changes, the consumers are marked.
 * They never go back. Inputs of which nothing has come for a while (idle_timeout of their sources) are left out, unless all are idle.
 *
 * Invariants: ops.items[i]->index == i; every edge goes to a higher index; edge and inputs[port] agree; bits are clear between steps but for
 * operators that have something to do in the next one (new VALUES, op_mark outside a step, circuit_set_watermark).
 * @thread the step owner. */
#include "exec/circuit_internal.h"

laminar_status circuit_create(struct mem_account *account, struct circuit **out,
                              struct laminar_error *err)
{
    struct circuit *circuit = mem_calloc(1, sizeof *circuit);
    if (!circuit) return error_oom(err);
    circuit->account = account;
    circuit->err = LAMINAR_ERROR_INIT;
    circuit->first_dirty = SIZE_MAX;
    *out = circuit;
    return LAMINAR_OK;
}

void circuit_free(struct circuit *circuit)
{
    if (!circuit) return;
    for (size_t i = circuit->ops.n; i-- > 0;)
        circuit->ops.items[i]->cls->free(circuit->ops.items[i]);
    ARRAY_DEINIT(&circuit->ops);
    ARRAY_DEINIT(&circuit->wakers);
    mem_free(circuit->dirty);
    mem_free(circuit);
}

struct mem_account *circuit_account(const struct circuit *circuit) { return circuit->account; }

void circuit_set_spill(struct circuit *circuit, struct spill_policy *policy)
{
    circuit->spill = policy;
}
struct spill_policy *circuit_spill(const struct circuit *circuit) { return circuit->spill; }

/* --- Graph ------------------------------------------------------------------------------------------------------------------------------- */

static bool reserve_bits(struct circuit *circuit, size_t n_ops)
{
    size_t n_words = (n_ops + 63) / 64;
    if (n_words <= circuit->n_dirty_words) return true;
    n_words *= 2;
    uint64_t *dirty = mem_realloc(circuit->dirty, n_words * sizeof *dirty);
    if (!dirty) return false;
    memset(dirty + circuit->n_dirty_words, 0, (n_words - circuit->n_dirty_words) * sizeof *dirty);
    circuit->dirty = dirty;
    circuit->n_dirty_words = n_words;
    return true;
}

static void take_bit(struct circuit *circuit, size_t i, bool *was_set)
{
    uint64_t bit = (uint64_t)1 << (i & 63);
    *was_set = circuit->dirty[i >> 6] & bit;
    circuit->dirty[i >> 6] &= ~bit;
}

/* Puts `ops` (a permutation of what is there, or a part of it) in place and renumbers; marks travel with their operators. */
static void renumber(struct circuit *circuit, struct op *const *ops, size_t n_ops, bool *marks)
{
    for (size_t i = 0; i < n_ops; i++) take_bit(circuit, ops[i]->index, &marks[i]);
    memset(circuit->dirty, 0, circuit->n_dirty_words * sizeof *circuit->dirty);
    circuit->first_dirty = SIZE_MAX;
    circuit->last_dirty = 0;
    for (size_t i = 0; i < n_ops; i++) {
        circuit->ops.items[i] = ops[i];
        ops[i]->index = (uint32_t)i;
        if (marks[i]) circuit_mark(circuit, (uint32_t)i);
    }
    circuit->ops.n = n_ops;
}

void circuit_unlink(struct op *from, struct op *to, uint32_t port)
{
    for (size_t i = 0; i < from->outputs.n; i++) {
        if (from->outputs.items[i].to != to || from->outputs.items[i].port != port) continue;
        memmove(from->outputs.items + i, from->outputs.items + i + 1,
                (from->outputs.n - i - 1) * sizeof *from->outputs.items);
        from->outputs.n--;
        break;
    }
    to->inputs[port] = NULL;
}

static bool link_edge(struct op *from, struct op *to, uint32_t port)
{
    assert(port < to->n_ports && !to->inputs[port]);
    if (!ARRAY_PUSH(&from->outputs, ((struct op_edge){.to = to, .port = port}))) return false;
    to->inputs[port] = from;
    return true;
}

laminar_status circuit_add_op(struct circuit *circuit, struct op *take_op, struct op *const *inputs,
                              struct laminar_error *err)
{
    struct op *op = take_op;
    assert(op->circuit == circuit);
    bool is_ok = reserve_bits(circuit, circuit->ops.n + 1) &&
                 ARRAY_RESERVE(&circuit->ops, circuit->ops.n + 1);
    for (uint32_t i = 0; is_ok && inputs && i < op->n_ports; i++)
        if (inputs[i]) is_ok = link_edge(inputs[i], op, i);
    if (!is_ok) {
        for (uint32_t i = 0; i < op->n_ports; i++)
            if (op->inputs[i]) circuit_unlink(op->inputs[i], op, i);
        op->cls->free(op);
        return error_oom(err);
    }
    op->index = (uint32_t)circuit->ops.n;
    circuit->ops.items[circuit->ops.n++] = op;
    /* picks up its inputs' watermark, and emits what it has of its own (VALUES) */
    circuit_mark(circuit, op->index);
    return LAMINAR_OK;
}

/* Depth-first post-order over the consumers, which reversed is a topological order. False on a cycle. Recursion is as deep as the longest path. */
struct sorting {
    struct op **order; /* filled from the end */
    size_t n_left;
};
enum { VISIT_OPEN = 1, VISIT_DONE = 2 };

static bool visit(struct sorting *sorting, uint8_t *visited, struct op *op)
{
    if (visited[op->index] == VISIT_DONE) return true;
    if (visited[op->index] == VISIT_OPEN) return false;
    visited[op->index] = VISIT_OPEN;
    for (size_t i = op->outputs.n; i-- > 0;)
        if (!visit(sorting, visited, op->outputs.items[i].to)) return false;
    visited[op->index] = VISIT_DONE;
    sorting->order[--sorting->n_left] = op;
    return true;
}

static laminar_status sort_again(struct circuit *circuit, struct laminar_error *err)
{
    size_t n = circuit->ops.n;
    struct op **order = mem_calloc(n, sizeof *order);
    uint8_t *visited = mem_calloc(n, 1);
    bool *marks = mem_calloc(n, sizeof *marks);
    laminar_status status = order && visited && marks ? LAMINAR_OK : error_oom(err);
    struct sorting sorting = {order, n};
    /* from the last, so that what is in order stays as it is */
    for (size_t i = n; status == LAMINAR_OK && i-- > 0;)
        if (!visit(&sorting, visited, circuit->ops.items[i]))
            status = error_set(err, LAMINAR_INVALID_ARGUMENT,
                               "the connection would make a cycle through %s",
                               circuit->ops.items[i]->cls->name);
    if (status == LAMINAR_OK) renumber(circuit, order, n, marks);
    mem_free(order);
    mem_free(visited);
    mem_free(marks);
    return status;
}

laminar_status circuit_connect(struct circuit *circuit, struct op *from, struct op *to,
                               uint32_t port, struct laminar_error *err)
{
    ENSURE(port < to->n_ports && !to->inputs[port], err);
    if (!link_edge(from, to, port)) return error_oom(err);
    if (from->index >= to->index) {
        laminar_status status = sort_again(circuit, err);
        if (status != LAMINAR_OK) {
            circuit_unlink(from, to, port);
            return status;
        }
    }
    circuit_mark(circuit, to->index); /* its watermark may have moved */
    return LAMINAR_OK;
}

void circuit_disconnect(struct circuit *circuit, struct op *from, struct op *to)
{
    (void)circuit;
    for (uint32_t port = 0; port < to->n_ports; port++)
        if (to->inputs[port] == from) circuit_unlink(from, to, port);
}

void circuit_remove_op(struct circuit *circuit, struct op *op)
{
    for (uint32_t port = 0; port < op->n_ports; port++)
        if (op->inputs[port]) circuit_unlink(op->inputs[port], op, port);
    while (op->outputs.n) circuit_unlink(op, op->outputs.items[0].to, op->outputs.items[0].port);
    for (size_t i = 0; i < circuit->wakers.n; i++)
        if (circuit->wakers.items[i] == op)
            circuit->wakers.items[i--] = circuit->wakers.items[--circuit->wakers.n];
    /* Close the gap, operators behind it move down by one, marks with them. */
    size_t n = circuit->ops.n;
    bool was_set;
    take_bit(circuit, op->index, &was_set);
    for (size_t i = op->index; i + 1 < n; i++) {
        struct op *next = circuit->ops.items[i + 1];
        take_bit(circuit, i + 1, &was_set);
        circuit->ops.items[i] = next;
        next->index = (uint32_t)i;
        if (was_set) circuit_mark(circuit, (uint32_t)i);
    }
    circuit->ops.n--;
    op->cls->free(op);
}

void circuit_remove(struct circuit *circuit, struct circuit_part *part)
{
    for (size_t i = part->ops.n; i-- > 0;) {
        struct op *op = part->ops.items[i];
        op->n_lasting -= part->is_lasting;
        if (op->n_parts > 1)
            op->n_parts--;
        else
            circuit_remove_op(circuit, op);
    }
    ARRAY_DEINIT(&part->ops);
    mem_free(part->scans);
    mem_free(part->relations);
    *part = (struct circuit_part){0};
}

/* --- Steps ------------------------------------------------------------------------------------------------------------------------------- */

laminar_status circuit_push(struct circuit *circuit, struct step *step, struct op *scan,
                            const struct chunk *chunk)
{
    if (chunk->n_rows == 0 || scan->has_failed) return LAMINAR_OK;
    if (!step->err) step->err = &circuit->err;
    circuit_mark(circuit, scan->index);
    scan->rows_in += chunk->n_rows;
    struct op *before = step_time_of(step, scan);
    laminar_status status = scan->cls->process(scan, step, 0, chunk);
    step_time_of(step, before);
    if (unlikely(status != LAMINAR_OK)) circuit_fail(circuit, scan, step, status);
    return LAMINAR_OK;
}

void circuit_set_watermark(struct circuit *circuit, struct op *scan, int64_t watermark_us)
{
    if (watermark_us <= scan->watermark_in) return;
    scan->watermark_in = watermark_us;
    circuit_mark(circuit, scan->index);
}

/* Over the inputs that carry one (and are not idle); WATERMARK_NONE: there is none. */
static int64_t least_watermark(const struct op *op, bool skips_idle)
{
    int64_t least = WATERMARK_END;
    bool has_any = false;
    for (uint32_t i = 0; i < op->n_ports; i++) {
        const struct op *input = op->inputs[i];
        if (!input || !input->has_time || (skips_idle && input->is_idle)) continue;
        has_any = true;
        if (input->watermark_out < least) least = input->watermark_out;
    }
    return has_any ? least : WATERMARK_NONE;
}

static int64_t input_watermark(const struct op *op, const struct step *step)
{
    if (step->is_last) return WATERMARK_END;
    if (op->is_clocked) {
        /* rows to come have this time, or a later one */
        int64_t now = step->time_us - step->time_us % 1000;
        return now > op->watermark_in ? now : op->watermark_in;
    }
    int64_t least = least_watermark(op, true);
    if (least == WATERMARK_NONE && op->is_idle) least = least_watermark(op, false);
    return least > op->watermark_in ? least : op->watermark_in;
}

int64_t op_port_watermark(const struct op *op, uint32_t port)
{
    const struct op *input = op->inputs[port];
    if (!input || !input->has_time) return WATERMARK_NONE;
    int64_t awake = input->is_idle ? least_watermark(op, true) : WATERMARK_NONE;
    return awake > input->watermark_out ? awake : input->watermark_out;
}

/* An operator is idle when all of its inputs are. Entries say it themselves. */
static void note_idle(struct op *op)
{
    bool has_timed = false, all = true;
    for (uint32_t i = 0; i < op->n_ports; i++) {
        const struct op *input = op->inputs[i];
        if (!input || !input->has_time) continue;
        has_timed = true;
        all &= input->is_idle;
    }
    if (has_timed) op->is_idle = all;
}

static void finish_op(struct circuit *circuit, struct step *step, struct op *op)
{
    if (op->has_failed) return;
    int64_t before = op->watermark_out;
    bool was_idle = op->is_idle;
    note_idle(op);
    op->watermark_in = input_watermark(op, step);
    laminar_status status = LAMINAR_OK;
    struct op *timed_before = step_time_of(step, op);
    if (op->cls->finish_step)
        status = op->cls->finish_step(op, step);
    else
        op->watermark_out = op->watermark_in;
    step_time_of(step, timed_before);
    if (unlikely(status != LAMINAR_OK)) {
        circuit_fail(circuit, op, step, status);
        return;
    }
    if (op->wake_us && !op->is_waker) {
        op->is_waker = ARRAY_PUSH(&circuit->wakers, op);
        if (!op->is_waker) circuit_fail(circuit, op, step, error_oom(step->err));
    }
    if (op->watermark_out < before) op->watermark_out = before;
    if (op->watermark_out == before && op->is_idle == was_idle) return;
    for (size_t i = 0; i < op->outputs.n; i++)
        circuit_mark(circuit, op->outputs.items[i].to->index);
}

static void mark_due(struct circuit *circuit, const struct step *step)
{
    if (step->is_last) {
        for (size_t i = 0; i < circuit->ops.n; i++) circuit_mark(circuit, (uint32_t)i);
        return;
    }
    for (size_t i = 0; i < circuit->wakers.n; i++) {
        struct op *op = circuit->wakers.items[i];
        if (op->wake_us && (step->is_flush || (int64_t)op->wake_us <= step->time_us))
            circuit_mark(circuit, op->index);
    }
}

void circuit_finish_step(struct circuit *circuit, struct step *step)
{
    if (!step->err) step->err = &circuit->err;
    mark_due(circuit, step);
    /* Marks set on the way are at higher indexes, in this word or a later one, so last_dirty is read again each time. */
    for (size_t word = circuit->first_dirty; word != SIZE_MAX && word <= circuit->last_dirty;
         word++) {
        while (circuit->dirty[word]) {
            unsigned bit = (unsigned)__builtin_ctzll(circuit->dirty[word]);
            circuit->dirty[word] &= circuit->dirty[word] - 1;
            finish_op(circuit, step, circuit->ops.items[word * 64 + bit]);
        }
    }
    circuit->first_dirty = SIZE_MAX;
    circuit->last_dirty = 0;
}

laminar_status circuit_restored(struct circuit *circuit, struct step *step)
{
    for (size_t i = 0; i < circuit->ops.n; i++) {
        struct op *op = circuit->ops.items[i];
        circuit_mark(circuit, (uint32_t)i);
        if (!op->wake_us || op->is_waker) continue;
        op->is_waker = ARRAY_PUSH(&circuit->wakers, op);
        if (!op->is_waker) return error_oom(step->err);
    }
    circuit_finish_step(circuit, step);
    return LAMINAR_OK;
}

int64_t circuit_next_wake_us(const struct circuit *circuit)
{
    int64_t least = 0;
    for (size_t i = 0; i < circuit->wakers.n; i++) {
        int64_t wake_us = (int64_t)circuit->wakers.items[i]->wake_us;
        if (wake_us && (!least || wake_us < least)) least = wake_us;
    }
    return least;
}
