// Controls, and what is drawn when something changes.
"use strict";
(() => {
  const { $, el } = look;
  let list = [];
  look.spotlight = null;
  look.hidden = false;
  look.round = () => look.data.rounds.find((r) => r.name === look.state.round);
  const PAINTED = ["opacity", "outline", "pattern", "off"];
  // Tabs of files of their own: what draws one, its keys, and whether there is anything to show.
  look.tabs = {};
  look.tab = () => { const tab = look.tabs[look.state.tab]; return tab?.there() ? tab : undefined; };

  look.render = (changes = {}) => {
    const { state, data } = look;
    if (!look.round() && data.rounds.length) state.round = data.rounds.at(-1).name;
    if (!(state.layer in look.LAYERS)) state.layer = look.DEFAULTS.layer;
    if (!(state.sort in look.SORTS)) state.sort = look.DEFAULTS.sort;
    const keys = Object.keys(changes);
    show();
    const other = look.tab();
    for (const name of Object.keys(look.tabs)) $(`#${name}`).hidden = !other || name !== state.tab;
    if (other) {
      for (const part of ["#charts", "#detail", "#grid", "#empty"]) $(part).hidden = true;
      return other.draw();
    }
    if (keys.length && keys.every((key) => PAINTED.includes(key))) return state.tab === "charts" ? look.charts() : repaint();
    if (keys.length && keys.every((key) => key === "at")) return look.detailRepaint();
    list = look.chosen(look.round());
    look.list = list;
    const index = data.ids.indexOf(state.image);
    const [charts, detail] = [state.tab === "charts", state.tab === "images" && index >= 0];
    const leaving = !$("#detail").hidden && !detail;
    $("#charts").hidden = !charts;
    $("#detail").hidden = !detail;
    $("#grid").hidden = charts || detail;
    $("#empty").hidden = charts || detail || list.length > 0;
    $("#verdict").hidden = detail;
    $("#count").textContent = list.length === data.images.length ? `${list.length} images` : `${list.length} of ${data.images.length} images`;
    if (charts) look.charts();
    else if (detail) look.detail(index, list);
    else look.grid(list);
    if (leaving && !charts) scrollTo(0, look.scrolled ?? 0);
  };

  const repaint = () => { if ($("#detail").hidden) look.gridRepaint(); else { look.detailRepaint(); strip(); } };
  const strip = () => look.detail(look.data.ids.indexOf(look.state.image), list);

  // Makes every control say what the state says.
  const show = () => {
    const { state, data } = look;
    for (const control of document.querySelectorAll("[data-key]")) {
      const value = state[control.dataset.key];
      if (control.type === "checkbox") control.checked = value;
      else if (control !== document.activeElement || control.tagName === "SELECT") control.value = value;
    }
    for (const input of document.querySelectorAll("[data-range]")) {
      const [from = "", to = ""] = state[input.dataset.range].split("-");
      if (input !== document.activeElement) input.value = input.dataset.end === "from" ? from : to;
    }
    for (const button of $("#rounds").children) button.setAttribute("aria-pressed", button.textContent === state.round);
    for (const button of $("#tabs").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.tab === state.tab);
      button.hidden = look.tabs[button.dataset.tab]?.there() === false;
    }
    document.body.dataset.tab = look.tab() ? state.tab : "";
    const off = look.off();
    for (const item of $("#legend").querySelectorAll("input")) item.checked = !off.has(Number(item.value));
    const marks = look.marks().size;
    $("#marks").textContent = marks ? `(${marks})` : "";
    document.body.classList.toggle("patterned", state.pattern);
    document.title = `Segue: ${state.image ? data.images[data.ids.indexOf(state.image)] ?? "" : state.tab}, ${state.round}`;
  };

  const spot = (id) => { if (look.spotlight !== id) { look.spotlight = id; if (look.state.tab === "images") repaintSoon(); } };
  let waiting = 0;
  const repaintSoon = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(() => ($("#detail").hidden ? look.gridRepaint() : look.detailRepaint())); };

  const swatch = (id) => {
    const canvas = el("canvas", { width: 22, height: 16, className: "swatch" });
    const pen = canvas.getContext("2d");
    const colour = id === 255 ? "#000000" : look.data.colours[id];
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 22, 16);
    pen.fillStyle = parseInt(colour.slice(3, 5), 16) > 110 ? "#000a" : "#fffa";
    for (let y = 0; y < 16; y++) for (let x = 0; x < 22; x++) if (id !== 255 && look.PATTERNS[id % 8](x, y)) pen.fillRect(x, y, 1, 1);
    const plain = el("span", { className: "swatch plain" });
    plain.style.background = colour;
    return [plain, canvas];
  };

  const legend = () => {
    const names = [...look.data.classes.map((name, id) => [id, name]), [255, "not labelled"]];
    $("#legend").replaceChildren(...names.map(([id, name]) => {
      const box = el("input", { type: "checkbox", value: id });
      box.addEventListener("change", () => toggle([id], box.checked));
      const item = el("li", {}, el("label", { title: name }, box, ...swatch(id), el("span", { textContent: name })));
      item.addEventListener("mouseenter", () => spot(id));
      item.addEventListener("mouseleave", () => spot(null));
      return item;
    }));
  };
  const toggle = (ids, on) => {
    const off = look.off();
    for (const id of ids) if (on) off.delete(id); else off.add(id);
    look.set({ off: [...off].sort((a, b) => a - b).join(",") });
  };

  const options = (select, pairs) => $(select).append(...pairs.map(([value, text]) => el("option", { value, textContent: text })));
  const build = () => {
    const { data } = look;
    options("#layer", Object.entries(look.LAYERS));
    options("#sort", Object.entries(look.SORTS));
    options("#class", data.classes.map((name) => [name, name]));
    options("#with", [["", "no round"], ...data.rounds.map((r) => [r.name, r.name])]);
    $("#rounds").replaceChildren(...data.rounds.map((r) => el("button", { textContent: r.name, onclick: () => look.set({ round: r.name }),
      title: `source: ${r.source}; teacher: ${r.teacher}; start: ${r.start}; labels: ${r.pseudo_label.labeler} ${r.pseudo_label.portion}` })));
    $("#ranges").replaceChildren(...Object.entries(look.MEASURES).map(([key, title]) => {
      const ends = ["from", "to"].map((end) => {
        const input = el("input", { type: "number", min: 0, max: 100, step: "any", placeholder: end === "from" ? "0" : "100" });
        Object.assign(input.dataset, { range: key, end });
        input.setAttribute("aria-label", `${title} ${end}, percent`);
        return input;
      });
      return el("div", { className: "row range" }, el("span", { textContent: title }), ends[0], "to", ends[1], "%");
    }));
    if (!data.truth.some(Boolean)) $("[data-key=of] [value=wrong_kept]").remove();
    legend();
    look.verdict();
  };

  const changed = (event) => {
    const { key, range } = event.target.dataset;
    if (key) {
      const { type, checked, value } = event.target;
      look.set({ [key]: type === "checkbox" ? checked : type === "range" ? Number(value) : value });
    } else if (range) {
      const [from, to] = ["from", "to"].map((end) => $(`[data-range=${range}][data-end=${end}]`).value);
      look.set({ [range]: from || to ? `${from}-${to}` : "" });
    }
  };

  const cleared = () => Object.fromEntries(["subset", "class", "least", "name", "corrected", "marked", ...Object.keys(look.MEASURES)]
    .map((key) => [key, look.DEFAULTS[key]]));
  const copy = async (text, button) => {
    try { await navigator.clipboard.writeText(text); } catch { prompt("Copy this", text); return; }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = before), 1200);
  };

  const listen = () => {
    document.addEventListener("input", changed);
    document.addEventListener("keydown", look.key);
    addEventListener("hashchange", () => { look.readAddress(); look.render(); });
    addEventListener("popstate", () => { look.readAddress(); look.render(); });
    $("#grid").addEventListener("click", (event) => {
      const card = event.target.closest(".card");
      if (card) { look.scrolled = scrollY; scrollTo(0, 0); look.set({ image: look.data.ids[list[card.dataset.place]] }); }
    });
    $("#tabs").addEventListener("click", (event) => { if (event.target.dataset.tab) look.set({ tab: event.target.dataset.tab }); });
    $("#stage").addEventListener("pointermove", (event) => {
      look.readout(event);
      if (event.buttons && look.state.with) { const box = $("#stage").getBoundingClientRect(); look.set({ at: Math.round(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width))) }); }
    });
    const clicks = {
      "#back": () => look.set({ image: "" }), "#previous": () => look.step(-1), "#next": () => look.step(1), "#reset": () => look.set(cleared()),
      "#mark-all": () => look.mark(list.map((i) => look.data.ids[i]), true), "#mark-none": () => look.set({ marks: "", marked: false }),
      "#all-on": () => look.set({ off: "" }), "#all-off": () => toggle([...look.data.classes.keys(), 255], false),
      "#link": (e) => copy(location.href, e.target), "#names": (e) => copy(list.map((i) => look.data.names[i]).join("\n"), e.target),
      "#help-button": () => $("#help").showModal(),
      "#menu": (e) => e.target.setAttribute("aria-expanded", document.body.classList.toggle("open")),
    };
    for (const [where, act] of Object.entries(clicks)) $(where).addEventListener("click", act);
    $("#mark").addEventListener("change", (e) => look.mark([look.state.image], e.target.checked));
    $("#help dl").append(...look.keys().flatMap(([name, what]) => [el("dt", { textContent: name }), el("dd", { textContent: what })]));
  };

  look.open = async (data) => {
    look.data = data;
    for (const round of data.rounds) {
      for (const [name, packed] of Object.entries(round.shares)) round.shares[name] = new Uint16Array((await look.unpack(packed)).buffer);
      round.rank = ranks(round.columns.score, data.images);
    }
    look.prune(data);
    build();
    listen();
    look.readAddress();
    look.render();
    document.body.dataset.ready = Math.round(performance.now());
  };
  // As the split breaks ties: by name.
  const ranks = (scores, images) => {
    const order = [...scores.keys()].sort((a, b) => scores[a] - scores[b] || (images[a] < images[b] ? -1 : 1));
    const rank = Array(order.length);
    order.forEach((image, place) => (rank[image] = place));
    return rank;
  };
})();
