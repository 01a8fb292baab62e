// The tools that correct a label: which one, of what class and size, and what the pointer does with it.
"use strict";
(() => {
  const { $, el } = look;
  const TOOLS = { brush: "b", polygon: "p", fill: "f", superpixel: "u" };
  const IGNORED = 255, PAUSE = 700; // ms between the two digits of a class
  let tool = "superpixel", chosen = IGNORED, radius = 12, corners = [];
  let stroke = null, last = null, at = null, typed = ["", 0]; // at: where the pointer was last

  const svg = (tag, given = {}) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
    return made;
  };
  const pixel = (event) => { const [u, v] = look.place(event), [width, height] = look.data.working; return [u * width, v * height]; };
  const inside = ([x, y]) => x >= 0 && y >= 0 && x < look.data.working[0] && y < look.data.working[1];

  // The polygon so far, and the size of the brush, over the picture.
  const sketch = (point) => {
    const [width, height] = look.data.working;
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" });
    if (corners.length) drawing.append(svg("polyline", { points: [...corners, ...(point ? [point] : [])].join(" ") }));
    if (point && tool === "brush") drawing.append(svg("circle", { cx: point[0], cy: point[1], r: radius }));
    $("#editing svg")?.remove();
    $("#editing").append(drawing);
  };

  const covers = {
    fill: ([x, y]) => look.shapes.region(look.editing().label, ...look.data.working, x, y),
    superpixel: ([x, y]) => {
      const [width, height] = look.data.size, [wide, high] = look.data.working;
      const spans = look.shapes.region(look.editing().superpixels, width, height, Math.floor((x * width) / wide), Math.floor((y * height) / high));
      return look.shapes.enlarged(spans, look.data.size, look.data.working);
    },
  };
  const close = () => {
    const made = [];
    if (corners.length > 2) look.cover(look.shapes.polygon(corners, ...look.data.working), chosen, made);
    corners = [];
    sketch();
    look.stroked(made);
  };
  const dab = (point) => look.cover(look.shapes.brush(last ?? point, point, radius, ...look.data.working), chosen, stroke);

  const named = (id) => look.data.classes[id] ?? "not labelled";
  const tell = () => {
    const here = at ? `here: ${named(look.classAt(look.place(at)))}   ·   ` : "";
    $("#readout").textContent = `${here}you paint: ${named(chosen)}`;
  };

  // A pointer that goes down; not with Shift, which moves the image.
  look.draws = (event) => {
    const point = pixel(event);
    if (!look.editing() || event.shiftKey || !inside(point)) return false;
    if (tool === "polygon") {
      const near = corners.length > 2 && Math.hypot(...[0, 1].map((i) => corners[0][i] - point[i])) < look.data.working[0] / 100;
      if (near || event.detail > 1) close();
      else { corners.push(point); sketch(point); }
      return true;
    }
    stroke = [];
    if (tool === "brush") dab(point);
    else look.cover(covers[tool](point.map(Math.floor)), chosen, stroke);
    last = point;
    return true;
  };
  look.moves = (event) => {
    if (!look.editing()) return false;
    const point = pixel(event);
    at = event;
    tell();
    sketch(inside(point) ? point : null);
    if (stroke && tool === "brush") { dab(point); last = point; }
    else if (stroke && tool === "superpixel" && inside(point) && look.classAt(look.place(event)) !== chosen) look.cover(covers.superpixel(point.map(Math.floor)), chosen, stroke);
    return Boolean(stroke);
  };
  look.lifts = () => {
    if (stroke) look.stroked(stroke);
    stroke = last = null;
  };

  look.toolbar = () => {
    const now = look.editing();
    for (const part of ["#tools", "#editing"]) $(part).hidden = !now;
    $("#stage").classList.toggle("edited", Boolean(now));
    $("#edit").setAttribute("aria-pressed", Boolean(now));
    corners = now ? corners : [];
    if (!now) return;
    if (!now.superpixels && tool === "superpixel") tool = "brush";
    tell();
    look.editRepaint();
    const button = (text, title, act, given = {}) => el("button", { textContent: text, title, onclick: act, ...given });
    const tools = Object.entries(TOOLS).filter(([name]) => name !== "superpixel" || now.superpixels).map(([name, key]) => {
      const made = button(name, key, () => choose(name));
      made.setAttribute("aria-pressed", name === tool);
      return made;
    });
    const classes = el("select", { onchange: (event) => pick(Number(event.target.value)) }, ...[...look.data.classes.entries(), [IGNORED, "not labelled (eraser)"]]
      .map(([id, name]) => el("option", { value: id, textContent: `${id} ${name}`, selected: id === chosen })));
    classes.setAttribute("aria-label", "Class to paint");
    const width = el("input", { type: "range", min: 1, max: 80, value: radius, title: "[ ]", oninput: (event) => { radius = Number(event.target.value); } });
    width.setAttribute("aria-label", "Size of the brush");
    $("#tools").replaceChildren(el("div", { className: "segmented" }, ...tools), ...look.swatch(chosen).slice(0, 1), classes, ...(tool === "brush" ? [width] : []),
      button("Undo", "Ctrl+Z", look.undo, { disabled: !now.done.length }), button("Redo", "Ctrl+Y", look.redo, { disabled: !now.undone.length }),
      button("Save", "Enter", look.saveEdit, { disabled: !now.changed, className: "save" }), button("Leave", "Esc", look.edit));
  };
  const choose = (name) => { tool = name; corners = []; sketch(); look.toolbar(); };
  const pick = (id) => { chosen = id; look.toolbar(); };

  // A class by its number, of one digit or two that are typed one after the other.
  const digit = (key) => {
    const text = performance.now() - typed[1] < PAUSE ? typed[0] + key : key, id = Number(text) < look.data.classes.length ? Number(text) : Number(key);
    typed = [text, performance.now()];
    if (id < look.data.classes.length) pick(id);
  };
  look.editKeys = ({ key }) => {
    if (!look.editing()) return undefined;
    const asked = Object.keys(TOOLS).find((name) => TOOLS[name] === key);
    if (asked) return () => { if (asked !== "superpixel" || look.editing().superpixels) choose(asked); };
    if (/^\d$/.test(key)) return () => digit(key);
    return { Backspace: () => pick(IGNORED), Delete: () => pick(IGNORED), c: () => { if (at) pick(look.classAt(look.place(at))); },
      "[": () => { radius = Math.max(1, Math.round(radius / 1.4)); look.toolbar(); }, "]": () => { radius = Math.min(80, Math.ceil(radius * 1.4)); look.toolbar(); },
      Enter: () => (corners.length ? close() : look.editing().changed && look.saveEdit()), Escape: () => (corners.length ? choose(tool) : look.edit()) }[key];
  };
  document.addEventListener("keydown", (event) => {
    if (!look.editing() || !(event.ctrlKey || event.metaKey)) return;
    const act = { z: event.shiftKey ? look.redo : look.undo, y: look.redo }[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  });
  $("#edit").addEventListener("click", () => look.edit());
})();
