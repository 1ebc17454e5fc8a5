/* The igata command. */
#include "cli/cli.h"

#include <string.h>

#define COMMAND(name, symbol, summary) extern const cli_command cli_##symbol;
#include "cli/commands.def"
#undef COMMAND

const cli_entry cli_commands[] = {
#define COMMAND(name, symbol, summary) {name, summary, &cli_##symbol},
#include "cli/commands.def"
#undef COMMAND
};
const size_t cli_command_count = CLI_COUNT(cli_commands);

const cli_entry *cli_find_command(const char *name) {
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0) return &cli_commands[i];
    return NULL;
}

static int dispatch(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word || strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        cli_print_overview(stdout);
        return CLI_DONE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("igata %s\n", ig_version());
        return CLI_DONE;
    }
    const cli_entry *e = cli_find_command(word);
    if (e) return cli_run_command(e, argc - 2, argv + 2);
    const char *near = cli_nearest(word, cli_commands, cli_command_count, sizeof *cli_commands);
    if (near) return cli_usage(NULL, "there is no command '%s'; did you mean %s?", word, near);
    return cli_usage(NULL, "there is no command '%s'", word);
}

int main(int argc, char **argv) {
    int code = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "igata: error: can't write the answer\n");
        if (code == CLI_DONE) code = CLI_INPUT;
    }
    return code;
}
