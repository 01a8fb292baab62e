// Layers as pixels: colours of classes that are on, patterns, outlines, heat.
"use strict";
look.LAYERS = {
  none: "image", predicted: "prediction", label: "pseudo-label", confidence: "confidence",
  truth: "truth", wrong: "right and wrong", change: "changed",
};
const IGNORED = 255;
const VIRIDIS = look.HEAT = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];
[look.RIGHT, look.WRONG] = ["#0072b2", "#f0701a"]; // told apart by any eyes, and wrong is striped

const pixel = (colour, alpha = 255) => {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
};
const mixed = (one, other, share) =>
  `#${[1, 3, 5].map((at) => Math.round(parseInt(one.slice(at, at + 2), 16) * (1 - share)
    + parseInt(other.slice(at, at + 2), 16) * share).toString(16).padStart(2, "0")).join("")}`;
const light = (colour) =>
  [1, 3, 5].reduce((sum, at, i) => sum + parseInt(colour.slice(at, at + 2), 16) * [0.3, 0.59, 0.11][i], 0) > 110;

// Stripes and dots: a class has one of eight, so that neighbours in the legend differ without colour.
look.PATTERNS = [
  (x, y) => (x + y) % 8 < 2, () => false, (x, y) => y % 6 < 1, (x, y) => (x - y + 8000) % 8 < 2,
  (x, y) => x % 4 < 2 && y % 4 < 2, (x) => x % 6 < 1, (x, y) => x % 8 < 1 || y % 8 < 1, (x, y) => (x + 2 * y) % 12 < 3,
];

// The colours of 256 ids as two tables: plain, and where its pattern strikes.
const tables = look.tables = (spotlight) => {
  const { data } = look;
  const off = look.off();
  if (off.has(spotlight)) spotlight = null;
  const plain = new Uint32Array(256), struck = new Uint32Array(256);
  data.colours.forEach((colour, id) => {
    if (off.has(id)) return;
    const alpha = spotlight === null || spotlight === id ? 255 : 40;
    plain[id] = pixel(colour, alpha);
    struck[id] = pixel(mixed(colour, light(colour) ? "#000000" : "#ffffff", 0.6), alpha);
  });
  if (!off.has(IGNORED)) plain[IGNORED] = struck[IGNORED] = pixel("#000000", 150) // dims what nobody learns;
  return [plain, struck];
};

const classes = (out, map, width, { pattern, outline, spotlight }) => {
  const [plain, struck] = tables(spotlight);
  for (let i = 0; i < map.length; i++) out[i] = plain[map[i]];
  if (pattern)
    for (let i = 0; i < map.length; i++)
      if (look.PATTERNS[map[i] % 8](i % width, (i / width) | 0)) out[i] = struck[map[i]];
  if (outline)
    for (let i = 0; i < map.length - width; i++)
      if (map[i] !== map[i + width] || ((i + 1) % width && map[i] !== map[i + 1])) out[i] = 0xffffffff;
};

const painters = {
  predicted: (out, p, width, how) => classes(out, p.predicted, width, how),
  label: (out, p, width, how) => classes(out, p.label, width, how),
  truth: (out, p, width, how) => classes(out, p.truth, width, how),
  confidence: (out, p) => {
    const top = look.data.levels - 1;
    const heat = Array.from({ length: top + 1 }, (_, v) => {
      const at = Math.min((v / top) * 4, 3.999), from = Math.floor(at);
      return pixel(mixed(VIRIDIS[from], VIRIDIS[from + 1], at - from));
    });
    for (let i = 0; i < out.length; i++) out[i] = heat[p.confidence[i]];
  },
  wrong: (out, p, width) => {
    const [right, wrong, stripe] = [pixel(look.RIGHT, 150), pixel(look.WRONG), pixel(mixed(look.WRONG, "#000000", 0.6))];
    for (let i = 0; i < out.length; i++)
      if (p.label[i] !== IGNORED && p.truth[i] !== IGNORED)
        out[i] = p.label[i] === p.truth[i] ? right : look.PATTERNS[0](i % width, (i / width) | 0) ? stripe : wrong;
  },
  change: (out, p) => {
    const [plain] = tables(null);
    for (let i = 0; i < out.length; i++) if (p.predicted[i] !== p.before[i]) out[i] = plain[p.predicted[i]];
  },
};
const NEEDS = { wrong: ["label", "truth"], change: ["predicted", "before"] };

// Paints a layer of `planes`, or clears the canvas where there is nothing; whether there was.
look.paint = (canvas, layer, planes, spotlight = null, size = look.data.size) => {
  const half = layer === "confidence" ? 2 : 1;
  const [width, height] = size.map((side) => Math.ceil(side / half));
  canvas.width = width;
  canvas.height = height;
  const can = layer !== "none" && (NEEDS[layer] ?? [layer]).every((name) => planes?.[name]);
  if (!can) return false;
  const image = new ImageData(width, height);
  painters[layer](new Uint32Array(image.data.buffer), planes, width, { ...look.state, spotlight });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return true;
};
