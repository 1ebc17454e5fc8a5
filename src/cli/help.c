/* Help texts and man pages, all from the same tables. */
#include "cli/cli.h"

#include <jansson.h>
#include <string.h>

typedef struct options {
    bool man;
} options;

static const char *const exit_codes[][2] = {
    {"0", "done"},
    {"1", "the answer is no: invalid, different"},
    {"2", "wrong use of the command"},
    {"3", "unreadable input, or output that can't be written"},
    {"4", "understood, but not supported"},
    {"5", "out of memory or another limit"},
};

static void print_wrapped(const char *text, const char *indent, FILE *out) {
    size_t width = 78 - strlen(indent);
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > width) {
            n = width;
            while (n > 1 && text[n] != ' ') n--;
        }
        fprintf(out, "%s%.*s\n", indent, (int)n, text);
        text += n;
        if (*text == ' ' || *text == '\n') text++;
    }
}

static void print_options(const cli_option *options, size_t n, FILE *out) {
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        char left[64], letter[8] = "    ";
        if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
        fprintf(out, "  %-28s  %s\n", left, o->help);
    }
}

void cli_print_help(const cli_entry *e, FILE *out) {
    const cli_command *c = e->command;
    fprintf(out, "igata %s: %s\n\nusage: igata %s%s%s [options]\n\n", e->name, e->summary, e->name, c->arguments[0] ? " " : "",
            c->arguments);
    print_wrapped(c->description, "", out);
    fprintf(out, "\noptions:\n");
    print_options(c->options, c->n_options, out);
    print_options(cli_common_options, cli_common_option_count, out);
    fprintf(out, "\nexamples:\n");
    for (size_t i = 0; i < CLI_COUNT(c->examples); i++) fprintf(out, "  %s\n      %s\n", c->examples[i][0], c->examples[i][1]);
    fprintf(out, "\nexit code:\n");
    for (size_t i = 0; i < CLI_COUNT(exit_codes); i++) fprintf(out, "  %s  %s\n", exit_codes[i][0], exit_codes[i][1]);
}

/* Text in roff: no line may start with a dot or quote, hyphens of options are minus signs. */
static void roff(const char *text, FILE *out) {
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\'')) fprintf(out, "\\&");
        if (*text == '-')
            fprintf(out, "\\-");
        else if (*text == '\\')
            fprintf(out, "\\e");
        else
            fputc(*text, out);
        start = *text == '\n';
        if (start && text[1] == '\n') fprintf(out, ".PP"); /* an empty line parts paragraphs */
    }
}

static void man_options(const cli_option *options, size_t n, FILE *out) {
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        fprintf(out, ".TP\n");
        if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
        fprintf(out, "\\fB\\-\\-");
        roff(o->name, out);
        fprintf(out, "\\fR");
        if (o->value) fprintf(out, " \\fI%s\\fR", o->value);
        fprintf(out, "\n");
        roff(o->help, out);
        fprintf(out, "\n");
    }
}

void cli_print_man(const cli_entry *e, FILE *out) {
    const cli_command *c = e->command;
    char upper[32];
    size_t n = 0;
    for (; e->name[n] && n + 1 < sizeof upper; n++)
        upper[n] = (char)(e->name[n] >= 'a' && e->name[n] <= 'z' ? e->name[n] - 'a' + 'A' : e->name[n]);
    upper[n] = 0;
    fprintf(out, ".TH IGATA\\-%s 1 \"\" \"igata %s\" \"User Commands\"\n", upper, ig_version());
    fprintf(out, ".SH NAME\nigata\\-%s \\- ", e->name);
    roff(e->summary, out);
    fprintf(out, "\n.SH SYNOPSIS\n.B igata %s\n", e->name);
    if (c->arguments[0]) {
        roff(c->arguments, out);
        fprintf(out, "\n");
    }
    fprintf(out, "[options]\n.SH DESCRIPTION\n");
    roff(c->description, out);
    fprintf(out, "\n.SH OPTIONS\n");
    man_options(c->options, c->n_options, out);
    man_options(cli_common_options, cli_common_option_count, out);
    fprintf(out, ".SH EXAMPLES\n");
    for (size_t i = 0; i < CLI_COUNT(c->examples); i++) {
        fprintf(out, ".TP\n.B ");
        roff(c->examples[i][0], out);
        fprintf(out, "\n");
        roff(c->examples[i][1], out);
        fprintf(out, "\n");
    }
    fprintf(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < CLI_COUNT(exit_codes); i++) {
        fprintf(out, ".TP\n%s\n", exit_codes[i][0]);
        roff(exit_codes[i][1], out);
        fprintf(out, "\n");
    }
}

void cli_print_overview(FILE *out) {
    fprintf(out,
            "igata %s: AI model files of every kind, opened, checked, run and measured\n\nusage: igata COMMAND [options]\n\n",
            ig_version());
    for (size_t i = 0; i < cli_command_count; i++) fprintf(out, "  %-12s %s\n", cli_commands[i].name, cli_commands[i].summary);
    fprintf(out, "\n`igata COMMAND -h` shows a command's options and examples; `igata --version` the version.\n");
}

static void add_options(json_t *list, const cli_option *options, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        const char letter[] = {o->letter, 0};
        json_array_append_new(list, json_pack("{s:s,s:s?,s:s?,s:s,s:s?}", "name", o->name, "letter", o->letter ? letter : NULL,
                                              "value", o->value, "help", o->help, "choices", o->choices));
    }
}

static json_t *entry_json(const cli_entry *e) {
    const cli_command *c = e->command;
    json_t *options = json_array(), *examples = json_array();
    add_options(options, c->options, c->n_options);
    add_options(options, cli_common_options, cli_common_option_count);
    for (size_t i = 0; i < CLI_COUNT(c->examples); i++)
        json_array_append_new(examples, json_pack("{s:s,s:s}", "command", c->examples[i][0], "does", c->examples[i][1]));
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "name", e->name, "summary", e->summary, "arguments", c->arguments,
                     "description", c->description, "options", options, "examples", examples);
}

static int run(const cli_call *call) {
    const options *o = call->options;
    const cli_entry *e = call->n ? cli_find_command(call->operands[0]) : NULL;
    if (call->n && !e) return cli_usage("help", "there is no command '%s'", call->operands[0]);
    if (call->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < cli_command_count && !e; i++) json_array_append_new(list, entry_json(&cli_commands[i]));
        cli_json_print(e ? entry_json(e) : json_pack("{s:O}", "commands", list));
        json_decref(list);
    } else if (!e)
        cli_print_overview(stdout);
    else
        (o->man ? cli_print_man : cli_print_help)(e, stdout);
    return CLI_DONE;
}

static const cli_option table[] = {
    CLI_OPTION(options, man, "man", 0, CLI_FLAG, NULL, "print the man page's source (roff)"),
};

const cli_command cli_help = {
    .arguments = "[COMMAND]",
    .description = "Shows what a command does, its options and examples. Without a command it lists them all.",
    .most = 1,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata help run", "options and examples of igata run"},
                 {"igata help --man run > igata-run.1", "its man page"}},
    .run = run,
};
