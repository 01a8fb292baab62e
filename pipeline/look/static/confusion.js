// The tab of errors: what of each true class was taken for what, in the images that pass the filters.
"use strict";
(() => {
  const { $, el } = look;
  const WORDS = { predicted: "predicted", label: "labelled" };

  const images = (cell) => look.set({ tab: "images", image: "", cell, layer: look.state.matrix, sort: "worst", down: "" });
  const shown = (share) => (share >= 0.0995 ? (100 * share).toFixed(0) : (100 * share).toFixed(1));

  // The matrix of the list as it is without a cell of it.
  const counted = () => {
    const { cell, sort } = look.state;
    Object.assign(look.state, { cell: "", sort: "place" });
    const list = look.chosen(look.round());
    Object.assign(look.state, { cell, sort });
    return look.confusion(look.round(), list, look.state.matrix);
  };

  const head = (id) => el("span", { className: "of" }, look.swatch(id)[0], look.data.classes[id]);
  const table = ({ sums }) => {
    const { classes } = look.data, side = classes.length, ids = [...classes.keys()], word = WORDS[look.state.matrix];
    const row = ids.map((t) => ids.reduce((sum, m) => sum + sums[t * side + m], 0));
    const column = ids.map((m) => ids.reduce((sum, t) => sum + sums[t * side + m], 0));
    const there = ids.filter((id) => row[id] || column[id]);
    const cell = (t, m) => {
      const share = row[t] ? sums[t * side + m] / row[t] : 0;
      if (!share) return el("td");
      const made = el("td", { className: t === m ? "right" : "" }, el("button", { textContent: shown(share) || "0",
        title: `${(100 * share).toFixed(2)} % of ${classes[t]} is ${word} as ${classes[m]}. Click to see the images, the most of it first.` }));
      made.firstChild.dataset.cell = `${t}-${m}`;
      made.style.setProperty("--share", Math.min(1, Math.sqrt(share)));
      made.classList.toggle("much", share > 0.3);
      if (look.state.cell === `${t}-${m}`) made.firstChild.setAttribute("aria-current", "true");
      return made;
    };
    const part = (id, whole) => el("td", { className: "sum", textContent: whole[id] ? shown(sums[id * side + id] / whole[id]) : "–" });
    return el("table", { className: "matrix" },
      el("thead", {}, el("tr", {}, el("th", { textContent: `truth ↓   ${word} →` }), ...there.map((id) => el("th", { className: "tilted" }, head(id))), el("th", { className: "tilted", textContent: "found" }))),
      el("tbody", {}, ...there.map((t) => el("tr", {}, el("th", {}, head(t)), ...there.map((m) => cell(t, m)), part(t, row))),
        el("tr", {}, el("th", { textContent: "precision" }), ...there.map((m) => part(m, column)), el("td"))));
  };

  const choice = () => el("div", { className: "segmented" }, ...Object.entries({ predicted: "Predictions", label: "Pseudo-labels" }).map(([of, text]) => {
    const button = el("button", { textContent: text, onclick: () => look.set({ matrix: of }) });
    button.setAttribute("aria-pressed", look.state.matrix === of);
    return button;
  }));

  const draw = () => {
    const found = counted();
    look.count();
    if (!found) return $("#confusion").replaceChildren(look.round().errors ? "This round has no matrices: make its gallery again." : "Loading…");
    const note = `Percent of each true class, over the ${found.images.toLocaleString("en")} images of the list that have a truth, at the panels' size. A cell is a link to its images.`;
    $("#confusion").replaceChildren(choice(), el("p", { textContent: note }), el("div", { className: "scroll" }, table(found)));
  };

  $("#confusion").addEventListener("click", ({ target }) => { if (target.dataset.cell) images(target.dataset.cell); });
  look.tabs.confusion = { draw, there: () => look.data.rounds.length > 0 && look.data.truth.some(Boolean), keys: {} };
})();
