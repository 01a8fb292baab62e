// A label that is corrected in place: strokes on it at its full size, undone and done again, and saved.
"use strict";
(() => {
  const { $ } = look;
  const IGNORED = 255;
  const drafts = new Map(), saved = new Map(); // by round and image: what was left unsaved, and what was saved here
  let now = null; // {key, round, index, label, superpixels, done, undone, changed}

  const size = () => look.data.working;
  look.editing = () => now;

  const opened = async (round, index) => {
    const before = saved.get(`${round.name}/${index}`);
    if (before) return before.slice();
    if (look.review.made.has(`${round.name}/${look.data.names[index]}`))
      look.say("You corrected this label before. Here is what the round made of it: saving it again replaces your correction.");
    const [width] = size(), { label } = await look.load(`look/${round.name}/labels`, index);
    for (let at = width; at < label.length; at++) label[at] ^= label[at - width]; // rows are written as what differs
    return label;
  };
  const begin = async () => {
    const round = look.round(), index = look.opened(), key = `${round.name}/${index}`;
    if (now || !round.labels || index < 0) return;
    try {
      const label = drafts.get(key) ?? (await opened(round, index));
      const { superpixels } = look.data.superpixels ? await look.load("panels/superpixels", index).catch(() => ({})) : {};
      if (index !== look.opened() || round !== look.round()) return;
      now = { key, round, index, label, superpixels, done: [], undone: [], changed: drafts.has(key) };
    } catch (error) { return look.say(`The label cannot be opened: ${error.message}. Make its gallery again: dvc repro`); }
    $("#edited").width = size()[0];
    $("#edited").height = size()[1];
    paint();
    look.toolbar();
  };
  const leave = () => {
    if (!now) return;
    if (now.changed) { drafts.set(now.key, now.label); look.say("The correction is not saved; e goes on with it."); }
    else drafts.delete(now.key);
    now = null;
    look.toolbar();
  };
  look.edit = () => (now ? leave() : begin());
  // Another image, round or tab ends it.
  look.follows = () => { if (now && (look.state.tab !== "images" || look.opened() !== now.index || look.round() !== now.round)) leave(); };

  // A part of the label in the colours of classes, all of it without one.
  const paint = (x0 = 0, y0 = 0, x1 = size()[0], y1 = size()[1]) => {
    if (x0 >= x1 || y0 >= y1) return;
    const [width] = size(), [plain] = look.tables(null), part = new ImageData(x1 - x0, y1 - y0), out = new Uint32Array(part.data.buffer);
    for (let y = y0, to = 0; y < y1; y++) for (let x = x0; x < x1; x++) out[to++] = plain[now.label[y * width + x]];
    $("#edited").getContext("2d").putImageData(part, x0, y0);
  };
  look.editRepaint = () => { if (now) { paint(); $("#edited").style.opacity = look.hidden ? 0 : look.state.opacity / 100; } };

  // Spans in a class; what was there before goes into the stroke that is undone as one.
  look.cover = (spans, value, stroke) => {
    const [width] = size(), { label } = now;
    let [x0, y0, x1, y1] = [Infinity, Infinity, 0, 0];
    for (const [y, from, to] of spans) {
      const [start, end] = [y * width + from, y * width + to];
      stroke.push([start, label.slice(start, end), value]);
      label.fill(value, start, end);
      [x0, y0, x1, y1] = [Math.min(x0, from), Math.min(y0, y), Math.max(x1, to), Math.max(y1, y + 1)];
    }
    paint(x0, y0, x1, y1);
  };
  look.stroked = (stroke) => {
    if (!stroke.length) return;
    now.done.push(stroke);
    Object.assign(now, { undone: [], changed: true });
    look.toolbar();
  };
  look.undo = () => {
    const stroke = now?.done.pop();
    if (!stroke) return;
    for (const [start, before] of stroke.toReversed()) now.label.set(before, start);
    now.undone.push(stroke);
    now.changed = now.done.length > 0 || drafts.has(now.key);
    paint();
    look.toolbar();
  };
  look.redo = () => {
    const stroke = now?.undone.pop();
    if (!stroke) return;
    for (const [start, before, value] of stroke) now.label.fill(value, start, start + before.length);
    now.done.push(stroke);
    now.changed = true;
    paint();
    look.toolbar();
  };

  // The label at the panels' size takes the place of what the page has shown so far.
  const shown = async ({ round, index, label }) => {
    const [width, height] = look.data.size, [wide, high] = size(), planes = await look.maps(round.name, index);
    planes.label = Uint8Array.from({ length: width * height }, (_, at) =>
      label[Math.floor(((Math.floor(at / width) + 0.5) * high) / height) * wide + Math.floor(((at % width + 0.5) * wide) / width)]);
  };
  look.saveEdit = async () => {
    if (!now) return;
    const made = now, name = look.data.names[now.index];
    const said = await look.keep(`data/corrections/${now.round.name}/${name}.png`, await look.png(now.label, ...size(), look.data.colours));
    await shown(made);
    made.changed = false;
    saved.set(made.key, made.label);
    leave();
    look.review.correct(made.round.name, name);
    look.say(said);
    look.refresh();
    look.render();
  };

  addEventListener("beforeunload", (event) => { if (now?.changed || drafts.size) event.preventDefault(); });
  look.classAt = ([u, v]) => {
    const [width, height] = size(), x = Math.floor(u * width), y = Math.floor(v * height);
    return x >= 0 && y >= 0 && x < width && y < height ? now.label[y * width + x] : IGNORED;
  };
})();
