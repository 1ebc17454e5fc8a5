/* Matrix products. */
#include "autodiff/autodiff.h"

#include <ctype.h>
#include <stdio.h>

/* The text of a transposition of the last two of `rank` axes. */
static void swap_text(char *text, size_t size, int rank) {
    size_t n = 0;
    for (int i = 0; i < rank; i++) {
        int axis = i < rank - 2 ? i : i == rank - 2 ? rank - 1 : rank - 2;
        n += (size_t)snprintf(text + n, size - n, "%d, ", axis);
    }
}

/* Vectors are taken for matrices of one row or column. */
void ig_gradient_matmul(ig_sketch *s, const ig_node *node) {
    char swap_a[256], swap_b[256];
    int a = ig_gradient_rank(s, "x0"), b = ig_gradient_rank(s, "x1");
    IG_UNUSED(node);
    if (a < 1 || b < 1) {
        ig_gradient_unsupported(s, "the ranks of its inputs are unknown");
        return;
    }
    ig_sketch_run(s, a == 1 ? "a = Unsqueeze(x0, [0])" : "a = x0");
    ig_sketch_run(s, b == 1 ? "b = Unsqueeze(x1, [1])" : "b = x1");
    ig_sketch_run(s, a == 1 && b == 1 ? "q = Reshape(g, [1, 1])"
                     : a == 1         ? "q = Unsqueeze(g, [-2])"
                     : b == 1         ? "q = Unsqueeze(g, [-1])"
                                      : "q = g");
    swap_text(swap_a, sizeof swap_a, a == 1 ? 2 : a);
    swap_text(swap_b, sizeof swap_b, b == 1 ? 2 : b);
    ig_sketch_run(s, "d0 = Reshape(like(MatMul(q, Transpose<perm=[%s]>(b)), a), Shape(x0))", swap_b);
    ig_sketch_run(s, "d1 = Reshape(like(MatMul(Transpose<perm=[%s]>(a), q), b), Shape(x1))", swap_a);
}

void ig_gradient_gemm(ig_sketch *s, const ig_node *node) {
    int ta = ig_attr_int(node, "transA") != 0, tb = ig_attr_int(node, "transB") != 0;
    ig_sketch_run(s, ta ? "d0 = Gemm<alpha=@alpha, transA=%d, transB=1>(x1, g)" : "d0 = Gemm<alpha=@alpha, transB=%d>(g, x1)",
                  ta ? tb : !tb);
    ig_sketch_run(s, tb ? "d1 = Gemm<alpha=@alpha, transA=1, transB=%d>(g, x0)" : "d1 = Gemm<alpha=@alpha, transA=%d>(x0, g)",
                  tb ? ta : !ta);
    if (ig_gradient_wanted(s, 2)) ig_sketch_run(s, "d2 = like(g * @beta, x2)");
}

typedef struct equation {
    char part[3][64]; /* the operands' letters, then the result's */
    size_t n_operands;
} equation;

/* Letters only: "ab, bc -> ac", with the result given. */
static bool parse_equation(ig_str text, equation *e) {
    size_t part = 0, n = 0;
    bool arrow = false;
    *e = (equation){0};
    for (size_t i = 0; i < text.n; i++) {
        char c = text.s[i];
        if (c == ' ') continue;
        if (isalpha((unsigned char)c)) {
            if (n + 1 >= sizeof e->part[0] || strchr(e->part[part], c)) return false; /* a diagonal */
            e->part[part][n++] = c;
        } else if (c == ',' && part == 0 && !arrow) {
            part = 1;
            n = 0;
        } else if (c == '-' && i + 1 < text.n && text.s[i + 1] == '>' && !arrow) {
            e->n_operands = part + 1;
            arrow = true;
            part = 2;
            n = 0;
            i++;
        } else {
            return false;
        }
    }
    return arrow;
}

/* A sum over a letter that only one operand has is a product with ones. */
static bool letters_in(const char *letters, const char *a, const char *b) {
    for (; *letters; letters++)
        if (!strchr(a, *letters) && !strchr(b, *letters)) return false;
    return true;
}

void ig_gradient_einsum(ig_sketch *s, const ig_node *node) {
    equation e;
    if (!parse_equation(ig_attr_str(node, "equation"), &e) || e.n_operands != node->n_in) {
        ig_gradient_unsupported(s, "its equation has more than two operands, diagonals, ellipses or no result");
        return;
    }
    for (unsigned i = 0; i < e.n_operands; i++) {
        const char *own = e.part[i], *other = e.n_operands == 2 ? e.part[1 - i] : "", *result = e.part[2];
        const char *operands = e.n_operands == 2 ? i ? "g, x0" : "g, x1" : "g";
        if (letters_in(own, result, other))
            ig_sketch_run(s, "d%u = Einsum<equation='%s%s%s->%s'>(%s)", i, result, e.n_operands == 2 ? "," : "", other, own,
                          operands);
        else if (e.n_operands == 1)
            ig_sketch_run(s, "d0 = Einsum<equation='%s,%s->%s'>(g, ones(x0))", result, own, own);
        else
            ig_gradient_unsupported(s, "an operand is summed over an index of its own");
    }
}
