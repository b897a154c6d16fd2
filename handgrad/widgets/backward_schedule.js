const N = 32, INPUT = 20, HIDDEN = 50, OUTPUT = 10;

const network = (L) => {
  const sizes = [[N, INPUT], ...Array(L - 1).fill([N, HIDDEN]), [N, OUTPUT]], last = 2 * L + 1;
  const shape = (k) => `(${sizes[k].join(", ")})`, upTo = (n) => Array.from({ length: n }, (_, k) => `Z${k}`);
  const held = (t) => {
    if (t <= L) return upTo(t + 1);
    if (t === L + 1) return [...upTo(L + 1), `dZ${L}`];
    const l = 2 * L + 2 - t;
    return [...upTo(l), ...(l > 1 ? [`dZ${l - 1}`] : [])];
  };
  const numbers = (t) => sum(held(t).map((name) => { const [n, m] = sizes[Number(name.replace(/\D/g, ""))]; return n * m; }));
  const told = (t) => {
    if (t === 0) return `start: the input Z0 = X ${shape(0)}`;
    if (t <= L) return `forward ${t}: S${t} = Z${t - 1} @ W${t} + b${t}, Z${t} = σ(S${t}) ${shape(t)}; Z${t} is kept, S${t} is not`;
    if (t === L + 1) return `loss: dZ${L} ${shape(L)} from Z${L} and the labels`;
    const l = 2 * L + 2 - t;
    return `backward ${l}: dS${l} = dZ${l} * σ′(S${l}) ${shape(l)}, where Z${l} gives σ′; ` +
      `dW${l} = Z${l - 1}.T @ dS${l} (${sizes[l - 1][1]}, ${sizes[l][1]}), db${l} = sum of dS${l} over N` +
      `${l > 1 ? `, dZ${l - 1} = dS${l} @ W${l}.T ${shape(l - 1)}` : ""}; Z${l} and dZ${l} are let go`;
  };
  const every = Array.from({ length: last + 1 }, (_, t) => numbers(t));
  const known = (t) => Array.from({ length: L }, (_, k) => L - k).filter((k) => 2 * L + 2 - k <= t);
  return { L, last, held, told, every, known, most: Math.max(...every) };
};
const where = (state) => Math.min(state.step, 2 * state.L + 1);

// The chain of layers: values above, gradients below, weights between; filled where it is held.
const chain = ({ L, held, known }, t) => {
  const parts = [], now = held(t), pitch = 310 / Math.max(L, 3), left = 26 + (310 - pitch * L) / 2;
  const l = t > L + 1 ? 2 * L + 2 - t : 0, box = (x, y, name, as) => {
    const on = now.includes(name);
    return [rect(x - 17, y - 13, 34, 26, { as: on ? as : "none", alpha: on ? 0.3 : 0, line: on ? as : "text", rx: 4, width: on ? 2 : 0.8 }),
      text(x, y + 4.5, name, { size: 12.5, bold: on })];
  };
  for (let k = 0; k <= L; k++) {
    const x = left + k * pitch, from = x - pitch + 17, to = x - 17;
    parts.push(box(x, 34, `Z${k}`, "value"));
    if (k > 0) {
      const forward = t === k, back = l === k, done = known(t).includes(k);
      parts.push(box(x, 112, `dZ${k}`, "gradient"));
      parts.push(path(`M${from} 34 H${to - 1}`, forward ? { as: "value", width: 3 } : { alpha: 0.6 }), head(to, 34, 1, 0, forward ? "value" : "text"));
      if (k > 1) parts.push(path(`M${to} 112 H${from + 1}`, back ? { as: "gradient", width: 3 } : { alpha: 0.6 }), head(from, 112, -1, 0, back ? "gradient" : "text"));
      if (back) parts.push(path(`M${x} 49 V97`, { as: "value", width: 1.6, dash: "4 3" }), path(`M${x - pitch} 49 L${(from + to) / 2 - 4} 64`, { as: "value", width: 1.6, dash: "4 3" }));
      parts.push(text((from + to) / 2, 78, done ? `dW${k}` : `W${k}`, { size: 12, as: done ? "gradient" : "text", bold: done }));
    }
  }
  const end = left + L * pitch;
  if (t === L + 1) parts.push(path(`M${end} 49 V96`, { as: "gradient", width: 3 }), head(end, 99, 0, 1, "gradient"));
  return parts;
};

const memory = ({ L, last, every, most }, t) => {
  const parts = [], pitch = 318 / (last + 1), base = 132, unit = 92 / most, peak = every.indexOf(most);
  parts.push(text(20, 14, "numbers held (F forward, ℓ loss, B backward)", { sans: true, size: 12.5, anchor: "start" }), path(`M18 ${base} H344`, { alpha: 0.6 }));
  parts.push(text(344, 14, String(every[t]), { bold: true, anchor: "end" }));
  every.forEach((n, k) => {
    const x = 20 + k * pitch, as = k <= L ? "value" : "gradient", seen = k <= t;
    parts.push(rect(x + 2, base - n * unit, pitch - 4, n * unit, { as: seen ? as : "none", alpha: k === t ? 0.75 : seen ? 0.28 : 0, line: seen ? as : "text", width: k === t ? 2.2 : seen ? 1 : 0.4 }));
    parts.push(text(x + pitch / 2, base + 16, k === 0 ? "X" : k <= L ? `F${k}` : k === L + 1 ? "ℓ" : `B${2 * L + 2 - k}`, { size: 12, bold: k === t }));
  });
  if (t >= peak && t !== peak) parts.push(path(`M18 ${base - most * unit} H344`, { dash: "2 4", alpha: 0.7 }), text(344, base - most * unit - 5, `most: ${most}`, { size: 12, anchor: "end" }));
  return parts;
};

export default figure(
  ["L", "step"],
  [slider("L", { name: "layers L", min: 1, max: 6 }),
    together(button("Back", (state) => ({ step: where(state) - 1 }), (state) => where(state) === 0),
    button("Next", (state) => ({ step: where(state) + 1 }), (state) => where(state) === 2 * state.L + 1),
    button("Start over", () => ({ step: 0 }), (state) => state.step === 0))],
  (state, wide) => {
    const net = network(state.L), t = where(state), { held, told, every, most, known, last } = net;
    const group = (x, y, parts) => `<g transform="translate(${x} ${y})">${parts.flat(9).join("")}</g>`;
    const label = `The layers with what is held after step ${t}, and a bar of memory for each step`;
    const names = known(t).map((k) => `dW${k}, db${k}`).join(", ") || "none";
    return {
      says: `Step ${t} of ${last}. ${told(t)[0].toUpperCase()}${told(t).slice(1)}. Held: ${held(t).join(", ")}, ${every[t]} numbers.`,
      picture: wide ? svg(740, 160, label, [group(0, 12, chain(net, t)), group(380, 4, memory(net, t))], 790)
        : svg(358, 306, label, [group(0, 0, chain(net, t)), group(0, 146, memory(net, t))], 430),
      words: [`L = ${state.L} layer${state.L > 1 ? "s" : ""}, step ${t} of ${last}`, told(t), `held: ${held(t).join(", ")}: ${every[t]} numbers`,
        `gradients known: ${names}`, `numbers held after each step: ${every.join(", ")}`, `most: ${most}, after step ${every.indexOf(most)}`],
    };
  },
);
