/* Inside of the surgery on models; include/igata/igata.h says what its functions do. */
#ifndef IG_SURGERY_SURGERY_H
#define IG_SURGERY_SURGERY_H

#include "graph/graph.h"

/* A value of the main graph; with err IG_E_ARGUMENT and a near name as the hint when there is none. */
ig_value *ig_surgery_value(ig_model *model, const char *name, ig_error *err);
/* Makes `outputs` (and nothing else) the outputs of the main graph. Those that were outputs keep what was said of them. */
ig_status ig_surgery_set_outputs(ig_model *model, ig_value *const *outputs, size_t n, ig_error *err);
/* Takes out nodes, weights and functions that nothing uses. */
ig_status ig_surgery_remove_dead(ig_model *model, ig_error *err);
/* Takes out functions that nothing calls. */
ig_status ig_surgery_remove_functions(ig_model *model, ig_error *err);
/* Takes out inputs that nothing reads. */
void ig_surgery_remove_unread_inputs(ig_model *model);
/* Outputs of the main graph whose type isn't declared get the inferred one, because files need one. */
void ig_surgery_settle_outputs(ig_model *model);

#endif
