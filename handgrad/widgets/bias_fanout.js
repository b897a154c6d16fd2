const S = [1, -0.6, 2.3, 0.2, -1.7, 0.8];
const GRADIENTS = ["g0", "g1", "g2", "g3", "g4", "g5"];
const terms = (values) => values.map((g) => (g < 0 ? `(${fixed(g, 1)})` : fixed(g, 1))).join(" + ");
const added = (values) => (values.length > 1 ? `${terms(values)} = ` : "") + fixed(sum(values), 1);

const compute = (state) => {
  const s = S.slice(0, state.N), dout = GRADIENTS.slice(0, state.N).map((key) => state[key]);
  return { s, dout, out: s.map((v) => v + state.b), db: sum(dout) };
};

const sketch = (state, { s, dout, out, db }, changed) => {
  const pitch = 68, N = state.N, high = Math.max(N * pitch + 20, 150), parts = [];
  const middle = high / 2, first = middle - ((N - 1) * pitch) / 2, thick = (g) => 1.2 + 2.4 * Math.abs(g);
  const label = (x, y, above, below, bold = false) => [text(x, y - 6, above, { as: "value" }), text(x, y + 16, below, { as: "gradient", bold })];
  parts.push(rect(4, middle - 16, 36, 32, { as: changed === "b" ? "value" : "quiet", line: "value", rx: 2 }), text(22, middle + 5, "b", { bold: true }));
  parts.push(path(`M40 ${middle} H92`), label(66, middle, fixed(state.b, 1), fixed(db, 1), true),
    text(66, middle + 34, "db = sum", { size: 12, sans: true, as: "gradient" }), text(66, middle + 49, `of ${N}`, { size: 12, sans: true, as: "gradient" }));
  s.forEach((v, n) => {
    const y = first + n * pitch, moved = changed === `g${n}`;
    parts.push(path(N === 1 ? `M92 ${y} H188` : `M92 ${middle} C120 ${middle} 104 ${y} 136 ${y} H188`), head(190, y));
    // back along the same edge, as thick as what flows
    parts.push(path(N === 1 ? `M190 ${y + 4} H96` : `M190 ${y + 4} H136 C104 ${y + 4} 120 ${middle + 4} 94 ${middle + 4}`, { as: "gradient", width: thick(dout[n]), dash: "5 3", alpha: 0.75 }));
    parts.push(text(160, y - 6, fixed(state.b, 1), { as: "value" }), text(160, y + 20, fixed(dout[n], 1), { as: "gradient", bold: moved }));
    parts.push(path(`M205 ${y - 34} V${y - 16}`), head(205, y - 14, 0, 1), text(212, y - 26, `s${n} = ${fixed(v, 1)}`, { size: 12, anchor: "start" }));
    parts.push(rect(191, y - 14, 28, 28, { rx: 8, as: moved ? "gradient" : "quiet" }), text(205, y + 5, "+"));
    parts.push(path(`M219 ${y} H272`), head(274, y), label(244, y, fixed(out[n], 1), fixed(dout[n], 1), moved), text(282, y + 5, `out${n}`, { anchor: "start" }));
  });
  return svg(330, high + 10, `b goes to ${N} samples; their gradients are added to db = ${fixed(db, 1)}`, [`<g transform="translate(0 10)">${parts.flat(9).join("")}</g>`], 440);
};

export default figure(
  ["N", "b", ...GRADIENTS],
  [slider("N", { min: 1, max: 6 }), slider("b", { min: -2, max: 2, step: 0.1, digits: 1 }),
    ...GRADIENTS.map((key, n) => slider(key, { name: `dout${n}`, min: -2, max: 2, step: 0.1, digits: 1, hidden: (state) => n >= state.N }))],
  (state, wide, changed) => {
    const now = compute(state), { s, dout, out, db } = now, N = state.N;
    const end = `db = ${added(dout)}.`;
    const says = changed === "b" ? `b = ${fixed(state.b, 1)}: every output moves, no gradient does; ${end}`
      : changed?.[0] === "g" ? `dout${changed[1]} = ${fixed(state[changed], 1)}, and all of it arrives at b: ${end}`
      : `b is used ${N} time${N > 1 ? "s" : ""}, so ${N > 1 ? `${N} gradients are added` : "one gradient comes back"}: ${end}`;
    return { says, picture: sketch(state, now, changed),
      words: [`b = ${fixed(state.b, 1)} is used ${N} time${N > 1 ? "s" : ""}`,
        ...s.map((v, n) => `sample ${n}: out = ${fixed(v, 1)} + ${fixed(state.b, 1)} = ${fixed(out[n], 1)}; dout ${fixed(dout[n], 1)} goes to b`),
        `db = ${added(dout)}`] };
  },
);
