const X = [0.5, -1.2, 2.1, 0.3, -0.7, 1.6, -0.4], UPSTREAM = [0.8, -0.5, 0.3, 1.1, -0.9, 0.4, -0.2];
const GAMMA = 1.5, EPS = 1e-5, PATHS = ["direct", "mean", "variance"];
const mean = (values) => sum(values) / values.length;

const compute = (state) => {
  const mu = mean(X), std = Math.sqrt(mean(X.map((v) => (v - mu) ** 2)) + EPS), xhat = X.map((v) => (v - mu) / std);
  const dout = UPSTREAM.map((g, n) => g + state.shift + state.tilt * xhat[n]), dxhat = dout.map((g) => GAMMA * g);
  const overMean = mean(dxhat), overVariance = mean(dxhat.map((g, n) => g * xhat[n]));
  const paths = { direct: dxhat.map((g) => g / std), mean: xhat.map(() => -overMean / std), variance: xhat.map((h) => -h * overVariance / std) };
  const total = (names) => X.map((_, n) => sum(names.map((name) => paths[name][n])));
  return { xhat, dout, paths, dx: total(PATHS.filter((name) => state[name])), real: total(PATHS) };
};

// Three routes from x to out, drawn as wires that a switch cuts.
const wires = (state) => {
  const parts = [], heights = { direct: 30, mean: 74, variance: 118 };
  parts.push(rect(4, 58, 38, 32, { line: "value", rx: 2 }), text(23, 79, "x", { bold: true }));
  parts.push(rect(270, 58, 74, 32, { rx: 8 }), text(307, 79, "out"));
  for (const name of PATHS) {
    const y = heights[name], on = state[name], look = on ? { as: "gradient", width: 3 } : { width: 1.3, dash: "3 5", alpha: 0.6 };
    parts.push(path(`M42 74 C70 74 62 ${y} 96 ${y}`, look), path(`M226 ${y} C256 ${y} 244 74 270 74`, look),
      rect(96, y - 15, 130, 30, { as: on ? "gradient" : "quiet", alpha: on ? 0.2 : 0.06, line: on ? "gradient" : "text", rx: 8 }),
      text(161, y + 4.5, on ? name : `${name}: off`, { bold: on }));
    if (on) parts.push(head(44, 74, -1, 0, "gradient"));
  }
  return parts;
};

const bars = ({ dx, real }) => {
  const parts = [], top = Math.max(...[...dx, ...real].map(Math.abs)), scale = [1, 2, 3, 4, 6, 8].find((s) => s >= top) ?? 12;
  const zero = 100, unit = 76 / scale, left = 34, pitch = 46;
  const bar = (x, w, v, options) => rect(x, v > 0 ? zero - v * unit : zero, w, Math.abs(v) * unit, options);
  for (const v of [-scale, 0, scale]) parts.push(path(`M${left - 4} ${zero - v * unit} H350`, { alpha: v ? 0.18 : 0.7 }),
    text(left - 8, zero - v * unit + 4, fixed(v, 0), { size: 12, anchor: "end" }));
  dx.forEach((v, n) => {
    const x = left + n * pitch + 6, wrong = Math.abs(v - real[n]) > 0.005;
    parts.push(bar(x, 34, v, { as: "value", alpha: 0.5, line: "none" }), bar(x, 34, real[n], { as: "none", alpha: 0, line: "gradient", width: 2 }),
      text(x + 17, 196, fixed(v), { size: 12, as: "value", bold: wrong }), text(x + 17, 213, fixed(real[n]), { size: 12, as: "gradient" }));
  });
  parts.push(text(28, 196, "dx", { size: 12, as: "value", anchor: "end" }), text(28, 213, "true", { size: 12, as: "gradient", anchor: "end" }));
  return parts;
};

const sums = ({ dx, real, xhat }) => {
  const parts = [], rows = [["sum of dx", sum(dx), sum(real)], ["sum of dx · x_hat", sum(dx.map((v, n) => v * xhat[n])), sum(real.map((v, n) => v * xhat[n]))]];
  rows.forEach(([name, mine, right], i) => {
    const same = fixed(mine) === fixed(right);
    parts.push(text(4, 16 + 24 * i, `${same ? "✓" : "✗"} ${name}`, { anchor: "start", as: same ? "good" : "bad" }),
      text(224, 16 + 24 * i, fixed(mine), { anchor: "end", as: same ? "good" : "bad", bold: true }), text(344, 16 + 24 * i, `true: ${fixed(right)}`, { anchor: "end" }));
  });
  return parts;
};

const story = (state, { dx, real, xhat }) => {
  const off = PATHS.filter((name) => !state[name]), error = Math.max(...dx.map((v, n) => Math.abs(v - real[n])));
  if (!off.length) {
    const added = [...(state.shift ? ["shift"] : []), ...(state.tilt ? ["tilt"] : [])].join(" and ");
    const after = added ? `With ${added} added to dout, dx is what it was without${state.tilt ? ", but for eps" : ""}.` : "What will shift do to dx, and what tilt?";
    return `All three paths are on: dx is right, and its sum is ${fixed(sum(dx))}. ${after}`;
  }
  const without = `Without the ${off.join(" and ")} path${off.length > 1 ? "s" : ""}`;
  if (error < 0.005) return `${without} dx happens to be right here: they have nothing to add.`;
  return `${without} dx is wrong by up to ${fixed(error)}. Its sum is ${fixed(sum(dx))}, its sum with x_hat ${fixed(sum(dx.map((v, n) => v * xhat[n])))}; both should be 0.`;
};

export default figure(
  [...PATHS, "shift", "tilt"],
  [...PATHS.map((name) => checkbox(name, `${name} path`)),
    slider("shift", { min: -1, max: 1, step: 0.1, digits: 1 }),
    slider("tilt", { min: -1, max: 1, step: 0.1, digits: 1 })],
  (state, wide) => {
    const now = compute(state), { xhat, dout, paths, dx, real } = now;
    const label = "Seven bars: dx of the paths that are on, each beside the true dx";
    const group = (x, y, parts) => `<g transform="translate(${x} ${y})">${parts.flat(9).join("")}</g>`;
    const moved = state.shift || state.tilt ? `shift ${fixed(state.shift, 1)}, tilt ${fixed(state.tilt, 1)}. ` : "";
    const times = (values) => sum(values.map((v, n) => v * xhat[n]));
    return {
      says: moved + story(state, now),
      picture: wide ? svg(736, 226, label, [group(0, 4, wires(state)), group(4, 160, sums(now)), group(376, 0, bars(now))], 780)
        : svg(362, 436, label, [group(4, 0, wires(state)), group(0, 144, bars(now)), group(4, 376, sums(now))], 430),
      words: [`x = ${listed(X, 1)}`, `x_hat = ${listed(xhat)}`, `dout = ${listed(dout)}`,
        ...PATHS.map((name) => `${name} path (${state[name] ? "on" : "off"}): ${listed(paths[name])}`),
        `dx, the sum of the paths that are on: ${listed(dx)}`, `true dx: ${listed(real)}`,
        `sum of dx: ${fixed(sum(dx))}, of the true one ${fixed(sum(real))}`,
        `sum of dx times x_hat: ${fixed(times(dx))}, of the true one ${fixed(times(real))}`],
    };
  },
);
