// One image: its layers, its rounds, a swipe between two of them, and what lies under the pointer.
"use strict";
(() => {
  let planes = null, other = null, asked = 0;
  const { $, el } = look;

  // A word of a shell command, whatever a file is called.
  look.quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

  const commands = (round, name) => {
    const label = look.quoted(`data/rounds/${round.name}/labels/${name}.png`);
    const place = look.quoted(`data/corrections/${round.name}/${name}.png`);
    return `mkdir -p data/corrections/${round.name}\ncp ${label} \\\n   ${place}\n# edit it, then:\ndvc repro\n\n`
      + `# other rounds from this round's model:\nsegue branch ${round.name} NEW_NAME --rounds 1\ndvc repro`;
  };

  const facts = (index) => {
    const { data } = look;
    const truth = data.truth[index];
    const lines = [["labelled", (r) => look.percent(r.columns.coverage[index], 1)],
      ["entropy", (r) => look.percent(r.columns.entropy[index], 1)], ["confidence", (r) => look.percent(r.columns.confidence[index], 1)],
      ["split", (r) => (r.hard[index] ? "hard" : "easy")], ["rank", (r) => `${r.rank[index] + 1}.`],
      ["changed", (r) => look.percent(r.columns.change?.[index], 1)]];
    if (truth) lines.push(["wrong labels", (r) => look.percent(r.columns.wrong[index], 1)],
      ["wrong prediction", (r) => look.percent(r.columns.wrong_prediction[index], 1)]);
    if (data.rounds.some((r) => r.corrected[index]))
      lines.push(["label", (r) => (r.corrected[index] ? el("span", { className: "badge corrected", textContent: "corrected" }) : "made")]);
    const row = (tag, title, value) => el("tr", {}, el(tag, { textContent: title }), ...data.rounds.map((r) =>
      el(tag, { className: r.name === look.state.round ? "now" : "" }, value(r))));
    const table = el("table", {}, row("th", "", (r) => r.name), ...lines.map(([title, value]) => row("td", title, value)));
    const path = el("p", { className: "path", textContent: data.images[index] });
    return [el("div", { className: "scroll" }, table), path];
  };

  const strip = (index, round) => {
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

  const swipe = () => {
    const on = Boolean(look.state.with && other);
    const divider = $("#divider"), at = look.state.at;
    divider.hidden = $("#swipe").hidden = $("#other").hidden = !on;
    $("#swipe").value = at;
    divider.style.left = `${at}%`;
    divider.dataset.left = look.state.with;
    divider.dataset.right = look.state.round;
    $("#other").style.clipPath = `inset(0 ${100 - at}% 0 0)`;
    $("#stage > canvas").style.clipPath = on ? `inset(0 0 0 ${at}%)` : "";
  };

  look.detailRepaint = () => {
    const [own, beside] = document.querySelectorAll("#stage canvas");
    const layer = look.state.layer;
    const shown = look.paint(own, layer, planes, look.spotlight);
    look.paint(beside, layer, other, look.spotlight);
    for (const canvas of [own, beside]) canvas.style.opacity = look.hidden ? 0 : look.state.opacity / 100;
    $("#stage").classList.toggle("fine", layer === "confidence");
    $("#readout").textContent = shown || layer === "none" ? HINT : `This image has no ${look.LAYERS[layer]} here.`;
    swipe();
  };
  const HINT = "Point at the picture to read its classes.";

  look.detail = async (index, list) => {
    const { data, state } = look;
    const round = look.round(), now = ++asked;
    const at = list.indexOf(index);
    $("#name").textContent = data.images[index].split("/").pop();
    $("#name").title = data.images[index];
    look.$("#count").textContent = at < 0 ? "not in the list" : `${at + 1} of ${list.length}`;
    $("#mark").checked = look.marks().has(data.ids[index]);
    $("#detail").style.setProperty("--ratio", data.size[0] / data.size[1]);
    const picture = $("#stage img");
    if (picture.getAttribute("src") !== look.picture(index)) picture.src = look.picture(index);
    if (!round) return;
    $("#facts").replaceChildren(...facts(index));
    $("#commands").textContent = commands(round, data.names[index]);
    const second = data.rounds.find((r) => r.name === state.with && r !== round);
    const found = await Promise.all([look.planes(round, index, true), second ? look.planes(second, index) : null]);
    if (now !== asked) return;
    [planes, other] = found;
    strip(index, round);
    look.detailRepaint();
    for (const near of [list[at - 1], list[at + 1]]) if (near !== undefined) look.planes(round, near, true);
  };

  look.readout = (event) => {
    const box = $("#stage").getBoundingClientRect();
    const [width, height] = look.data.size;
    const x = Math.floor(((event.clientX - box.left) / box.width) * width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * height);
    if (x < 0 || y < 0 || x >= width || y >= height || !planes?.label) return;
    const onOther = look.state.with && other && event.clientX - box.left < (box.width * look.state.at) / 100;
    const from = onOther ? other : planes;
    const named = (map) => (map ? look.data.classes[map[y * width + x]] ?? "none" : null);
    const sure = from.confidence[(y >> 1) * Math.ceil(width / 2) + (x >> 1)] / (look.data.levels - 1);
    const parts = [onOther ? look.state.with : look.state.round, `prediction: ${named(from.predicted)} (${look.percent(sure)})`,
      `pseudo-label: ${named(from.label)}`, from.truth ? `truth: ${named(from.truth)}` : ""];
    $("#readout").textContent = parts.filter(Boolean).join("   ·   ");
  };
})();
