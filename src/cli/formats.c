#include "cli/cli.h"

#include <jansson.h>

static int run(const cli_call *call) {
    static const char *const headings[] = {"format", "reads", "writes", "extensions", "what it is"};
    json_t *list = json_array();
    cli_table *table = cli_table_new("lllll", headings);
    for (size_t i = 0; i < ig_format_count(); i++) {
        ig_format_info f = ig_format_at(i);
        cli_table_cell(table, "%s", f.name);
        cli_table_cell(table, "%s", f.reads ? "yes" : "no");
        cli_table_cell(table, "%s", f.writes ? "yes" : "no");
        cli_table_cell(table, "%s", f.extensions);
        cli_table_cell(table, "%s", f.title);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b,s:b}", "name", f.name, "title", f.title, "extensions",
                                              f.extensions, "reads", f.reads, "writes", f.writes));
    }
    if (call->json) {
        cli_table_free(table);
        cli_json_print(json_pack("{s:o}", "formats", list));
        return CLI_DONE;
    }
    cli_table_print(table, "", stdout);
    json_decref(list);
    return CLI_DONE;
}

const cli_command cli_formats = {
    .arguments = "",
    .description =
        "Lists the formats of model files, what igata can do with each, and the extensions that name them. A file's format is "
        "found by its content first.",
    .examples = {{"igata formats", "a table of the formats"}, {"igata formats --json", "the same for programs"}},
    .run = run,
};
