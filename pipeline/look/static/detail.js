// One image: its layers, its rounds, a swipe between any two of them, and what lies under the pointer.
"use strict";
(() => {
  let planes = null, other = null, asked = 0;
  const { $, el } = look;
  const HINT = "Point at the picture to read its classes.";

  look.strip = () => {
    const index = look.opened(), round = look.round();
    const layers = Object.entries(look.LAYERS).map(([key, title], at) => [key, `${at + 1} ${title}`]);
    const there = { truth: look.data.truth[index], wrong: look.data.truth[index], change: round.before };
    $("#strip").replaceChildren(...layers.filter(([key]) => !(key in there) || there[key]).map(([key, title]) => {
      const canvas = el("canvas");
      const button = el("button", { onclick: () => look.set({ layer: key }) },
        el("span", { className: "picture" }, el("img", { src: look.picture(index), alt: "" }), canvas),
        el("span", { textContent: title }));
      button.dataset.layer = key;
      button.setAttribute("aria-pressed", key === look.state.layer);
      canvas.style.opacity = key === "wrong" || key === "change" ? 1 : 0.85;
      look.paint(canvas, key, planes, look.spotlight);
      return button;
    }));
  };

  const beside = () => look.state.beside || look.state.layer;
  const swiping = () => Boolean((look.state.with || look.state.beside) && other);
  look.swiped = () => {
    const on = swiping(), { at, state } = { at: look.state.at, state: look.state };
    const [left, right] = document.querySelectorAll("#stage > .pane");
    $("#divider").hidden = $("#swipe").hidden = $("#other").hidden = !on;
    $("#swipe").value = at;
    $("#divider").style.left = `${at}%`;
    const named = (round, layer) => [round, state.beside ? look.LAYERS[layer] : ""].filter(Boolean).join(", ");
    $("#divider").dataset.left = named(state.with || state.round, beside());
    $("#divider").dataset.right = named(state.round, state.layer);
    right.style.clipPath = `inset(0 ${100 - at}% 0 0)`;
    left.style.clipPath = on ? `inset(0 0 0 ${at}%)` : "";
  };

  look.detailRepaint = () => {
    const own = $("#stage canvas"), second = $("#other"), { layer } = look.state;
    const shown = look.paint(own, layer, planes, look.spotlight);
    look.paint(second, beside(), other, look.spotlight);
    for (const canvas of [own, second]) canvas.style.opacity = look.hidden ? 0 : look.state.opacity / 100;
    $("#stage").classList.toggle("fine", layer === "confidence");
    $("#readout").textContent = shown || layer === "none" ? HINT : `This image has no ${look.LAYERS[layer]} here.`;
    look.swiped();
  };

  // The file itself, named by a path from the page: each part of it quoted, whatever it is called.
  const address = (index) => [...(look.data.provenance?.root ?? "").split("/"), ...look.data.images[index].split("/")].map(encodeURIComponent).join("/");
  const picture = (index) => {
    const there = look.data.provenance?.root !== undefined;
    const root = address(index).startsWith("/") ? `file://${address(index)}` : address(index);
    $("#file").hidden = !there;
    $("#file").href = root;
    const src = look.state.original && there ? root : look.picture(index), image = $("#stage img");
    image.onerror = () => {
      if (image.getAttribute("src") !== root) return;
      look.say(`The original is not where this report was made from, ${look.data.images[index]}: open the page in its project, from disk.`);
      look.set({ original: false });
    };
    if (image.getAttribute("src") !== src) image.src = src;
  };

  look.detail = async (index) => {
    const { data, state, list } = look;
    const round = look.round(), now = ++asked;
    const at = list.indexOf(index);
    if (at >= 0) look.stood = at;
    look.last = index;
    look.review.see(data.ids[index]);
    look.count();
    $("#name").textContent = data.images[index].split("/").pop();
    $("#name").title = data.images[index];
    $("#mark").checked = look.marks().has(data.ids[index]);
    $("#detail").style.setProperty("--ratio", data.size[0] / data.size[1]);
    picture(index);
    look.zoomed();
    look.judging();
    $("#edit").hidden = !round?.labels;
    if (!round) return;
    look.facts(index, round);
    const second = data.rounds.find((r) => r.name === state.with) ?? (state.beside ? round : null);
    const found = await Promise.all([look.planes(round, index, true), second ? look.planes(second, index, true) : null]);
    if (now !== asked || index !== look.opened()) return;
    [planes, other] = found;
    look.strip();
    look.detailRepaint();
    for (const near of [list[at - 1], list[at + 1]]) if (near !== undefined) look.planes(round, near, true);
  };

  look.readout = (event) => {
    const [width, height] = look.data.size, [u, v, across] = look.place(event);
    const x = Math.floor(u * width), y = Math.floor(v * height);
    if (x < 0 || y < 0 || x >= width || y >= height || !planes?.label) return;
    const onOther = swiping() && 100 * across < look.state.at, from = onOther ? other : planes;
    const named = (map) => (map ? look.data.classes[map[y * width + x]] ?? "none" : null);
    const sure = from.confidence[(y >> 1) * Math.ceil(width / 2) + (x >> 1)] / (look.data.levels - 1);
    const parts = [onOther ? look.state.with || look.state.round : look.state.round, `prediction: ${named(from.predicted)} (${look.percent(sure)})`,
      `pseudo-label: ${named(from.label)}`, from.truth ? `truth: ${named(from.truth)}` : ""];
    $("#readout").textContent = parts.filter(Boolean).join("   ·   ");
  };
})();
