// What corrections changed, by round and class.
"use strict";
(() => {
  const { el } = look;
  const COLUMNS = { round: "round", class: "class", images: "images", pixels: "pixels corrected to it", kept: "were made so", filled: "had no label",
    relabelled: "were another class", lost: "made so, now another", dropped: "made so, now none" };
  const told = (value) => (typeof value === "number" ? value.toLocaleString("en") : value);

  look.corrections = () => {
    const { corrections } = look.data;
    if (!corrections.length) return;
    const row = (tag, cells) => el("tr", {}, ...cells.map((cell) => el(tag, {}, cell)));
    const name = (of) => el("button", { className: "plain", textContent: of.class, title: "The corrected images with it",
      onclick: () => look.set({ tab: "images", image: "", round: of.round, class: of.class, corrected: true }) });
    const cells = (of) => Object.keys(COLUMNS).map((key) => (key === "class" ? name(of) : told(of[key])));
    look.$("#charts").append(el("figure", { className: "wide" },
      el("figcaption", {}, el("b", { textContent: "What corrections changed" }), " ", el("span", { textContent: "pixels of the labels, at full size" })),
      el("div", { className: "scroll" }, el("table", {}, row("th", Object.values(COLUMNS)), ...corrections.map((of) => row("td", cells(of)))))));
  };
})();
