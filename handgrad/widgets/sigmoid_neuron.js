// Each node: what it is called, its sign in the picture, and where its box stands, wide and narrow.
const NODES = {
  w0: ["w0", [20, 30], [20, 30]], x0: ["x0", [20, 86], [20, 86]],
  w1: ["w1", [20, 152], [20, 152]], x1: ["x1", [20, 208], [20, 208]], w2: ["w2", [20, 274], [20, 274]],
  a: ["×", [128, 58], [114, 58]], b: ["×", [128, 180], [114, 180]], c: ["+", [236, 119], [208, 119]],
  s: ["+", [344, 198], [302, 198]], m: ["×−1", [432, 198], [42, 372]], e: ["exp", [520, 198], [127, 372]],
  d: ["+1", [608, 198], [212, 372]], f: ["1/x", [696, 198], [297, 372]],
};
const NAMES = { a: "w0·x0", b: "w1·x1", c: "w0·x0 + w1·x1", m: "−s", e: "exp(−s)", d: "1 + exp(−s)" };
const EDGES = ["w0 a", "x0 a", "w1 b", "x1 b", "a c", "b c", "c s", "w2 s", "s m", "m e", "e d", "d f"].map((e) => e.split(" "));
const INPUTS = ["w0", "x0", "w1", "x1", "w2"];

const compute = ({ w0, x0, w1, x1, w2 }) => {
  const value = { w0, x0, w1, x1, w2 }, v = value, gradient = {}, g = gradient;
  v.a = w0 * x0; v.b = w1 * x1; v.c = v.a + v.b; v.s = v.c + w2;
  v.m = v.s * -1; v.e = Math.exp(v.m); v.d = 1 + v.e; v.f = 1 / v.d;
  g.f = 1; g.d = g.f * (-1 / (v.d * v.d)); g.e = g.d; g.m = g.e * v.e; g.s = g.m * -1;
  g.c = g.w2 = g.s; g.a = g.b = g.c;
  g.w0 = g.a * x0; g.x0 = g.a * w0; g.w1 = g.b * x1; g.x1 = g.b * w1;
  return { value, gradient };
};

// In the picture there is room for six characters.
const brief = (v) => (short(v).includes("e") ? v.toExponential(0).replace("e+", "e").replaceAll("-", "−") : short(v));
const half = (n) => (INPUTS.includes(n) ? 18 : 19);

const sketch = (value, gradient, wide, moved) => {
  const at = (n) => NODES[n][wide ? 1 : 2], parts = [], after = new Set([moved]);
  for (const [from, to] of EDGES) if (after.has(from)) after.add(to);
  const label = (n, x, y) => [
    text(x, y - 6, brief(value[n]), { as: "value" }), text(x, y + 16, brief(gradient[n]), { as: "gradient" }),
    path(`M${x - 23 * Math.min(1, Math.abs(gradient[n]))} ${y + 22} h${46 * Math.min(1, Math.abs(gradient[n]))}`,
      { as: "gradient", width: 3, alpha: 0.65 }),
  ];
  for (const [from, to] of EDGES) {
    const [x, y] = at(from), [u, v] = at(to), start = x + half(from), end = u - half(to);
    const look = after.has(from) ? { as: "value", width: 2.4 } : {};
    if (u < x) { // the first row's end goes back to the second row's start
      const turn = (y + v) / 2 + 18;
      parts.push(path(`M${start} ${y} H352 V${turn} H8 V${v} H${end - 1}`, look), label(from, 180, turn));
    } else {
      const port = y < v - 4 ? v - 8 : y > v + 4 ? v + 8 : v, bend = y === v ? end : Math.max(start + 50, end - 50);
      parts.push(path(`M${start} ${y} H${bend}` + (y === v ? "" : ` C${end - 4} ${y} ${bend} ${port} ${end - 1} ${port}`), look),
        head(end, port), label(from, Math.min(start + 24, (start + end) / 2 - 2), y));
      continue;
    }
    parts.push(head(end, v));
  }
  const [x, y] = at("f"), end = x + half("f") + 44;
  parts.push(path(`M${x + half("f")} ${y} H${end}`, after.has("f") ? { as: "value", width: 2.4 } : {}), head(end + 2, y),
    label("f", end - 22, y));
  for (const [n, [sign]] of Object.entries(NODES)) {
    const [cx, cy] = at(n), input = INPUTS.includes(n);
    parts.push(rect(cx - half(n), cy - 15, 2 * half(n), 30, { as: n === moved ? "value" : "quiet", line: input ? "value" : "text", rx: input ? 2 : 8 }),
      text(cx, cy + 4.5, sign, { bold: input }));
  }
  return svg(wide ? 764 : 364, wide ? 304 : 404, "The computational graph of the neuron; its numbers follow in words", parts, wide ? 800 : 430);
};

export default figure(
  INPUTS,
  INPUTS.map((key) => slider(key, { min: -4, max: 4, step: 0.1, digits: 1 })),
  (state, wide, changed) => {
    const { value, gradient } = compute(state), partner = { w0: "x0", x0: "w0", w1: "x1", x1: "w1" }[changed];
    const all = INPUTS.map((n) => `${n} ${short(gradient[n])}`).join(", ");
    let says = `f = ${short(value.f)}. Gradients of f: ${all}.`;
    if (changed) {
      says = `${changed} = ${fixed(state[changed], 1)}: s = ${short(value.s)}, f = ${short(value.f)}. Gradients: ${all}. ` +
        (partner ? `The gradient of ${partner} is ${changed} times ${short(gradient.a)}.` : "The gradient of w2 is that of s.");
    }
    return { says, picture: sketch(value, gradient, wide, changed),
      words: Object.keys(NODES).map((n) => `${NAMES[n] ?? n}: value ${short(value[n])}, gradient ${short(gradient[n])}`) };
  },
);
