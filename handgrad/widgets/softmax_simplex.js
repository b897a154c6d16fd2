const LOGITS = ["z0", "z1", "z2"];

const compute = (state) => {
  const z = LOGITS.map((key) => state[key]), top = Math.max(...z), e = z.map((v) => Math.exp(v - top)), rowsum = sum(e);
  const y = z.map((_, k) => (k === state.target ? 1 : 0)), p = e.map((v) => v / rowsum);
  return { z, y, p, dz: p.map((v, k) => v - y[k]), loss: Math.log(rowsum) - (z[state.target] - top) };
};

const CORNERS = [[34, 246], [316, 246], [175, 22]];
const at = (p) => [0, 1].map((axis) => sum(p.map((v, k) => v * CORNERS[k][axis])));

const triangle = ({ p }, target) => {
  const parts = [path(`M${CORNERS.map((c) => c.join(" ")).join(" L")} Z`, { width: 1.6 })];
  for (const t of [0.25, 0.5, 0.75]) for (const k of [0, 1, 2]) { // where p_k is t
    const a = [0, 0, 0], b = [0, 0, 0];
    a[k] = b[k] = t; a[(k + 1) % 3] = b[(k + 2) % 3] = 1 - t;
    parts.push(path(`M${at(a).join(" ")} L${at(b).join(" ")}`, { alpha: t === 0.5 ? 0.35 : 0.16, width: 1 }));
  }
  CORNERS.forEach(([x, y], k) => parts.push(dot(x, y, k === target ? 6 : 3.5, { as: k === target ? "good" : "quiet" }),
    text(x + (k === 2 ? 12 : 0), y + (k === 2 ? 0 : 24), `class ${k}${k === target ? " = label" : ""}`,
      { as: k === target ? "good" : "text", bold: k === target, anchor: ["start", "end", "start"][k], sans: true })));
  const [x, y] = at(p), [u, v] = CORNERS[target], long = Math.hypot(x - u, y - v);
  if (long > 16) {
    const tip = [x - (x - u) / long * 7, y - (y - v) / long * 7];
    parts.push(path(`M${u} ${v} L${tip.join(" ")}`, { as: "gradient", width: 3 }), head(tip[0] + (x - u) / long * 3, tip[1] + (y - v) / long * 3, x - u, y - v, "gradient"));
  }
  parts.push(dot(x, y, 6, { as: "value" }));
  return parts;
};

const table = ({ z, p, y, dz, loss }, target) => {
  const parts = [], columns = [16, 62, 186, 222, 322];
  ["", "z", "p", "y", "dz = p − y"].forEach((name, i) => parts.push(text(columns[i] + (i === 2 ? -62 : 0), 16, name,
    { sans: true, size: 12.5, anchor: i === 4 ? "end" : "middle", as: i === 4 ? "gradient" : i === 2 ? "value" : "text" })));
  p.forEach((v, k) => {
    const line = 44 + 32 * k;
    parts.push(text(columns[0], line, String(k), { bold: k === target, as: k === target ? "good" : "text" }),
      text(columns[1] + 16, line, fixed(z[k], 1), { anchor: "end" }),
      rect(96, line - 13, 54 * v, 17, { as: "value", alpha: 0.5, line: "none" }), text(columns[2] + 10, line, fixed(v, 3), { as: "value", anchor: "end" }),
      text(columns[3], line, String(y[k])), text(columns[4], line, fixed(dz[k], 3), { as: "gradient", anchor: "end" }));
  });
  parts.push(path("M6 122 H324", { alpha: 0.4 }), text(columns[2] + 10, 140, fixed(sum(p), 3), { as: "value", anchor: "end" }),
    text(90, 140, "sum", { sans: true, size: 12.5, anchor: "end" }), text(columns[4], 140, fixed(sum(dz), 3), { as: "gradient", anchor: "end" }));
  parts.push(text(6, 176, `loss = −log p${target} = ${fixed(loss, 3)}`, { anchor: "start", bold: true, size: 14 }));
  return parts;
};

// One step of gradient descent, and a shift: both stay within the sliders and on their steps of 0.1.
const tenth = (v) => Math.min(4, Math.max(-4, Math.round(10 * v) / 10));
const downhill = (state) => Object.fromEntries(LOGITS.map((key, k) => [key, tenth(state[key] - 2 * compute(state).dz[k])]));
const shifted = (state) => Object.fromEntries(LOGITS.map((key) => [key, tenth(state[key] + 1)]));

export default figure(
  [...LOGITS, "target"],
  [...LOGITS.map((key) => slider(key, { min: -4, max: 4, step: 0.1, digits: 1 })),
    choice("target", "Label", [0, 1, 2].map((k) => [k, `class ${k}`])),
    together(button("Step downhill: z − 2 dz", downhill, (state) => LOGITS.every((key) => downhill(state)[key] === state[key])),
    button("Add 1 to every logit", shifted, (state) => LOGITS.some((key) => state[key] > 3)))],
  (state, wide, changed) => {
    const now = compute(state), { z, p, y, dz, loss } = now, k = state.target;
    const label = `The probabilities ${listed(p, 3)} as a point in a triangle, and an arrow to it from the corner of class ${k}`;
    const group = (x, v, parts) => `<g transform="translate(${x} ${v})">${parts.flat(9).join("")}</g>`;
    const end = `p${k} = ${fixed(p[k], 3)}, loss ${fixed(loss, 3)}`;
    return {
      says: (changed ? `z = ${listed(z, 1)}, label ${k}: ` : "") + `${end}. The gradient is ${fixed(dz[k], 3)} at the label, ` +
        `${dz.map((v, i) => (i === k ? "" : `${fixed(v, 3)} at class ${i}`)).filter(Boolean).join(" and ")}: downhill raises z${k} and lowers the others.`,
      picture: wide ? svg(704, 280, label, [group(0, 0, triangle(now, k)), group(372, 44, table(now, k))], 760)
        : svg(350, 474, label, [group(0, 0, triangle(now, k)), group(10, 286, table(now, k))], 430),
      words: [`z = ${listed(z, 1)}`, `p = softmax(z) = ${listed(p, 3)}`, `y = ${listed(y, 0)}: the label is class ${k}`,
        `dz = p − y = ${listed(dz, 3)}, whose sum is ${fixed(sum(dz), 3)}`, `loss = −log p${k} = ${fixed(loss, 3)}`],
    };
  },
);
