// Each candidate: its formula, the factors' names and whether they are transposed, and the operation.
const CANDIDATES = ["X.T @ G", "X @ G", "G.T @ X", "X.T @ G.T", "G @ X", "G @ X.T", "X @ G.T", "G.T @ X.T",
  "X * G", "X * G.T", "X.T * G", "X.T * G.T"].map((formula) => {
  const [left, sign, right] = formula.split(" ");
  return { formula, left, sign, right };
});
const AXES = { X: ["N", "D"], "X.T": ["D", "N"], G: ["N", "C"], "G.T": ["C", "N"] };

// The pairs of axes whose sizes must be equal for the shape to be D C; pairs of the same name need nothing.
const pairs = ({ left, sign, right }) => {
  const [a, b] = [AXES[left], AXES[right]];
  const all = sign === "@" ? [[a[1], b[0]], [a[0], "D"], [b[1], "C"]] : [[a[0], b[0]], [a[1], b[1]], [a[0], "D"], [a[1], "C"]];
  return all.filter(([p, q]) => p !== q);
};
const need = (candidate) => {
  const axes = new Set(pairs(candidate).flat());
  return ["D", "C", "N"].filter((axis) => axes.has(axis)).join(" = ");
};

const range = (n) => Array.from({ length: n }, (_, i) => i + 1);
const arrays = ({ N, D, C }) => ({
  X: range(N).map((n) => range(D).map((d) => ((5 * n * n + 3 * d + 6 * n * d) % 7) - 3)),
  G: range(N).map((n) => range(C).map((c) => ((6 * n + 4 * c * c + 2 * n * c + 1) % 7) - 3)),
});
const transposed = (A) => A[0].map((_, j) => A.map((row) => row[j]));
const product = (A, B) => A.map((row) => B[0].map((_, j) => sum(row.map((a, k) => a * B[k][j]))));
const value = ({ left, sign, right }, { X, G }) => {
  const of = { X, G, "X.T": transposed(X), "G.T": transposed(G) }, [A, B] = [of[left], of[right]];
  return sign === "@" ? product(A, B) : A.map((row, i) => row.map((a, j) => a * B[i][j]));
};

const judge = (state) => {
  const both = arrays(state), truth = value(CANDIDATES[0], both);
  const scale = Math.max(...truth.flat().map(Math.abs)) || 1;
  return CANDIDATES.map((candidate, i) => {
    const fits = pairs(candidate).every(([p, q]) => state[p] === state[q]);
    const error = fits ? Math.max(...value(candidate, both).flatMap((row, r) => row.map((v, c) => Math.abs(v - truth[r][c])))) / scale : 0;
    return { ...candidate, need: need(candidate), fits, right: i === 0, error };
  });
};

// A block of rows by columns, nine pixels a unit, its name below it, its sizes beside it.
const UNIT = 9;
const block = (x, middle, name, rows, columns, state, as) => {
  const w = UNIT * state[columns], h = UNIT * state[rows], y = middle - h / 2;
  return [rect(x, y, w, h, { as, alpha: 0.25, line: as }),
    text(x + w / 2, y - 6, `${columns}=${state[columns]}`, { size: 12 }),
    text(x - 4, middle + 4, `${rows}=${state[rows]}`, { size: 12, anchor: "end" }),
    text(x + w / 2, y + h + 16, name, { bold: true })];
};
const blocks = (state) => {
  const shown = [["X", "N", "D", "value"], ["G", "N", "C", "gradient"], ["dW", "D", "C", "good"]];
  const high = UNIT * 9 + 44, parts = [];
  shown.forEach(([name, rows, columns, as], i) => parts.push(block(32 + i * 118, high / 2 - 1, name, rows, columns, state, as)));
  return svg(350, high, `X is ${state.N} by ${state.D}, G is ${state.N} by ${state.C}, dW must be ${state.D} by ${state.C}`, parts, 420);
};

// A row of the list: sign, formula, verdict. The sign and the words tell it without the colour.
const row = ({ formula, fits, right, need, error }) => {
  const [sign, as, verdict] = !fits ? ["·", "text", `needs ${need}`] : right ? ["✓", INK.good, "right"]
    : ["✗", INK.bad, error ? `impostor, error ${fixed(error)}` : "impostor, equal here"];
  return `<li style="display:flex;gap:8px;padding:2px 8px;border-radius:6px;margin:0;min-height:26px;align-items:center;` +
    `opacity:${fits ? 1 : 0.72};border:1px solid ${fits ? as : "transparent"}"><span style="width:1em;color:${as}">${sign}</span>` +
    `<span style="font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;width:9.5ch` +
    `${fits ? ";font-weight:600" : ""}">${formula}</span><span style="color:${as};font-size:13px">${verdict}</span></li>`;
};

const count = (found) => {
  const n = found.filter((c) => c.fits).length;
  return n === 1 ? "Shapes leave one product, and it is the right one." :
    `Shapes leave ${n} products: the right one and ${n - 1} impostor${n > 2 ? "s" : ""}.`;
};

export default figure(
  ["N", "D", "C"],
  ["N", "D", "C"].map((key) => slider(key, { min: 1, max: 9 })),
  (state, wide) => {
    const found = judge(state), { N, D, C } = state;
    const equal = N === D && D === C ? "All sizes are equal." : N === D ? "N and D are equal." : D === C ? "D and C are equal."
      : N === C ? "N and C are equal." : "All sizes differ.";
    const one = [N, D, C].includes(1) ? " (A size of 1 can also be broadcast; that is not counted here.)" : "";
    return {
      says: `N = ${N}, D = ${D}, C = ${C}. ${equal} ${count(found)}${one}`,
      picture: blocks(state) + `<ul style="list-style:none;margin:6px 0 0;padding:0;display:grid;gap:3px 12px;` +
        `grid-template-columns:${wide ? "1fr 1fr" : "1fr"}">${found.map(row).join("")}</ul>`,
      words: [`X is (${N}, ${D}), G is (${N}, ${C}), dW must be (${D}, ${C})`, ...found.map((c) =>
        `${c.formula}: ` + (!c.fits ? `does not fit, needs ${c.need}` : c.right ? "fits, and is right"
          : `fits, an impostor: ${c.error ? `error ${fixed(c.error)}` : "at these sizes equal to the right one"}`))],
    };
  },
);
