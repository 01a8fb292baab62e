// The tab of translations: one image of the source, what became of it, and what models make of both.
"use strict";
Object.assign(look.DEFAULTS, { translation: "", judge: "model", frame: "" });
(() => {
  const { $, el } = look;
  const titles = (of) => ["source", "translated", of.whose, "prediction before", "prediction after", "changed"];
  let order = [], asked = 0, canvases = null;

  const all = () => look.data.translations ?? [];
  const chosen = () => all().find((t) => t.name === look.state.translation) ?? all()[0];
  const folder = (of) => `sources/${of.name}/translation`;
  const picture = (of, kind, index) => look.file(`${look.folder(folder(of))}/${kind}`, index, "jpg");

  // The image that is shown: one that the address names, or the one of which most changed.
  const place = () => Math.max(0, order.indexOf(look.state.frame === "" ? order[0] : Number(look.state.frame)));
  const step = (by) => { const next = order[place() + by]; if (next !== undefined) look.set({ frame: String(next) }); };
  const turn = (by) => { const next = all()[all().indexOf(chosen()) + by]; if (next) look.set({ translation: next.name }); };

  const panel = (title, src, layer) => {
    const box = el("div", { className: "picture" }, el("img", { alt: "" }), ...(layer ? [el("canvas")] : []));
    box.firstChild.src = src;
    return el("figure", {}, box, el("figcaption", { textContent: title }));
  };
  const panels = (of, index) => {
    const [source, made] = ["source", "translated"].map((kind) => picture(of, kind, index));
    const pictures = [source, made, look.picture(of.references[index]), source, made, made];
    const made_of = pictures.map((src, at) => panel(titles(of)[at], src, at > 2));
    canvases = made_of.slice(3).map((figure) => figure.querySelector("canvas"));
    return made_of;
  };

  const repaint = async (of, index) => {
    const now = ++asked, painted = canvases;
    const maps = await look.maps(folder(of), index);
    if (now !== asked) return;
    const [before, after] = ["before", "after"].map((when) => maps[`${look.state.judge}_${when}`]);
    const planes = [{ predicted: before }, { predicted: after }, { predicted: after, before }];
    painted.forEach((canvas, at) => {
      look.paint(canvas, at === 2 ? "change" : "predicted", planes[at], look.spotlight, of.size);
      canvas.style.opacity = at === 2 ? 1 : look.state.opacity / 100;
    });
  };

  const number = (value) => (typeof value !== "number" ? value ?? "" : Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const table = (rows, titles) => el("div", { className: "scroll" }, el("table", {},
    el("tr", {}, ...Object.values(titles).map((textContent) => el("th", { textContent }))),
    ...rows.map((row) => el("tr", {}, ...Object.keys(titles).map((key) => el("td", { textContent: number(row[key]) }))))));
  const ROWS = { translated: "translated", source: "source, untouched", target: "target, half against half" };
  const NUMBERS = { images: "images", kid_first: "KID, first", first_low: "from", first_high: "to", kid_last: "KID, last",
    last_low: "from", last_high: "to", colours: "LAB apart", miou_model: "mIoU, model", miou_adapted: "mIoU, adapted" };
  const facts = (of) => [el("h2", { textContent: "How close, and how true" }),
    table(of.table.map((row) => ({ ...row, images: ROWS[row.images] })), NUMBERS),
    el("h2", { textContent: "Which class became which" }),
    table(of.changes.filter((row) => row.model === look.state.judge).slice(0, 12),
      { before: "before", after: "after", percent: "% of it", pixels: "pixels" })];

  const others = (of, index) => all().filter((t) => t.source === of.source && t.images[index] === of.images[index]).map((t) => {
    const button = el("button", { title: t.name, onclick: () => look.set({ translation: t.name }) }, el("img", { alt: "" }), el("span", { textContent: t.name }));
    button.firstChild.src = picture(t, "translated", index);
    button.setAttribute("aria-pressed", t === of);
    return button;
  });

  // an option may be a mapping of its own
  const words = (value) => value instanceof Object && !Array.isArray(value)
    ? Object.entries(value).map(([key, own]) => `${key} ${words(own)}`).join(" ") : `${value}`;

  const draw = () => {
    const of = chosen();
    const changed = of.changed[look.state.judge] ?? of.changed.model;
    order = [...of.images.keys()].sort((a, b) => changed[b] - changed[a] || a - b);
    const at = place(), index = order[at];
    $("#count").textContent = `${at + 1} of ${order.length}, most changed first`;
    $("#translation-name").textContent = `${of.images[index]}: ${look.percent(changed[index], 1)} changed`;
    const options = Object.entries(of.options).map(([key, value]) => `${key}: ${words(value)}`).join(", ");
    $("#translation-verdict").textContent = `${of.name} (${of.translator}${options ? `, ${options}` : ""}): ${of.verdict}.`;
    $("#translation-panels").style.setProperty("--ratio", of.size[0] / of.size[1]);
    $("#translation-panels").replaceChildren(...panels(of, index));
    $("#translation-others").replaceChildren(...others(of, index));
    $("#translation-facts").replaceChildren(...facts(of));
    $("#judge").replaceChildren(...Object.entries(of.models).map(([value, name]) => el("option", { value, textContent: `${name} (${value})` })));
    $("#judge").value = look.state.judge;
    repaint(of, index);
    for (const near of [order[at - 1], order[at + 1]]) if (near !== undefined) look.maps(folder(of), near);
  };

  look.tabs.translations = {
    draw, there: () => all().length > 0,
    keys: { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => turn(-1), ArrowDown: () => turn(1) },
  };
  $("#translation-previous").addEventListener("click", () => step(-1));
  $("#translation-next").addEventListener("click", () => step(1));
})();
