/* share.c - operators that several parts of a circuit have in common.
 *
 * A part that computes what another one computes already gives up its own operators and reads the other's. Each operator counts the parts that list it, and
 * goes with the last of them; so whichever stream is dropped first, the others go on. What must hold so that nobody sees a difference is the caller's
 * (engine/sharing.c): this file knows which operators correspond, and rewires.
 *
 * Invariants: a part lists either none or all of the operators below one that it lists; at the place of its own operator stands the one that replaced it, so
 * the order of part->ops, children first, stays. @thread the step owner, between steps. */
#include "exec/circuit_internal.h"

struct op *circuit_find_op(const struct circuit *circuit, bool (*matches)(void *ctx, struct op *op),
                           void *ctx)
{
    for (size_t i = 0; i < circuit->ops.n; i++)
        if (matches(ctx, circuit->ops.items[i])) return circuit->ops.items[i];
    return NULL;
}

static struct op_pair *find_pair(const struct op_pairs *pairs, const struct op *own)
{
    for (size_t i = 0; i < pairs->list.n; i++)
        if (pairs->list.items[i].own == own) return &pairs->list.items[i];
    return NULL;
}

/* Children first. Plans are equal, so the shapes are, except where one of the two has an equal part twice: then they don't correspond. */
static laminar_status collect(struct op_pairs *pairs, struct op *own, struct op *other, bool *fits,
                              struct laminar_error *err)
{
    if (own == other) return LAMINAR_OK; /* shared already */
    const struct op_pair *known = find_pair(pairs, own);
    if (known || own->cls != other->cls || own->n_ports != other->n_ports ||
        own->states.n != other->states.n) {
        *fits &= known && known->other == other;
        return LAMINAR_OK;
    }
    bool is_entry = own->plan->kind == PLAN_SCAN; /* what it is connected to is no part of this */
    for (uint32_t i = 0; i < own->n_ports && !is_entry && *fits; i++) {
        laminar_status status = collect(pairs, own->inputs[i], other->inputs[i], fits, err);
        if (status != LAMINAR_OK) return status;
    }
    return ARRAY_PUSH(&pairs->list, ((struct op_pair){own, other})) ? LAMINAR_OK : error_oom(err);
}

laminar_status circuit_pair_up(struct op *own, struct op *other, struct op_pairs *pairs, bool *fits,
                               struct laminar_error *err)
{
    pairs->list.n = 0;
    *fits = true;
    return collect(pairs, own, other, fits, err);
}

bool op_pair_has_exit(const struct op_pairs *pairs, const struct op_pair *pair)
{
    for (size_t i = 0; i < pair->own->outputs.n; i++)
        if (!find_pair(pairs, pair->own->outputs.items[i].to)) return true;
    return false;
}

/* Consumers that are not replaced too now read the other operator. */
static laminar_status move_exits(struct circuit *circuit, const struct op_pairs *pairs,
                                 const struct op_pair *pair, struct laminar_error *err)
{
    for (size_t i = 0; i < pair->own->outputs.n;) {
        struct op_edge edge = pair->own->outputs.items[i];
        if (find_pair(pairs, edge.to)) {
            i++;
            continue;
        }
        circuit_unlink(pair->own, edge.to, edge.port);
        laminar_status status = circuit_connect(circuit, pair->other, edge.to, edge.port, err);
        if (status != LAMINAR_OK) return status; /* the part is taken out by the caller */
    }
    return LAMINAR_OK;
}

laminar_status circuit_adopt(struct circuit *circuit, struct circuit_part *part,
                             const struct op_pairs *pairs, struct laminar_error *err)
{
    for (size_t i = 0; i < pairs->list.n; i++) {
        laminar_status status = move_exits(circuit, pairs, &pairs->list.items[i], err);
        if (status != LAMINAR_OK) return status;
    }
    for (size_t i = 0; i < part->ops.n; i++) {
        const struct op_pair *pair = find_pair(pairs, part->ops.items[i]);
        if (!pair) continue;
        part->ops.items[i] = pair->other;
        pair->other->n_parts++;
        pair->other->n_lasting += part->is_lasting;
    }
    for (uint32_t i = 0; i < part->n_scans; i++) {
        const struct op_pair *pair = find_pair(pairs, part->scans[i]);
        if (pair) part->scans[i] = pair->other;
    }
    const struct op_pair *root = find_pair(pairs, part->root);
    if (root) part->root = root->other;
    for (size_t i = pairs->list.n; i-- > 0;) circuit_remove_op(circuit, pairs->list.items[i].own);
    return LAMINAR_OK;
}

void circuit_build_apart(struct circuit *circuit, bool is_apart)
{
    circuit->builds_apart = is_apart;
}

void circuit_make_lasting(struct circuit_part *part)
{
    part->is_lasting = true;
    for (size_t i = 0; i < part->ops.n; i++) part->ops.items[i]->n_lasting++;
}
