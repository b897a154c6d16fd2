const W = [[1, 2, 3], [4, 5, 6]], DZ = [2, -1], XS = ["x0", "x1", "x2"], FORMS = ["I⊗xᵀ", "xᵀ⊗I"];
const SIX = [0, 1, 2, 3, 4, 5];

// Where the k-th entry of vec(W) stands in W.
const place = (order, k) => (order === "rows" ? [Math.floor(k / 3), k % 3] : [k % 2, Math.floor(k / 2)]);
const compute = (state) => {
  const x = XS.map((key) => state[key]), vec = SIX.map((k) => { const [i, j] = place(state.order, k); return W[i][j]; });
  const forms = { [FORMS[0]]: [0, 1].map((i) => SIX.map((k) => (Math.floor(k / 3) === i ? x[k % 3] : 0))),
    [FORMS[1]]: [0, 1].map((i) => SIX.map((k) => (k % 2 === i ? x[Math.floor(k / 2)] : 0))) };
  const K = forms[state.form], result = [[0, 0, 0], [0, 0, 0]];
  SIX.forEach((k) => { const [i, j] = place(state.order, k); result[i][j] = sum(DZ.map((g, r) => K[r][k] * g)); });
  const z = W.map((row) => sum(row.map((w, j) => w * x[j]))), product = K.map((row) => sum(row.map((v, k) => v * vec[k])));
  const dW = DZ.map((g) => x.map((v) => g * v)), same = (a, b) => a.flat().every((v, i) => v === b.flat()[i]);
  return { x, vec, forms, z, product, dW, result, zRight: same(product, z), dRight: same(result, dW) };
};

const whole = (rows) => rows.map((row) => row.map((v) => fixed(v, 0)));
const sketch = (state, now) => {
  const { x, vec, forms, z, product, dW, result, zRight, dRight } = now, [i, j] = place(state.order, state.entry), parts = [];
  const mark = (hit, as = "value") => (hit ? { fill: as, bold: true } : {});
  const note = (x, y, string, options = {}) => text(x, y, string, { sans: true, size: 12.5, anchor: "start", ...options });
  // W and x, and the order in which vec reads W
  parts.push(note(8, 16, "W"), matrix(8, 24, whole(W), { look: (r, c) => mark(r === i && c === j) }),
    note(136, 16, "x"), matrix(136, 24, whole(x.map((v) => [v])), { cell: 30, look: (r) => mark(r === j, "good") }),
    note(196, 16, "W x"), matrix(196, 24, whole(z.map((v) => [v])), { cell: 42, look: (r) => mark(r === i, "gradient") }),
    note(264, 16, "dz"), matrix(264, 24, whole(DZ.map((v) => [v])), { cell: 36 }));
  parts.push(note(8, 122, `vec(W), read by ${state.order} (a column, written as a row)`),
    matrix(8, 130, whole([vec]), { cell: 28, look: (r, c) => mark(c === state.entry) }));
  FORMS.forEach((form, n) => {
    const left = 8 + 176 * n, chosen = form === state.form;
    parts.push(note(left, 184, `K = ${form}${chosen ? ", chosen" : ""}`, { bold: chosen }),
      matrix(left, 194, whole(forms[form]), { cell: 27, look: (r, c) => ({ ...(c === state.entry ? { fill: chosen ? "value" : "quiet" } : {}), bold: chosen }) }));
    if (chosen) parts.push(rect(left - 6, 168, 174, 76, { as: "none", alpha: 0, line: "value", rx: 6, width: 1.8 }));
  });
  const verdict = (x, y, right) => text(x, y, right ? "✓ right" : "✗ wrong", { as: right ? "good" : "bad", bold: true, anchor: "start" });
  parts.push(note(8, 274, "K vec(W)"), matrix(8, 282, whole(product.map((v) => [v])), { cell: 46, look: () => ({ as: zRight ? "good" : "bad" }) }),
    text(66, 308, zRight ? "=" : "≠"), matrix(78, 282, whole(z.map((v) => [v])), { cell: 46 }), note(80, 274, "W x"), verdict(8, 348, zRight));
  parts.push(note(140, 274, "K.T dz, put back"), matrix(140, 282, whole(result), { cell: 31, look: () => ({ as: dRight ? "good" : "bad" }) }),
    text(244, 308, dRight ? "=" : "≠"), matrix(255, 282, whole(dW), { cell: 31 }), note(256, 274, "dz x.T"), verdict(140, 348, dRight));
  return svg(358, 358, `W, its vec by ${state.order}, the two Kronecker products, and what ${state.form} gives`, parts, 500);
};

export default figure(
  ["order", "form", "entry", ...XS],
  [choice("order", "vec reads W by", [["rows", "rows"], ["columns", "columns"]]), choice("form", "K is", FORMS.map((f) => [f, f])),
    slider("entry", { name: "follow entry", min: 0, max: 5 }), ...XS.map((key) => slider(key, { min: -3, max: 3 }))],
  (state) => {
    const now = compute(state), { x, vec, forms, z, product, dW, result, zRight, dRight } = now, k = state.entry, [i, j] = place(state.order, k);
    const column = forms[state.form].map((row) => row[k]);
    const [row, of] = state.form === FORMS[0] ? [Math.floor(k / 3), k % 3] : [k % 2, Math.floor(k / 2)];
    const fits = row === i && of === j;
    const rows = (m) => m.map((r) => listed(r, 0)).join(" ");
    const pair = state.order === "rows" === (state.form === FORMS[0]);
    const luck = pair || !(zRight || dRight) ? "." : zRight && dRight ? ", but this x hides it." : ", but this x hides a part of it.";
    return {
      says: `K vec(W) = ${listed(product, 0)} and W x = ${listed(z, 0)}: the two orders ${pair ? "belong together" : "are mixed"}${luck} ` +
        `Entry ${k} of vec(W) is W[${i},${j}] = ${vec[k]}; column ${k} of ${state.form} is ${listed(column, 0)}, x${of} in row ${row}: ` +
        (fits ? "right for that entry." : `but that entry needs x${j} in row ${i}.`),
      picture: sketch(state, now),
      words: [`W = ${rows(W)}, x = ${listed(x, 0)}, dz = ${listed(DZ, 0)}`,
        `vec(W) by ${state.order} = ${listed(vec, 0)}; its entry ${k} is W[${i},${j}]`,
        ...FORMS.map((form) => `K = ${form}: ${rows(forms[form])}`), `chosen: vec by ${state.order} with K = ${state.form}`,
        `K vec(W) = ${listed(product, 0)}, W x = ${listed(z, 0)}: ${zRight ? "right" : "wrong"}`,
        `K.T dz by ${state.order} = ${rows(result)}, dz x.T = ${rows(dW)}: ${dRight ? "right" : "wrong"}`],
    };
  },
);
