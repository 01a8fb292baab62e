// Curves over rounds, and a histogram with the split; drawn by uPlot.
"use strict";
(() => {
  const drawn = [];
  const colour = (name) => getComputedStyle(look.$("#charts")).getPropertyValue(name);
  const DASHES = look.DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
  look.COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

  // The models that led to a round, the first teacher first.
  const chain = (name) => {
    const found = [name];
    for (let round; (round = look.data.rounds.find((r) => r.name === found[0])); ) found.unshift(round.teacher);
    return found;
  };
  const leaves = () => look.data.rounds.filter((r) => !look.data.rounds.some((o) => o.teacher === r.name)).map((r) => r.name);
  // The longest branch that a round lies on: what the charts of classes show.
  const branch = () => leaves().map(chain).filter((c) => c.includes(look.state.round)).sort((a, b) => b.length - a.length)[0] ?? [];

  // A chart of series over places, whose ticks are `names`; a series' `at` says what it has there.
  // `ratio`: on a logarithmic axis, where it takes that to tell small values apart.
  look.chart = (title, note, names, series, unit, { size = names.length, ratio = false, open = null } = {}) => {
    const box = look.el("figure", {}, look.el("figcaption", {}, look.el("b", { textContent: title }), " ", look.el("span", { textContent: note })));
    const tip = look.el("output", { className: "tip" });
    box.append(tip);
    look.$("#charts").append(box);
    const shown = series.filter((s) => s.values.some((v) => v !== null && v !== undefined));
    if (!shown.length) { tip.textContent = "nothing to show"; return; }
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--ink"), grid, ticks: grid, font: "12px system-ui" };
    const tell = (u, at) => {
      const value = at ? u.data[at][u.cursor.idx] : null;
      tip.textContent = value === null || value === undefined ? "" : `${shown[at - 1].name}: ${value.toFixed(unit === "%" ? 1 : 3)}${unit && ` ${unit}`}, ${shown[at - 1].at?.[u.cursor.idx] ?? names[u.cursor.idx]}`;
    };
    let focused = null;
    const ticks = [...names.keys()].filter((i) => names[i] !== undefined);
    const [height, room] = shown.length > look.NAMED ? [250, 12] : [Math.max(250, 13 * shown.length + 62), look.room(shown)];
    const values = shown.flatMap((s) => s.values.filter((v) => v !== null && v !== undefined));
    const log = ratio && Math.min(...values) > 0 && Math.max(...values) > 5 * Math.min(...values);
    const tick = (u, i) => look.cut(names[i], u.bbox.width / devicePixelRatio / Math.max(1, ticks.length - 1) - 6);
    const plot = new uPlot({
      width: 400, height, legend: { show: false }, padding: [12, room, 0, 0],
      cursor: { focus: { prox: 24 }, drag: { x: false, y: false } }, focus: { alpha: 0.25 },
      hooks: { setSeries: [(u, at) => { focused = at; tell(u, at); }], setCursor: [(u) => tell(u, focused)],
        draw: shown.length > look.NAMED ? [] : [(u) => look.nameEnds(u, shown)] },
      scales: { y: log ? { distr: 3, range: (_, low, high) => [0.9 * low, 1.1 * high] } : {}, x: { time: false, range: [-0.02 * size, size - 1 + (size > 1 ? 0 : 0.15)] } },
      axes: [{ ...axis, splits: () => ticks, values: (u, at) => at.map((i) => tick(u, i)) },
        { ...axis, size: 58, values: (_, at) => at.map((v) => (v === null ? "" : `${unit === "%" ? +v.toFixed(2) : +v.toPrecision(log ? 2 : 4)}${unit}`)) }],
      series: [{}, ...shown.map((s) => ({ label: s.name, stroke: s.colour, width: s.flat ? 1.5 : 2, dash: s.dash,
        points: { show: !s.flat && size < 40, size: 6, fill: s.colour }, spanGaps: true }))],
    }, [Array.from({ length: size }, (_, i) => i), ...shown.map((s) => s.values.map((v) => v ?? null))], box);
    if (open) plot.over.addEventListener("click", () => { if (focused) open(shown[focused - 1], plot.cursor.idx); });
    plot.over.classList.toggle("leads", Boolean(open));
    plot.root.setAttribute("role", "img");
    plot.root.setAttribute("aria-label", `${title}. The numbers are in summary.html.`);
    drawn.push({ plot, box, height });
  };

  const models = (chains) => {
    for (const [key, title, unit, note] of NUMBERS)
      if (look.data.models.some((m) => key in m.numbers)) byRound(chains, (m) => m.numbers[key], title, unit, note);
  };
  // Of whole models; what needs no label stands where there is no mIoU.
  const NUMBERS = [["miou", "mIoU", "%", ""], ["few", "mIoU on few labels", "%", ""], ["entropy", "Entropy", "", "lower is better"],
    ["information", "Information", "", "higher is better"], ["neighbourhood", "Neighbourhood", "", "higher is better"],
    ["neighbourhood_image", "Neighbourhood in images", "", "higher is better"]];

  const byRound = (chains, number, title, unit, note) => {
    const values = Object.fromEntries(look.data.models.map((m) => [m.name, number(m)]));
    const longest = Math.max(0, ...chains.map((c) => c.length));
    const curves = chains.map((c, i) => ({ name: chains.length > 1 ? `to ${c.at(-1)}` : title, at: c, colour: look.COLOURS[i % 6],
      values: Array.from({ length: longest }, (_, at) => values[c[at]]) }));
    const others = look.data.models.filter((m) => !chains.flat().includes(m.name));
    const flat = others.map((m, i) => ({ name: m.name, flat: true, colour: "#7b8490", dash: DASHES[1 + (i % 3)], at: Array(longest).fill("no round of it"),
      values: Array(longest).fill(number(m)) }));
    const names = chains.length === 1 ? chains[0] : Array.from({ length: longest }, (_, at) => (at ? `${at}` : "start"));
    const dashed = others.length ? "dashed: models that no round goes back to" : "";
    look.chart(`${title} by round`, [note, dashed].filter(Boolean).join("; "), names, [...curves, ...flat], unit);
  };

  const ofClasses = (title, note, names, value, unit) => {
    const off = look.off();
    look.chart(title, note, names, look.data.classes.map((name, id) => ({ name, id, colour: look.data.colours[id], dash: DASHES[id % 4],
      values: names.map((model) => value(model, id)) })).filter((s) => !off.has(s.id)), unit, { open: (series, at) => images(series.name, names[at]) });
  };
  // The images of a line: those with its class, in the round that was pointed at.
  const images = (name, round) => look.set({ tab: "images", image: "", class: name, ...(look.data.rounds.some((r) => r.name === round) ? { round } : {}) });
  // Of a round, the mean of a class's label quality over all pixels that it labels.
  const quality = (name, id) => {
    const { shares } = look.data.rounds.find((r) => r.name === name), side = look.data.classes.length;
    let [sum, total] = [0, 0];
    for (let at = id; at < shares.quality.length; at += side) { sum += shares.quality[at] * shares.kept[at]; total += shares.kept[at]; }
    return total ? (100 * sum) / total / 65535 : null;
  };

  const histogram = () => {
    const round = look.round();
    const values = round.columns.entropy;
    const top = Math.max(...values) || 1, low = Math.min(...values);
    const count = Math.min(30, Math.max(8, Math.round(Math.sqrt(values.length))));
    const bins = Array.from({ length: count }, () => [0, 0, 0]);
    values.forEach((v, i) => bins[Math.min(count - 1, Math.floor(((v - low) / (top - low || 1)) * count))][round.hard[i]]++);
    const most = Math.max(...bins.map(([easy, hard]) => easy + hard));
    const [easy, hard] = [0, 1].map((side) => values.filter((_, i) => round.hard[i] === side));
    const ends = [Math.max(...easy), Math.min(...hard)];
    const NS = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(NS, "svg");
    const put = (tag, given, text = "") => {
      const made = document.createElementNS(NS, tag);
      for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
      made.textContent = text;
      svg.append(made);
      return made;
    };
    const x = (v) => 40 + ((v - low) / (top - low || 1)) * 540, y = (n) => 210 - (n / most) * 190;
    svg.setAttribute("viewBox", "0 0 615 250");
    bins.forEach(([e, h], at) => {
      const left = 40 + (at * 540) / count, width = 540 / count - 1.5;
      const from = low + ((top - low) * at) / count, to = low + ((top - low) * (at + 1)) / count;
      put("rect", { x: left, width, y: y(e), height: 210 - y(e), fill: "#0072b2" });
      put("rect", { x: left, width, y: y(e + h), height: y(e) - y(e + h), fill: "#e69f00" });
      const hit = put("rect", { x: left, width, y: 20, height: 190, fill: "transparent", style: "cursor:pointer" });
      hit.append(document.createElementNS(NS, "title"));
      hit.firstChild.textContent = `${look.percent(from, 1)} to ${look.percent(to, 1)}: ${e} easy, ${h} hard. Click to see them.`;
      hit.addEventListener("click", () => look.set({ tab: "images", image: "", entropy: `${(100 * from).toFixed(2)}-${(100 * to).toFixed(2)}`, sort: "entropy" }));
    });
    for (const part of [0, 0.25, 0.5, 0.75, 1]) put("text", { x: 40 + 540 * part, y: 228, "text-anchor": "middle", class: "tick" }, look.percent(low + (top - low) * part, 1));
    put("text", { x: 34, y: 26, "text-anchor": "end", class: "tick" }, most);
    put("text", { x: 34, y: 212, "text-anchor": "end", class: "tick" }, "0");
    if (ends[0] <= ends[1] && easy.length && hard.length) {
      const cut = x((ends[0] + ends[1]) / 2);
      put("line", { x1: cut, x2: cut, y1: 12, y2: 210, stroke: colour("--ink"), "stroke-width": 1.5, "stroke-dasharray": "5 3" });
      put("text", { x: cut + 5, y: 20, class: "tick" }, "cut");
    }
    const key = look.el("span", {}, look.el("i", { className: "key easy" }), "easy ", look.el("i", { className: "key hard" }), "hard, ",
      `ranked by ${round.split.ranker}; a bar is a link`);
    look.$("#charts").append(look.el("figure", {}, look.el("figcaption", {}, look.el("b", { textContent: `Entropy of the images, ${round.name}` }), " ", key), svg));
  };

  look.charts = () => {
    for (const { plot } of drawn.splice(0)) plot.destroy();
    const box = look.$("#charts");
    box.replaceChildren();
    if (!look.data.rounds.length) { box.append("There are no rounds yet."); look.losses(); fit(); return; }
    const names = branch(), rounds = names.slice(1);
    const of = (key) => (name, id) => { const v = look.data.rounds.find((r) => r.name === name)[key]?.[id]; return v === null || v === undefined ? null : 100 * v; };
    models(leaves().map(chain));
    histogram();
    const iou = Object.fromEntries(look.data.models.map((m) => [m.name, m.iou]));
    if (look.data.models.some((m) => m.iou)) ofClasses("IoU by class", "the classes that are on; a line leads to the images with its class", names, (name, id) => iou[name]?.[id] ?? null, "%");
    ofClasses("Coverage by class", "share that is labelled of " + (look.data.truth.some(Boolean) ? "its true pixels" : "the pixels predicted as it"), rounds, of("labelled"), "%");
    if (look.data.rounds.some((r) => r.precision)) ofClasses("Precision by class", "share of its labels that is right", rounds, (name, id) => look.data.rounds.find((r) => r.name === name).precision?.[id] ?? null, "%");
    ofClasses("Label quality by class", "how probable the teacher finds the labels, few bad pixels included; needs no truth", rounds, quality, "%");
    ofClasses("Threshold λ by class", "what a prediction must reach to become a label", rounds, of("lambda"), "%");
    look.corrections();
    look.losses();
    fit(); // only now are all boxes there, and as wide as they stay
  };
  const fit = () => {
    for (const { plot, box, height } of drawn) plot.setSize({ width: Math.max(240, box.clientWidth - 20), height });
  };
  addEventListener("resize", fit);
})();
