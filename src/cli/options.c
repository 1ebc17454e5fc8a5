/* Options by table: --name value, --name=value, -x value, -xvalue; "--" ends them. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct common {
    bool json, help;
} common;

const cli_option cli_common_options[] = {
    CLI_OPTION(common, json, "json", 0, CLI_FLAG, NULL, "print the answer as JSON"),
    CLI_OPTION(common, help, "help", 'h', CLI_FLAG, NULL, "show this help"),
};
const size_t cli_common_option_count = CLI_COUNT(cli_common_options);

/* Edits (insert, drop, change, swap neighbours) from one word to another: Damerau's distance, bounded in length. */
static size_t distance(const char *a, const char *b) {
    enum { MAX = 31 };
    size_t n = strlen(a), m = strlen(b), d[MAX + 1][MAX + 1];
    if (n > MAX || m > MAX) return MAX;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

const char *cli_nearest(const char *word, const void *list, size_t n, size_t stride) {
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2; /* more edits than that is another word */
    for (size_t i = 0; i < n; i++) {
        const char *name = *(const char *const *)(const void *)((const char *)list + i * stride);
        size_t d = distance(word, name);
        if (strncmp(name, word, strlen(word)) == 0 && d > 1) d = 1; /* the beginning of a name */
        if (d >= best_distance) continue;
        best_distance = d;
        best = name;
    }
    return best;
}

typedef struct parser {
    const cli_entry *entry;
    int argc, at;
    char **argv;
    char *values; /* the command's struct */
    common common;
} parser;

static const cli_option *find(const parser *p, const char *name, size_t n, char letter, bool *is_common) {
    const struct {
        const cli_option *options;
        size_t n;
    } tables[] = {{p->entry->command->options, p->entry->command->n_options}, {cli_common_options, cli_common_option_count}};
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const cli_option *o = &tables[t].options[i];
            bool hit = name ? strlen(o->name) == n && memcmp(o->name, name, n) == 0 : o->letter == letter;
            if (!hit) continue;
            *is_common = t == 1;
            return o;
        }
    return NULL;
}

static int unknown(const parser *p, const char *argument) {
    char word[64];
    const cli_command *c = p->entry->command;
    const char *name = argument + strspn(argument, "-");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "="), name);
    const char *near = argument[1] == '-' ? cli_nearest(word, c->options, c->n_options, sizeof *c->options) : NULL;
    if (!near && argument[1] == '-') near = cli_nearest(word, cli_common_options, cli_common_option_count, sizeof *c->options);
    if (near) return cli_usage(p->entry->name, "unknown option '%s'; did you mean --%s?", argument, near);
    return cli_usage(p->entry->name, "unknown option '%s'", argument);
}

static bool is_choice(const char *choices, const char *value) {
    size_t n = strlen(value);
    for (const char *c = choices; n && *c; c += strspn(c, " ")) {
        size_t length = strcspn(c, " ");
        if (length == n && memcmp(c, value, n) == 0) return true;
        c += length;
    }
    return false;
}

static int set(parser *p, const cli_option *o, bool is_common, const char *value) {
    char *field = (is_common ? (char *)&p->common : p->values) + o->at, *end;
    double number;
    cli_list *list = (cli_list *)(void *)field;
    if (o->choices && !is_choice(o->choices, value))
        return cli_usage(p->entry->name, "--%s is one of: %s", o->name, o->choices);
    switch (o->kind) {
    case CLI_FLAG: *(bool *)field = true; return CLI_DONE;
    case CLI_TEXT: memcpy(field, &value, sizeof value); return CLI_DONE;
    case CLI_LIST:
        if (!list->items) list->items = cli_alloc((size_t)p->argc * sizeof *list->items);
        list->items[list->n++] = value;
        return CLI_DONE;
    default: break;
    }
    errno = 0;
    number = strtod(value, &end);
    if (end == value || *end || errno || number != number)
        return cli_usage(p->entry->name, "--%s wants a number, not '%s'", o->name, value);
    if (o->kind == CLI_NUMBER) {
        memcpy(field, &number, sizeof number);
        return CLI_DONE;
    }
    int64_t whole = strtoll(value, &end, 10);
    if (*end || errno || whole < 0) return cli_usage(p->entry->name, "--%s wants a whole number, not '%s'", o->name, value);
    memcpy(field, &whole, sizeof whole);
    return CLI_DONE;
}

/* One argument that starts with a dash; *p->at stands at it and moves past what it takes. */
static int option(parser *p) {
    char *argument = p->argv[p->at++];
    bool is_long = argument[1] == '-', is_common = false;
    const char *equals = is_long ? strchr(argument, '=') : NULL;
    const char *value = equals ? equals + 1 : !is_long && argument[2] ? argument + 2 : NULL;
    size_t n = is_long ? (equals ? (size_t)(equals - argument) : strlen(argument)) - 2 : 0;
    const cli_option *o = find(p, is_long ? argument + 2 : NULL, n, argument[1], &is_common);
    if (!o) return unknown(p, argument);
    if (o->kind == CLI_FLAG && value) return cli_usage(p->entry->name, "--%s takes no value", o->name);
    if (o->kind != CLI_FLAG && !value) {
        if (p->at >= p->argc) return cli_usage(p->entry->name, "--%s wants %s behind it", o->name, o->value);
        value = p->argv[p->at++];
    }
    return set(p, o, is_common, value);
}

static int check_operands(const cli_entry *entry, size_t n) {
    const cli_command *c = entry->command;
    if (n < c->least) return cli_usage(entry->name, "%s is missing", n ? "an argument" : c->arguments);
    if (n > c->most) return cli_usage(entry->name, "%zu arguments are too many", n);
    return CLI_DONE;
}

int cli_run_command(const cli_entry *entry, int argc, char **argv) {
    parser p = {.entry = entry, .argc = argc, .argv = argv};
    p.values = cli_alloc(entry->command->options_size + 1);
    const char **operands = cli_alloc(((size_t)argc + 1) * sizeof *operands);
    size_t n = 0;
    bool ended = false;
    int code = CLI_DONE;
    while (p.at < argc && code == CLI_DONE) {
        const char *argument = argv[p.at];
        bool dash = !ended && argument[0] == '-' && argument[1];
        if (dash && strcmp(argument, "--") == 0) {
            ended = true;
            p.at++;
        } else if (dash)
            code = option(&p);
        else {
            operands[n++] = argument;
            p.at++;
        }
    }
    if (p.common.help && code == CLI_DONE)
        cli_print_help(entry, stdout);
    else {
        if (code == CLI_DONE) code = check_operands(entry, n);
        const cli_call call = {.operands = operands, .n = n, .options = p.values, .json = p.common.json};
        if (code == CLI_DONE) code = entry->command->run(&call);
    }
    for (size_t i = 0; i < entry->command->n_options; i++)
        if (entry->command->options[i].kind == CLI_LIST)
            free(((cli_list *)(void *)(p.values + entry->command->options[i].at))->items);
    free(operands);
    free(p.values);
    return code;
}
