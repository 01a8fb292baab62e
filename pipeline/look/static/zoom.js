// How near the image is, what part of it, and whether it takes the whole window.
"use strict";
(() => {
  const { $ } = look;
  const NEAREST = 40, HANDLE = 12; // times; pixels beside the divider that take hold of it
  let view = [1, 0.5, 0.5], saving = 0, held = null;
  const pointers = new Map();

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  // Where the image's corner lies, in shares of the stage.
  const corner = ([scale, x, y]) => [x, y].map((at) => clamp(0.5 - at * scale, 1 - scale, 0));
  const apply = () => {
    const [left, top] = corner(view);
    view = [view[0], (0.5 - left) / view[0], (0.5 - top) / view[0]];
    const style = $("#stage").style;
    style.setProperty("--move", `${100 * left}%, ${100 * top}%`);
    style.setProperty("--scale", view[0]);
    $("#stage").classList.toggle("near", view[0] > 1);
  };
  const save = () => {
    apply();
    clearTimeout(saving); // a browser takes so many addresses a second, and no more
    const text = view[0] === 1 ? "" : view.map((v) => +v.toFixed(4)).join(",");
    saving = setTimeout(() => { if (look.state.image) look.set({ view: text }); }, 250);
  };
  look.zoomed = () => {
    const [scale, x, y] = look.state.view.split(",").map(Number);
    clearTimeout(saving);
    view = scale >= 1 && scale <= NEAREST && [x, y].every(Number.isFinite) ? [scale, x, y] : [1, 0.5, 0.5];
    apply();
  };

  const at = (event) => {
    const box = $("#stage").getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  // Of a pointer: its place in the image, and across the stage, all as shares.
  look.place = (event) => {
    const [x, y] = at(event), [left, top] = corner(view);
    return [(x - left) / view[0], (y - top) / view[0], x];
  };
  // Nearer by a factor; what lay under one place of the stage then lies under another, or stays.
  const zoom = (factor, [x, y], from = [x, y]) => {
    const [left, top] = corner(view), scale = clamp(view[0] * factor, 1, NEAREST);
    const [u, v] = [(from[0] - left) / view[0], (from[1] - top) / view[0]];
    view = [scale, u + (0.5 - x) / scale, v + (0.5 - y) / scale];
    save();
  };
  let pointed = [0.5, 0.5];
  look.zoomTo = (scale) => zoom(scale / view[0], pointed);

  look.widened = () => {
    const on = look.state.whole && !$("#detail").hidden;
    document.body.classList.toggle("whole", on);
    $("#whole").setAttribute("aria-pressed", on);
  };

  // Of two pointers: how far apart they are, and what lies between them.
  const fingers = () => {
    const [a, b] = [...pointers.values()];
    return { apart: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1e-3, middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
  };
  const swipeTo = (x) => look.set({ at: Math.round(100 * clamp(x, 0, 1)) });
  const down = (event) => {
    if (event.button || look.draws(event)) return;
    pointers.set(event.pointerId, at(event));
    const swiping = !$("#divider").hidden;
    const near = swiping && Math.abs(at(event)[0] - look.state.at / 100) * $("#stage").clientWidth < HANDLE;
    held = near || (swiping && view[0] === 1) ? "divider" : "image";
    try { $("#stage").setPointerCapture(event.pointerId); } catch { /* it was let go already */ }
  };
  const move = (event) => {
    pointed = at(event);
    if (look.moves(event)) return;
    if (!look.editing()) look.readout(event);
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const [x, y] = pointed, two = pointers.size === 2, was = two && fingers();
    pointers.set(event.pointerId, [x, y]);
    if (two) { const now = fingers(); zoom(now.apart / was.apart, now.middle, was.middle); }
    else if (held === "divider") swipeTo(x);
    else if (view[0] > 1) { view = [view[0], view[1] - (x - before[0]) / view[0], view[2] - (y - before[1]) / view[0]]; save(); }
  };
  const up = (event) => { pointers.delete(event.pointerId); look.lifts(); };

  look.zooming = () => {
    const stage = $("#stage");
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), at(event));
    }, { passive: false });
    stage.addEventListener("pointerdown", down);
    stage.addEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, up);
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("dblclick", () => look.editing() || zoom(view[0] > 1 ? 1 / view[0] : 4, pointed));
  };
})();
