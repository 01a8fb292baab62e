// Keys, and the steps and marks that they and the buttons make.
"use strict";
(() => {
  const { $ } = look;
  look.mark = (ids, on) => {
    const marks = look.marks();
    for (const id of ids) if (on) marks.add(id); else marks.delete(id);
    look.set({ marks: [...marks].join(",") });
  };
  // From an image that the list has no more: to what stands where it stood.
  look.step = (by) => {
    const at = look.list.indexOf(look.opened());
    const to = at >= 0 ? at + by : Math.min((look.stood ?? 0) + Math.min(by, 0), look.list.length - 1);
    if (to >= 0 && to < look.list.length) look.set({ image: look.data.ids[look.list[to]], view: "" });
  };
  const stepRound = (by) => {
    const at = look.data.rounds.findIndex((r) => r.name === look.state.round) + by;
    if (look.data.rounds[at]) look.set({ round: look.data.rounds[at].name });
  };

  look.keys = () => [
    ["← →", "image before, after"], ["↑ ↓", "in an image: round before, after; among images: rows"], [", .", "round before, after"],
    [`1 … ${Object.keys(look.LAYERS).length}`, `${Object.values(look.LAYERS).join(", ")}; with Shift to swipe with`], ["- +", "opacity"],
    ["b", "hide the layer, and show it"], ["s", "swipe with the round before"], ["o  p", "outlines, patterns"],
    ["wheel, drag", "zoom, move; z zooms in and out, 0 shows all"], ["f", "the whole window"], ["i", "the original file, and back"],
    ["g  r  x", "good, to repair, exclude; again takes it back"], ["n", "a note; Enter ends it"], ["m", "mark"], ["e", "correct the label: b p f u brush, polygon, fill, superpixel; a class by its number, c the one below, Backspace none; [ ] size; Ctrl+Z, Ctrl+Y; Shift moves; Enter saves"],
    ["Enter", "open the image"], ["Esc", "back to all images; out of a control"], ["/", "search names"], ["c", "charts"], ["k", "confusion"],
    ["t", "translations: there, ← → image, ↑ ↓ translation"], ["?", "this"],
  ];
  const opened = () => look.state.image && look.state.tab === "images";
  const swiped = () => {
    const round = look.round(), first = look.data.rounds.find((r) => r !== round);
    look.set({ beside: "", with: look.state.with || look.state.beside ? "" : round?.before ?? first?.name ?? "" });
  };
  // The image that is opened, or that of the card with the focus.
  const meant = () => (opened() ? look.opened() : look.list[document.activeElement?.dataset?.place]);
  const tab = (name) => look.set({ tab: look.state.tab === name ? "images" : name });
  const acts = {
    ArrowLeft: () => (opened() ? look.step(-1) : look.focusCard(-1)), ArrowRight: () => (opened() ? look.step(1) : look.focusCard(1)),
    ArrowUp: () => (opened() ? stepRound(-1) : look.focusCard(-2)), ArrowDown: () => (opened() ? stepRound(1) : look.focusCard(2)),
    ",": () => stepRound(-1), ".": () => stepRound(1), "-": () => look.set({ opacity: Math.max(0, look.state.opacity - 10) }),
    "+": () => look.set({ opacity: Math.min(100, look.state.opacity + 10) }), b: () => { look.hidden = !look.hidden; look.detailRepaint(); look.editRepaint(); },
    s: () => opened() && swiped(), o: () => look.set({ outline: !look.state.outline }), p: () => look.set({ pattern: !look.state.pattern }),
    z: () => opened() && look.zoomTo(look.state.view ? 1 : 4), 0: () => opened() && look.zoomTo(1),
    f: () => opened() && look.set({ whole: !look.state.whole }), i: () => opened() && look.set({ original: !look.state.original }),
    g: () => look.give("good", meant()), r: () => look.give("fix", meant()), x: () => look.give("exclude", meant()),
    n: () => { if (opened()) $("#note").focus(); }, e: () => opened() && look.edit(),
    m: () => { const index = meant(), id = look.data.ids[index]; if (id) look.mark([id], !look.marks().has(id)); },
    Escape: () => look.set(look.state.whole ? { whole: false } : { image: "" }), "/": () => { $("[data-key=name]").focus(); },
    c: () => tab("charts"), k: () => look.tabs.confusion.there() && tab("confusion"), t: () => tab("translations"), "?": () => $("#help").showModal(),
  };
  const ofDigit = ({ code, shiftKey, key }) => {
    const layer = Object.keys(look.LAYERS)[Number(/^Digit(\d)$/.exec(code)?.[1] ?? key) - 1];
    if (!layer || (!shiftKey && !/^\d$/.test(key))) return undefined;
    return shiftKey ? () => opened() && look.set({ beside: look.state.beside === layer ? "" : layer }) : () => look.set({ layer });
  };
  look.key = (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || $("#help").open) return;
    if (typing) {
      if (event.key === "Escape" || (event.key === "Enter" && !event.target.matches("select"))) { event.preventDefault(); event.target.blur(); }
      return;
    }
    const act = look.tab()?.keys[event.key] ?? look.editKeys(event) ?? ofDigit(event) ?? acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
})();
