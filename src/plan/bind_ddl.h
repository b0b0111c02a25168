/* bind_ddl.h - a CREATE statement while it becomes a relation. */
#ifndef PLAN_BIND_DDL_H
#define PLAN_BIND_DDL_H

#include "plan/bind.h"

struct ddl {
    struct plan_context *ctx;
    struct relation *relation; /* owned; its arena holds what it keeps */
    uint32_t offset;           /* of the relation's name */
    struct source_shape shape; /* what a source's connector knows; no columns: there is none */
};

/* Options, connector, format and retention. connector and format may be NULL. */
laminar_status ddl_set_options(struct ddl *d, const struct ast_connector *connector,
                               const struct ast_connector *format,
                               const struct ast_option_list *options) must_check;

#endif
