const DOUT = [0.5, -1.5, 2];

const compute = ({ x0, x1, x2 }) => {
  const x = [x0, x1, x2], out = x.map((v) => (v > 0 ? v : 0)), mask = x.map((v) => (v > 0 ? 1 : 0));
  return { x, out, mask, dx: mask.map((m, i) => m * DOUT[i]) };
};

// The curve from −2 to 2, a dot for each input, a piece of tangent through it with its slope.
const curve = ({ x, out, mask }, changed) => {
  const at = (v, o) => [170 + 68 * v, 176 - 68 * o], parts = [];
  const [zx, zy] = at(0, 0);
  parts.push(path(`M26 ${zy} H322`, { alpha: 0.45 }), path(`M${zx} 192 V26`, { alpha: 0.45 }), text(330, zy + 4, "x"), text(zx, 18, "out"));
  for (const t of [-2, -1, 1, 2]) parts.push(path(`M${at(t, 0)[0]} ${zy - 3} v6`, { alpha: 0.6 }), text(at(t, 0)[0], zy + 18, fixed(t, 0), { size: 12 }));
  parts.push(path(`M${at(-2.1, 0)} L${at(0, 0)} L${at(2.15, 2.15)}`, { width: 2.2, as: "text" }));
  x.forEach((v, i) => {
    const [px, py] = at(v, out[i]), [ux, uy] = [20, -20 * mask[i]], moved = changed === `x${i}`;
    parts.push(path(`M${px} ${py} V${zy}`, { dash: "3 3", alpha: 0.6 }));
    if (v === 0) {
      parts.push(path(`M${px - 26} ${py} H${px}`, { as: "gradient", width: 4, alpha: 0.8 }), path(`M${px} ${py} l26 -26`, { as: "gradient", width: 4, dash: "4 3", alpha: 0.8 }));
    } else parts.push(path(`M${px - ux} ${py - uy} L${px + ux} ${py + uy}`, { as: "gradient", width: 4, alpha: 0.8 }));
    parts.push(dot(px, py, moved ? 7 : 5.5, { hollow: v === 0 }));
  });
  // names: above the dots, moved apart where dots are near each other
  const order = [0, 1, 2].sort((a, b) => x[a] - x[b]);
  let last = -99;
  for (const i of order) {
    const px = Math.max(at(x[i], 0)[0], last + 22);
    last = px;
    parts.push(text(Math.min(px, 310), zy + 38, `x${i}`, { as: "value", bold: true }));
  }
  return parts;
};

const algebra = ({ x, mask, dx }, changed) => {
  const moved = Number(changed?.[1] ?? -1), parts = [], y = 40;
  const entry = (i, j) => (i === j ? String(mask[i]) + (x[i] === 0 ? "*" : "") : "0");
  const J = [0, 1, 2].map((i) => [0, 1, 2].map((j) => entry(i, j)));
  const column = (values) => values.map((v) => [fixed(v, 1)]);
  parts.push(text(64, 22, "Jacobian", { sans: true }), matrix(16, y, J, { cell: 32, high: 34, look: (i, j) =>
    i !== j ? { size: 12 } : { bold: true, fill: mask[i] ? "good" : i === moved ? "bad" : "quiet" } }));
  parts.push(text(126, y + 56, "·"), text(164, 22, "dout", { sans: true, as: "gradient" }),
    matrix(138, y, column(DOUT), { cell: 52, high: 34, look: () => ({ as: "gradient" }) }));
  parts.push(text(206, y + 56, "="), text(248, 22, "dx", { sans: true, as: "gradient" }),
    matrix(222, y, column(dx), { cell: 52, high: 34, look: (i) => ({ as: "gradient", bold: i === moved }) }));
  [0, 1, 2].forEach((i) => parts.push(text(310, y + 34 * i + 21, x[i] === 0 ? "kink*" : mask[i] ? "passes" : "stops", { size: 12, sans: true })));
  parts.push(text(16, y + 128, "off the diagonal: 0 at every x", { size: 12, sans: true, anchor: "start" }));
  return parts;
};

export default figure(
  ["x0", "x1", "x2"],
  ["x0", "x1", "x2"].map((key) => slider(key, { min: -2, max: 2, step: 0.1, digits: 1 })),
  (state, wide, changed) => {
    const now = compute(state), { x, out, mask, dx } = now;
    const label = "Three inputs on the curve of ReLU; the Jacobian times the upstream gradient gives dx";
    const move = (dx_, dy, parts) => `<g transform="translate(${dx_} ${dy})">${parts.flat(9).join("")}</g>`;
    const i = changed ? Number(changed[1]) : 2, v = x[i];
    const reason = v > 0 ? `it is above 0, the slope is 1, and dx${i} = dout${i} = ${fixed(DOUT[i], 1)}`
      : v < 0 ? `it is below 0, the slope is 0, and dx${i} = 0 whatever dout${i} is`
      : `the kink: the slope is 0 from the left and 1 from the right, so there is no derivative. The convention here is 0, and dx${i} = 0`;
    return {
      says: `x${i} = ${fixed(v, 1)}: ${reason}.`,
      picture: wide ? svg(700, 222, label, [move(0, 0, curve(now, changed)), move(352, 24, algebra(now, changed))], 760)
        : svg(350, 408, label, [move(0, 0, curve(now, changed)), move(0, 226, algebra(now, changed))], 430),
      words: [
        `x = ${listed(x, 1)}`, `out = max(0, x) = ${listed(out, 1)}`, "Jacobian d out / d x:",
        ...mask.map((m, r) => "  " + listed([0, 1, 2].map((c) => (r === c ? m : 0)), 0)),
        `upstream dout = ${listed(DOUT, 1)}`,
        `dx = mask * dout = ${listed(mask, 0)} * ${listed(DOUT, 1)} = ${listed(dx, 1)}`,
        ...[0, 1, 2].filter((k) => x[k] === 0).map((k) => `x${k} = 0.0: slope 0 from the left, 1 from the right; the convention is 0`),
      ],
    };
  },
);
