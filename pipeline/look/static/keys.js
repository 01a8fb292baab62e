// Keys, and the steps and marks that they and the buttons make.
"use strict";
(() => {
  const { $ } = look;
  look.mark = (ids, on) => {
    const marks = look.marks();
    for (const id of ids) if (on) marks.add(id); else marks.delete(id);
    look.set({ marks: [...marks].join(",") });
  };
  look.step = (by) => {
    const at = look.list.indexOf(look.data.ids.indexOf(look.state.image)) + by;
    if (at >= 0 && at < look.list.length) look.set({ image: look.data.ids[look.list[at]] });
  };
  const stepRound = (by) => {
    const at = look.data.rounds.findIndex((r) => r.name === look.state.round) + by;
    if (look.data.rounds[at]) look.set({ round: look.data.rounds[at].name });
  };

  look.keys = () => [
    ["← →", "image before, after"], ["↑ ↓", "in an image: round before, after; among images: rows"], [", .", "round before, after"],
    [`1 … ${Object.keys(look.LAYERS).length}`, Object.values(look.LAYERS).join(", ")], ["- +", "opacity"], ["b", "hide the layer, and show it"],
    ["s", "swipe with the round before"], ["o  p", "outlines, patterns"], ["m", "mark"], ["Enter", "open the image"], ["Esc", "back to all images"],
    ["/", "search names"], ["c", "charts"],
    ["t", "translations: there, ← → image, ↑ ↓ translation"], ["?", "this"],
  ];
  const opened = () => look.state.image && look.state.tab === "images";
  const swiped = () => {
    const round = look.round(), first = look.data.rounds.find((r) => r !== round);
    look.set({ with: look.state.with ? "" : round?.before ?? first?.name ?? "" });
  };
  const acts = {
    ArrowLeft: () => (opened() ? look.step(-1) : look.focusCard(-1)), ArrowRight: () => (opened() ? look.step(1) : look.focusCard(1)),
    ArrowUp: () => (opened() ? stepRound(-1) : look.focusCard(-2)), ArrowDown: () => (opened() ? stepRound(1) : look.focusCard(2)),
    ",": () => stepRound(-1), ".": () => stepRound(1), "-": () => look.set({ opacity: Math.max(0, look.state.opacity - 10) }),
    "+": () => look.set({ opacity: Math.min(100, look.state.opacity + 10) }), b: () => { look.hidden = !look.hidden; look.detailRepaint(); },
    s: () => opened() && swiped(), o: () => look.set({ outline: !look.state.outline }), p: () => look.set({ pattern: !look.state.pattern }),
    m: () => { const id = opened() ? look.state.image : look.data.ids[look.list[document.activeElement?.dataset?.place]]; if (id) look.mark([id], !look.marks().has(id)); },
    Escape: () => look.set({ image: "" }), "/": () => { $("[data-key=name]").focus(); }, c: () => look.set({ tab: look.state.tab === "charts" ? "images" : "charts" }),
    t: () => look.set({ tab: look.state.tab === "translations" ? "images" : "translations" }), "?": () => $("#help").showModal(),
  };
  look.key = (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || $("#help").open || (typing && event.key !== "Escape")) return;
    const layer = Object.keys(look.LAYERS)[Number(event.key) - 1];
    const act = look.tab()?.keys[event.key] ?? (layer ? () => look.set({ layer }) : acts[event.key]);
    if (!act) return;
    event.preventDefault();
    if (typing) event.target.blur();
    act();
  };
})();
