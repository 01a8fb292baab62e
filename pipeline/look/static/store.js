// What the page knows, what it shows, and the maps it loads. Opened from disk a page may not fetch:
// each file of data is a script that calls look.open or look.put.
"use strict";
const look = {};

look.el = (tag, props = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children); // strings become text, never markup
  return made;
};
look.$ = (selector) => document.querySelector(selector);

// --- state: all of it is in the address --------------------------------------------------------
look.DEFAULTS = {
  tab: "images", round: "", layer: "label", opacity: 60, outline: false, pattern: false,
  sort: "place", down: "", subset: "", class: "", of: "kept", least: "", name: "", terms: "", cell: "", matrix: "predicted",
  corrected: false, marked: false, verdict: "", unseen: false, marks: "", off: "", image: "", listed: "",
  with: "", beside: "", at: 50, view: "", original: false, whole: false,
  coverage: "", entropy: "", confidence: "", change: "", quality: "", flip: "", wrong: "", // ranges: "from-to" in percent
  class_error: "", class_precision: "", class_quality: "",
};
look.state = { ...look.DEFAULTS };
// What the list depends on, but for the round and what people do to images while they look.
look.LISTING = ["sort", "down", "subset", "class", "of", "least", "name", "terms", "cell", "matrix", "corrected", "marked", "verdict", "unseen",
  "coverage", "entropy", "confidence", "change", "quality", "flip", "wrong", "class_error", "class_precision", "class_quality"];

look.readAddress = () => {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [key, normal] of Object.entries(look.DEFAULTS)) {
    const text = given.get(key);
    look.state[key] = text === null ? normal
      : typeof normal === "boolean" ? text === "1"
      : typeof normal === "number" ? Math.min(100, Math.max(0, Number(text) || 0)) : text;
  }
};

look.address = (state = look.state) => {
  const given = new URLSearchParams();
  for (const [key, normal] of Object.entries(look.DEFAULTS)) {
    const value = state[key];
    if (value !== normal) given.set(key, value === true ? "1" : value === false ? "0" : value);
  }
  return `#${given}`;
};

// `listed` is the round by whose numbers the list was made when an image was opened.
const listed = (changes) => {
  const { image, round, listed } = look.state;
  if (changes.image === "" || look.LISTING.some((key) => key in changes)) return "";
  return image && changes.round && changes.round !== round ? listed || round : listed;
};

look.set = (changes) => {
  const opened = "image" in changes && !look.state.image !== !changes.image;
  Object.assign(look.state, { listed: listed(changes), ...changes });
  history[opened ? "pushState" : "replaceState"](null, "", look.address());
  look.render(changes);
};

// --- maps --------------------------------------------------------------------------------------
const KEPT = 240; // decoded images in memory, some 300 KB each
const cache = new Map();
const arrived = new Map();

look.put = (found) => arrived.set(`${found.key}/${found.index}`, found.planes);
look.file = (folder, index, suffix) => `${folder}/${String(index).padStart(5, "0")}.${suffix}`;
// A key is a round's name, or a path below the report.
look.folder = (key) => (key.includes("/") ? key : `look/${key}`).split("/").map(encodeURIComponent).join("/");
look.picture = (index) => look.file("panels", index, "jpg");

look.unpack = async (packed) => {
  const text = atob(packed), bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

look.load = (key, index) => new Promise((resolve, reject) => {
  const script = look.el("script", { src: look.file(key ? `${look.folder(key)}/maps` : "panels", index, "js") });
  script.onerror = () => reject(new Error(`${script.src} cannot be read`));
  script.onload = async () => {
    const planes = {};
    for (const [name, packed] of Object.entries(arrived.get(`${key}/${index}`)))
      planes[name] = await look.unpack(packed);
    arrived.delete(`${key}/${index}`);
    resolve(planes);
  };
  document.head.append(script);
  script.addEventListener("load", () => script.remove());
});

// The planes of an image in a round, or with the key "" its truth; a promise that is kept.
look.maps = (key, index) => {
  const name = `${key}/${index}`;
  const found = cache.get(name) ?? look.load(key, index).catch(() => ({}));
  cache.delete(name);
  cache.set(name, found); // the latest last
  if (cache.size > KEPT) cache.delete(cache.keys().next().value);
  return found;
};

// All that a layer may need of an image in a round.
look.planes = async (round, index, all = false) => {
  const known = look.data.truth[index] ? look.maps("", index) : {};
  const before = round.before && (all || look.state.layer === "change") ? look.maps(round.before, index) : {};
  const [own, truth, earlier] = await Promise.all([look.maps(round.name, index), known, before]);
  return { ...own, truth: truth.truth, before: earlier.predicted };
};
