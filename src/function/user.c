/* user.c - the library of a database's registered functions: see user.h. */
#include "base/array.h"
#include "base/strmap.h"
#include "base/thread.h"
#include "function/user_internal.h"
#include "vector/arrow.h"
#include <stdatomic.h>

struct function_library {
    _Atomic uint32_t refs; /* the database, and each definition */
    struct mutex lock;
    struct strmap names; /* lower-case name -> struct user_function, referenced */
    /* threads inside a call-back, once for each call */
    ARRAY_OF(uint64_t) callers;
    _Atomic uint32_t n_callers;
};

struct function_library *function_library_create(void)
{
    struct function_library *library = mem_calloc(1, sizeof *library);
    if (!library) return NULL;
    atomic_init(&library->refs, 1);
    mutex_init(&library->lock);
    return library;
}

static void library_release(struct function_library *library)
{
    if (atomic_fetch_sub_explicit(&library->refs, 1, memory_order_acq_rel) != 1) return;
    strmap_deinit(&library->names);
    ARRAY_DEINIT(&library->callers);
    mutex_deinit(&library->lock);
    mem_free(library);
}

void function_library_unref(struct function_library *library)
{
    if (!library) return;
    struct user_function *f;
    for (size_t i = 0; (f = strmap_next(&library->names, &i, NULL));) user_function_unref(f);
    strmap_deinit(&library->names);
    library->names = (struct strmap){0};
    library_release(library);
}

/* --- Definitions -------------------------------------------------------------------------------- */

struct user_function *user_function_ref(struct user_function *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

static void definition_free(struct user_function *f)
{
    if (f->arrow_args.release) f->arrow_args.release(&f->arrow_args);
    if (f->arrow_result.release) f->arrow_result.release(&f->arrow_result);
    schema_unref(f->args_schema);
    schema_unref(f->result_schema);
    arena_deinit(&f->arena);
    mem_free(f);
}

void user_function_unref(struct user_function *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1) return;
    struct function_library *library = f->library;
    void (*destroy)(void *) = f->is_aggregate ? f->definition.destroy : f->function.destroy;
    void *user_data = f->is_aggregate ? f->definition.user_data : f->function.user_data;
    laminar_status entered = library && destroy ? user_enter(f, NULL) : LAMINAR_OUT_OF_MEMORY;
    if (destroy) destroy(user_data);
    if (entered == LAMINAR_OK) user_leave(f);
    definition_free(f);
    if (library) library_release(library);
}

void user_function_discard(struct user_function *f)
{
    if (f) definition_free(f);
}

static laminar_status print_signature(struct user_function *f, const char **out,
                                      struct laminar_error *err)
{
    struct strbuf text = {0};
    strbuf_printf(&text, "%s(", f->name);
    for (uint32_t i = 0; i < f->n_args; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "", TYPE_TEXT(f->arg_types[i]));
    strbuf_printf(&text, ") -> %s", TYPE_TEXT(f->result));
    *out = text.failed ? NULL : arena_strndup(&f->arena, text.data, text.size);
    strbuf_deinit(&text);
    return *out ? LAMINAR_OK : error_oom(err);
}

static laminar_status make_schemas(struct user_function *f, struct laminar_error *err)
{
    laminar_status status;
    struct schema_column *columns = ARENA_ARRAY(&f->arena, struct schema_column, f->n_args + 1);
    if (!columns) TRY(error_oom(err));
    for (uint32_t i = 0; i < f->n_args; i++) {
        const char *name = arena_printf(&f->arena, "arg%u", i + 1);
        if (!name) TRY(error_oom(err));
        columns[i] = (struct schema_column){name, f->arg_types[i], true};
    }
    const struct schema_column result = {f->name, f->result, true};
    f->args_schema = schema_create(columns, f->n_args);
    f->result_schema = schema_create(&result, 1);
    if (!f->args_schema || !f->result_schema) TRY(error_oom(err));
    TRY(arrow_export_schema(f->args_schema, 0, &f->arrow_args, err));
    TRY(arrow_export_schema(f->result_schema, 0, &f->arrow_result, err));
done:
    return status;
}

static laminar_status create(const struct user_signature *signature, struct user_function **out,
                             const char **out_text, const char **out_help,
                             struct laminar_error *err)
{
    laminar_status status;
    struct user_function *f = mem_calloc(1, sizeof *f);
    if (!f) return error_oom(err);
    atomic_init(&f->refs, 1);
    f->n_args = signature->n_args;
    f->result = signature->result;
    f->name = arena_strndup(&f->arena, signature->name, strlen(signature->name));
    f->arg_types = ARENA_ARRAY(&f->arena, struct data_type, f->n_args + 1);
    const char *help = signature->help ? signature->help : "registered by the program";
    *out_help = arena_strndup(&f->arena, help, strlen(help));
    if (!f->name || !f->arg_types || !*out_help) TRY(error_oom(err));
    if (f->n_args) memcpy(f->arg_types, signature->arg_types, f->n_args * sizeof *f->arg_types);
    TRY(make_schemas(f, err));
    TRY(print_signature(f, out_text, err));
    *out = f;
    f = NULL;
done:
    user_function_discard(f);
    return status;
}

laminar_status user_function_create(const struct user_signature *signature,
                                    const laminar_function *definition, struct user_function **out,
                                    struct laminar_error *err)
{
    const char *text, *help;
    struct user_function *f;
    laminar_status status = create(signature, &f, &text, &help, err);
    if (status != LAMINAR_OK) return status;
    f->function = *definition;
    f->calls_on_null = definition->calls_on_null;
    f->scalar = (struct scalar_function){.name = f->name,
                                         .signature = text,
                                         .help = help,
                                         .n_args_min = (uint8_t)f->n_args,
                                         .n_args_max = (uint8_t)f->n_args,
                                         .bind = user_bind_scalar,
                                         .param = f};
    *out = f;
    return LAMINAR_OK;
}

laminar_status user_aggregate_create(const struct user_signature *signature,
                                     const laminar_aggregate *definition,
                                     struct user_function **out, struct laminar_error *err)
{
    const char *text, *help;
    struct user_function *f;
    laminar_status status = create(signature, &f, &text, &help, err);
    if (status != LAMINAR_OK) return status;
    f->is_aggregate = true;
    f->definition = *definition;
    f->calls_on_null = definition->calls_on_null;
    f->aggregate = (struct aggregate_function){.name = f->name,
                                               .signature = text,
                                               .help = help,
                                               .n_args_min = (uint8_t)f->n_args,
                                               .n_args_max = (uint8_t)f->n_args,
                                               .bind = user_bind_aggregate,
                                               .param = f};
    user_aggregate_kernels(f);
    *out = f;
    return LAMINAR_OK;
}

/* --- Names ---------------------------------------------------------------------------------------- */

laminar_status function_library_add(struct function_library *library, struct user_function *take,
                                    bool replaces, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t size = strlen(take->name);
    mutex_lock(&library->lock);
    struct user_function *old = strmap_get(&library->names, take->name, size);
    if (old && !replaces) {
        error_set(err, LAMINAR_QUERY_FAILED, "there is a function \"%s\" already", take->name);
        error_hint(err, "replace it, or drop it first");
        status = LAMINAR_QUERY_FAILED;
        old = NULL;
    } else if (!strmap_put(&library->names, take->name, size, take)) {
        status = error_oom(err);
        old = NULL;
    } else {
        take->library = library;
        atomic_fetch_add_explicit(&library->refs, 1, memory_order_relaxed);
    }
    mutex_unlock(&library->lock);
    user_function_unref(old);
    return status;
}

laminar_status function_library_remove(struct function_library *library, const char *name,
                                       struct laminar_error *err)
{
    mutex_lock(&library->lock);
    struct user_function *f = strmap_remove(&library->names, name, strlen(name));
    mutex_unlock(&library->lock);
    if (!f) {
        error_set(err, LAMINAR_QUERY_FAILED, "there is no registered function \"%s\"", name);
        error_hint(err, function_find(name) || aggregate_find(name) ? "it is a built-in one"
                                                                    : "SHOW FUNCTIONS lists all");
        return LAMINAR_QUERY_FAILED;
    }
    user_function_unref(f);
    return LAMINAR_OK;
}

static struct user_function *find(struct function_library *library, const char *name)
{
    if (!library) return NULL;
    mutex_lock(&library->lock);
    struct user_function *f = strmap_get(&library->names, name, strlen(name));
    if (f) user_function_ref(f);
    mutex_unlock(&library->lock);
    return f;
}

static bool has(struct function_library *library, const char *name, bool is_aggregate)
{
    if (!library) return false;
    mutex_lock(&library->lock);
    const struct user_function *f = strmap_get(&library->names, name, strlen(name));
    bool found = f && f->is_aggregate == is_aggregate;
    mutex_unlock(&library->lock);
    return found;
}

bool library_has_aggregate(struct function_library *library, const char *name)
{
    return has(library, name, true);
}

bool library_has_scalar(struct function_library *library, const char *name)
{
    return has(library, name, false);
}

static void release_function(void *object) { user_function_unref(object); }

/* The definition, held by the arena from here on; *out is NULL where there is none of that kind. */
static laminar_status find_for(struct function_library *library, const char *name,
                               bool is_aggregate, struct arena *arena, struct user_function **out,
                               struct laminar_error *err)
{
    struct user_function *f = find(library, name);
    *out = NULL;
    if (!f || f->is_aggregate != is_aggregate) {
        user_function_unref(f);
        return LAMINAR_OK;
    }
    if (!arena_on_release(arena, release_function, f)) {
        user_function_unref(f);
        return error_oom(err);
    }
    *out = f;
    return LAMINAR_OK;
}

laminar_status library_find_scalar(struct function_library *library, const char *name,
                                   struct arena *arena, const struct scalar_function **out,
                                   struct laminar_error *err)
{
    struct user_function *f;
    laminar_status status = find_for(library, name, false, arena, &f, err);
    *out = f ? &f->scalar : NULL;
    return status;
}

laminar_status library_find_aggregate(struct function_library *library, const char *name,
                                      struct arena *arena, const struct aggregate_function **out,
                                      struct laminar_error *err)
{
    struct user_function *f;
    laminar_status status = find_for(library, name, true, arena, &f, err);
    *out = f ? &f->aggregate : NULL;
    return status;
}

bool function_is_registered(const struct scalar_function *function)
{
    return function->bind == user_bind_scalar;
}

bool aggregate_is_registered(const struct aggregate_function *function)
{
    return function->bind == user_bind_aggregate;
}

void library_visit(struct function_library *library,
                   void (*visit)(void *ctx, const char *name, bool is_aggregate,
                                 const char *signature, const char *help),
                   void *ctx)
{
    const struct user_function *f;
    mutex_lock(&library->lock);
    for (size_t i = 0; (f = strmap_next(&library->names, &i, NULL));)
        visit(ctx, f->name, f->is_aggregate,
              f->is_aggregate ? f->aggregate.signature : f->scalar.signature,
              f->is_aggregate ? f->aggregate.help : f->scalar.help);
    mutex_unlock(&library->lock);
}

/* --- Callers ---------------------------------------------------------------------------------------- */

laminar_status user_enter(const struct user_function *f, struct laminar_error *err)
{
    struct function_library *library = f->library;
    mutex_lock(&library->lock);
    bool ok = ARRAY_PUSH(&library->callers, thread_self_id());
    if (ok) atomic_fetch_add_explicit(&library->n_callers, 1, memory_order_relaxed);
    mutex_unlock(&library->lock);
    return ok ? LAMINAR_OK : error_oom(err);
}

void user_leave(const struct user_function *f)
{
    struct function_library *library = f->library;
    uint64_t me = thread_self_id();
    mutex_lock(&library->lock);
    for (size_t i = library->callers.n; i-- > 0;) {
        if (library->callers.items[i] != me) continue;
        library->callers.items[i] = library->callers.items[--library->callers.n];
        break;
    }
    atomic_fetch_sub_explicit(&library->n_callers, 1, memory_order_relaxed);
    mutex_unlock(&library->lock);
}

bool function_library_is_calling(struct function_library *library)
{
    /* relaxed: a thread sees its own entry */
    if (!library || atomic_load_explicit(&library->n_callers, memory_order_relaxed) == 0)
        return false;
    uint64_t me = thread_self_id();
    bool found = false;
    mutex_lock(&library->lock);
    for (size_t i = 0; i < library->callers.n && !found; i++)
        found = library->callers.items[i] == me;
    mutex_unlock(&library->lock);
    return found;
}
