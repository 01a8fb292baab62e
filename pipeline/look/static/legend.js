// The classes, which go on and off, and a key to the colours of each layer.
"use strict";
(() => {
  const { $, el } = look;
  let waiting = 0;
  const repaintSoon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => ($("#detail").hidden ? look.gridRepaint() : look.detailRepaint()));
  };
  const spot = (id) => { if (look.spotlight !== id) { look.spotlight = id; if (look.state.tab === "images") repaintSoon(); } };

  const struck = (colour, strikes) => {
    const canvas = el("canvas", { width: 22, height: 16, className: "swatch" });
    const pen = canvas.getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 22, 16);
    pen.fillStyle = parseInt(colour.slice(3, 5), 16) > 110 ? "#000a" : "#fffa";
    for (let y = 0; y < 16; y++) for (let x = 0; x < 22; x++) if (strikes(x, y)) pen.fillRect(x, y, 1, 1);
    return canvas;
  };
  look.swatch = (id) => {
    const colour = id === 255 ? "#000000" : look.data.colours[id];
    const plain = el("span", { className: "swatch plain" });
    plain.style.background = colour;
    return [plain, struck(colour, id === 255 ? () => false : look.PATTERNS[id % 8])];
  };

  look.legend = () => {
    const names = [...look.data.classes.map((name, id) => [id, name]), [255, "not labelled"]];
    $("#legend").replaceChildren(...names.map(([id, name]) => {
      const box = el("input", { type: "checkbox", value: id });
      box.addEventListener("change", () => look.toggle([id], box.checked));
      const item = el("li", {}, el("label", { title: name }, box, ...look.swatch(id), el("span", { textContent: name })));
      item.addEventListener("mouseenter", () => spot(id));
      item.addEventListener("mouseleave", () => spot(null));
      return item;
    }));
  };
  look.toggle = (ids, on) => {
    const off = look.off();
    for (const id of ids) if (on) off.delete(id); else off.add(id);
    look.set({ off: [...off].sort((a, b) => a - b).join(",") });
  };

  // Words beside what they mean; light, dark and stripes tell it without colour.
  const meant = (canvas, text) => el("span", { className: "meant" }, canvas, text);
  const classes = () => [meant(struck("#000000", () => false), "not labelled; other colours are the classes")];
  const KEYS = {
    none: () => [], predicted: () => ["colours are the classes"], label: classes, truth: classes,
    confidence: () => {
      const bar = el("span", { className: "ramp" });
      bar.style.background = `linear-gradient(to right, ${look.HEAT.join(", ")})`;
      return ["0, dark", bar, "1, light"];
    },
    wrong: () => [meant(struck(look.RIGHT, () => false), "right"), meant(struck(look.WRONG, look.PATTERNS[0]), "wrong, striped")],
    change: () => ["painted where the class changed, in the new one’s colour; the rest is bare"],
  };
  look.layerKey = () => { for (const box of document.querySelectorAll(".layer-key")) box.replaceChildren(...KEYS[look.state.layer]()); };
})();
