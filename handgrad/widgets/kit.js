// What the figures share: inks, numbers, SVG pieces, native controls, and the frame that joins them.
// It stands before a figure's own module in one file: nothing is imported, no id is used, nothing moves by itself.

const mixed = (hue, share) => `color-mix(in oklab, ${hue} ${share}%, currentColor)`;
const INK = {
  text: "currentColor", value: mixed("#0b6bcb", 72), gradient: mixed("#d9480f", 76),
  good: mixed("#16833a", 72), bad: mixed("#c92a2a", 74), quiet: mixed("#868e96", 60),
};

// ---- numbers: base.py has the same ----------------------------------------------------------------

const signed = (value, text) => (value < 0 && /[1-9]/.test(text) ? "−" : "") + text;
const fixed = (value, digits = 2) => signed(value, Math.abs(value).toFixed(digits));
const short = (value) => {
  const size = Math.abs(value);
  if (size === 0 || (size >= 0.005 && size < 1000)) return fixed(value);
  return value.toExponential(1).replace("e+", "e").replaceAll("-", "−");
};
const listed = (values, digits = 2) => `[${values.map((v) => fixed(v, digits)).join(", ")}]`;
const sum = (values) => values.reduce((a, b) => a + b, 0);

// ---- pieces of SVG, as text -----------------------------------------------------------------------

const safe = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const ink = (kind, name, alpha = 1) => `style="${kind}:${INK[name] ?? name};${kind}-opacity:${alpha}"`;
const text = (x, y, string, { as = "text", anchor = "middle", size = 13, bold = false, sans = false } = {}) =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" xml:space="preserve"` +
  `${bold ? ' font-weight="600"' : ""}${sans ? ' font-family="system-ui, sans-serif"' : ""} ${ink("fill", as)}>${safe(string)}</text>`;
const path = (d, { as = "text", width = 1.3, dash = "", alpha = 1 } = {}) =>
  `<path d="${d}" fill="none" stroke-width="${width}" stroke-dasharray="${dash}" ${ink("stroke", as, alpha)}/>`;
const rect = (x, y, w, h, { as = "quiet", alpha = 0.14, line = "text", rx = 0, width = 1.2 } = {}) =>
  `<rect x="${x}" y="${y}" width="${Math.max(w, 0)}" height="${Math.max(h, 0)}" rx="${rx}" stroke-width="${line === "none" ? 0 : width}" ` +
  `style="fill:${INK[as] ?? as};fill-opacity:${alpha};stroke:${INK[line] ?? line}"/>`;
const dot = (x, y, r, { as = "value", hollow = false } = {}) =>
  `<circle cx="${x}" cy="${y}" r="${r}" stroke-width="2" style="stroke:${INK[as]};fill:${INK[as]};fill-opacity:${hollow ? 0 : 1}"/>`;
// An arrow head whose tip is at x, y and points along (dx, dy).
const head = (x, y, dx = 1, dy = 0, as = "text") => {
  const n = Math.hypot(dx, dy) || 1, [u, v] = [dx / n, dy / n], [bx, by] = [x - 8 * u, y - 8 * v];
  return `<path d="M${x} ${y} L${bx - 4 * v} ${by + 4 * u} L${bx + 4 * v} ${by - 4 * u} Z" ${ink("fill", as)}/>`;
};
const svg = (w, h, label, parts, most = w * 1.35) =>
  `<svg viewBox="0 0 ${w} ${h}" role="img" aria-label="${safe(label)}" style="max-width:${most}px" ` +
  `font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace">${parts.flat(9).join("")}</svg>`;
// A matrix in brackets whose top left corner is x, y; `look(i, j)` gives options of an entry's text, or `fill`.
const matrix = (x, y, rows, { cell = 34, high = 22, look = () => ({}), size = 13 } = {}) => {
  const w = cell * rows[0].length, h = high * rows.length;
  return [
    path(`M${x + 4} ${y} H${x} V${y + h} H${x + 4} M${x + w - 4} ${y} H${x + w} V${y + h} H${x + w - 4}`),
    rows.map((row, i) => row.map((entry, j) => {
      const { fill, ...options } = look(i, j);
      return [fill ? rect(x + j * cell + 2, y + i * high + 1.5, cell - 4, high - 3, { as: fill, alpha: 0.22, line: "none", rx: 3 }) : "",
        text(x + (j + 0.5) * cell, y + (i + 0.5) * high + 4.5, entry, { size, ...options })];
    })),
  ];
};

// ---- controls: native, so that keyboard, touch and screen readers know them -----------------------

const make = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
// JupyterLab keeps arrow keys for itself unless the control itself says this.
const KEYS = { "data-lm-suppress-shortcuts": "true" };

const slider = (key, { name = key, min, max, step = 1, digits = 0, hidden = () => false }) => ({ set }) => {
  const input = make("input", { type: "range", min, max, step, "aria-label": name, "data-key": key, ...KEYS });
  const shown = make("span", { class: "hg-shown", "aria-hidden": "true" });
  const node = make("label", { class: "hg-row" }, make("span", {}, name), input, shown);
  input.addEventListener("input", () => set({ [key]: Number(input.value) }));
  return { node, update(state) {
    const value = fixed(state[key], digits);
    if (Number(input.value) !== state[key]) input.value = state[key];
    input.setAttribute("aria-valuetext", value);
    shown.textContent = value;
    node.hidden = hidden(state);
  } };
};
const checkbox = (key, name) => ({ set }) => {
  const input = make("input", { type: "checkbox", "data-key": key, ...KEYS });
  input.addEventListener("change", () => set({ [key]: input.checked }));
  return { node: make("label", { class: "hg-tick" }, input, make("span", {}, name)),
    update(state) { input.checked = state[key]; } };
};
const choice = (key, legend, options) => ({ set }) => {
  const inputs = options.map(([value]) => make("input", { type: "radio", name: key, value, "data-key": key, ...KEYS }));
  inputs.forEach((input, i) => input.addEventListener("change", () => set({ [key]: options[i][0] })));
  const ticks = inputs.map((input, i) => make("label", { class: "hg-tick" }, input, make("span", {}, options[i][1])));
  return { node: make("fieldset", { class: "hg-choice" }, make("legend", {}, legend), ...ticks),
    update(state) { inputs.forEach((input, i) => { input.checked = state[key] === options[i][0]; }); } };
};
// `change(state)` gives what to set; `idle(state)` says when there is nothing to do.
const button = (name, change, idle = () => false) => ({ set, read }) => {
  const node = make("button", { type: "button", ...KEYS }, name);
  node.addEventListener("click", () => { if (!idle(read())) set(change(read())); });
  // not `disabled`, which would drop the focus of whoever just pressed it
  return { node, update(state) { node.setAttribute("aria-disabled", idle(state)); } };
};
// Several buttons in one line.
const together = (...parts) => (tools) => {
  const built = parts.map((part) => part(tools));
  return { node: make("div", { class: "hg-buttons" }, ...built.map((b) => b.node)), update(state) { built.forEach((b) => b.update(state)); } };
};

// ---- the frame --------------------------------------------------------------------------------------

const CSS = `
.hg-figure { box-sizing: border-box; max-width: 800px; padding: 12px 14px; border-radius: 10px; font: 14px/1.45 system-ui, sans-serif;
  color: var(--jp-content-font-color1, inherit); border: 1px solid color-mix(in srgb, currentColor 24%, transparent); }
.hg-figure p { margin: 0 0 8px; }
.hg-figure form { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 190px), 1fr)); gap: 0 22px; margin: 0 0 8px; }
.hg-figure .hg-row { display: grid; grid-template-columns: minmax(2.2em, auto) 1fr 3em; gap: 8px; align-items: center; min-height: 36px; margin: 0; }
.hg-figure .hg-row[hidden] { display: none; }
.hg-figure .hg-shown { text-align: right; font-variant-numeric: tabular-nums; }
.hg-figure input { accent-color: ${INK.value}; color: inherit; margin: 0; }
.hg-figure input[type=range] { appearance: none; background: none; width: 100%; min-width: 0; height: 32px; touch-action: pan-y; cursor: pointer; }
.hg-figure input::-webkit-slider-runnable-track { height: 6px; border-radius: 3px; background: color-mix(in srgb, currentColor 30%, transparent); }
.hg-figure input::-webkit-slider-thumb { appearance: none; width: 22px; height: 22px; margin-top: -8px; border-radius: 50%; background: ${INK.value}; }
.hg-figure input::-moz-range-track { height: 6px; border-radius: 3px; background: color-mix(in srgb, currentColor 30%, transparent); }
.hg-figure input::-moz-range-thumb { width: 22px; height: 22px; border: 0; border-radius: 50%; background: ${INK.value}; }
.hg-figure input[type=checkbox], .hg-figure input[type=radio] { width: 20px; height: 20px; flex: none; }
.hg-figure .hg-tick { display: inline-flex; gap: 8px; align-items: center; min-height: 36px; margin: 0 16px 0 0; }
.hg-figure .hg-choice { grid-column: 1 / -1; border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; align-items: center; }
.hg-figure .hg-choice legend { float: left; padding: 0; margin: 0 12px 0 0; width: auto; font-size: inherit; }
.hg-figure .hg-buttons { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0; }
.hg-figure button { font: inherit; color: inherit; background: color-mix(in srgb, currentColor 7%, transparent); min-height: 38px;
  padding: 4px 16px; margin: 0; border: 1px solid color-mix(in srgb, currentColor 45%, transparent); border-radius: 8px; cursor: pointer; }
.hg-figure button[aria-disabled=true] { opacity: 0.6; cursor: default; border-style: dashed; }
.hg-figure :is(input, button, summary):focus-visible { outline: 2px solid ${INK.value}; outline-offset: 2px; }
.hg-figure svg { display: block; width: 100%; height: auto; margin: 0 auto; }
.hg-figure .hg-says { margin: 8px 0 4px; min-height: 2.9em; }
.hg-figure pre { white-space: pre-wrap; background: none; color: inherit; border: 0; margin: 4px 0 0; padding: 0; font-size: 12.5px; line-height: 1.5; }
.hg-figure summary { cursor: pointer; font-size: 13px; padding: 4px 0; }
`;

// A figure of the traits `keys`: `view(state, wide, changed)` gives { picture, says, words }.
const figure = (keys, controls, view) => ({
  render({ model, el }) {
    const read = () => Object.fromEntries(keys.map((key) => [key, model.get(key)]));
    const set = (change) => {
      for (const [key, value] of Object.entries(change)) model.set(key, value);
      model.save_changes();
    };
    const built = controls.map((control) => control({ set, read }));
    const form = make("form", {}, ...built.map((control) => control.node));
    form.addEventListener("submit", (event) => event.preventDefault());
    const stage = make("div", { class: "hg-stage" });
    const says = make("p", { class: "hg-says", role: "status", "aria-live": "polite" });
    const words = make("pre");
    const style = make("style");
    style.textContent = CSS;
    const frame = make("div", { class: "hg-figure", role: "group", "aria-label": FIGURE.label }, style,
      make("p", {}, make("strong", {}, FIGURE.label + ". "), FIGURE.lead),
      form, stage, says, make("details", {}, make("summary", {}, "The figure in words"), words));
    let wide, changed;
    const draw = () => {
      const state = read(), shown = view(state, wide, changed);
      built.forEach((control) => control.update(state));
      stage.innerHTML = shown.picture;
      if (says.textContent !== shown.says) says.textContent = shown.says;
      words.textContent = shown.words.join("\n");
    };
    const watch = keys.map((key) => [`change:${key}`, () => { changed = key; draw(); }]);
    watch.forEach(([event, react]) => model.on(event, react));
    const measure = () => {
      const now = frame.clientWidth >= 640;
      if (now !== wide) { wide = now; draw(); }
    };
    el.append(frame);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(frame);
    return () => { observer.disconnect(); watch.forEach(([event, react]) => model.off(event, react)); };
  },
});
