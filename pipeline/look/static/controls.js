// Controls: what they offer, what they say, and what they change.
"use strict";
(() => {
  const { $, el } = look;

  // Makes every control say what the state says.
  look.show = () => {
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
      if (look.tabs[button.dataset.tab]) button.hidden = !look.tabs[button.dataset.tab].there();
    }
    document.body.dataset.tab = look.tab() ? state.tab : "";
    const off = look.off();
    for (const item of $("#legend").querySelectorAll("input")) item.checked = !off.has(Number(item.value));
    const marks = look.marks().size;
    $("#marks").textContent = marks ? `(${marks})` : "";
    document.body.classList.toggle("patterned", state.pattern);
    document.title = `Segue: ${state.image ? data.images[look.opened()] ?? "" : state.tab}, ${state.round}`;
    $("#class-ranges").hidden = !state.class;
    terms();
    cell();
    look.layerKey();
    look.reviewing();
  };

  // Further classes: a word and a class each, read from left to right.
  const terms = () => {
    const found = look.terms(), choose = (options, value, title, change) => {
      const select = el("select", { onchange: () => change(select.value) }, ...options.map(([key, text]) => el("option", { value: key, textContent: text })));
      select.setAttribute("aria-label", title);
      select.value = value;
      return select;
    };
    const put = (list) => look.set({ terms: list.map(([word, id]) => word + id).join(",") });
    const classes = look.data.classes.map((name, id) => [id, name]), words = ["and", "or", "not"].map((word) => [word, word]);
    $("#terms").replaceChildren(...found.map(([word, id], at) => el("div", { className: "row" },
      choose(words, word, "How the class counts", (value) => put(found.with(at, [value, id]))),
      choose(classes, id, "Class", (value) => put(found.with(at, [word, value]))),
      el("button", { textContent: "×", title: "Without this class", onclick: () => put(found.toSpliced(at, 1)) }))),
      el("div", { className: "row", hidden: !look.state.class && !found.length },
        choose([["", "and, or, not…"], ...words.flatMap(([word]) => classes.map(([id, name]) => [word + id, `${word} ${name}`]))], "", "One more class",
          (value) => look.set({ terms: [look.state.terms, value].filter(Boolean).join(",") }))));
  };
  const cell = () => {
    const [truth, made] = look.state.cell.split("-").map((id) => look.data.classes[id]);
    $("#cell").hidden = !look.state.cell;
    $("#cell").replaceChildren(`${truth} ${look.state.matrix === "label" ? "labelled" : "predicted"} as ${made} `,
      el("button", { textContent: "×", title: "Any", onclick: () => look.set({ cell: "" }) }));
  };

  const options = (select, pairs) => $(select).append(...pairs.map(([value, text]) => el("option", { value, textContent: text })));
  const ranges = (where, measures) => $(where).replaceChildren(...Object.entries(measures).map(([key, title]) => {
    const ends = ["from", "to"].map((end) => {
      const input = el("input", { type: "number", min: 0, max: 100, step: "any", placeholder: end === "from" ? "0" : "100" });
      Object.assign(input.dataset, { range: key, end });
      input.setAttribute("aria-label", `${title} ${end}, percent`);
      return input;
    });
    return el("div", { className: "row range" }, el("span", { textContent: title }), ends[0], "to", ends[1], "%");
  }));
  const provenance = () => {
    const { data } = look, { preset, seed, revision, committed } = data.provenance ?? {};
    const known = data.truth.filter(Boolean).length;
    $("#provenance").textContent = [preset && `preset ${preset}`, seed !== undefined && `seed ${seed}`, revision && `revision ${revision} of ${committed}`,
      `${data.images.length.toLocaleString("en")} images, ${known ? `${known.toLocaleString("en")} with a truth` : "none with a truth"}`,
      `${data.rounds.length} rounds`, `this page is of ${new Date(document.lastModified).toISOString().slice(0, 10)}`].filter(Boolean).join(" · ");
  };

  look.build = () => {
    const { data } = look;
    options("#layer", Object.entries(look.LAYERS));
    options("#sort", Object.entries(look.SORTS));
    options("#class", data.classes.map((name) => [name, name]));
    options("#with", [["", "this round"], ...data.rounds.map((r) => [r.name, r.name])]);
    options("#beside", [["", "this layer"], ...Object.entries(look.LAYERS)]);
    $("#rounds").replaceChildren(...data.rounds.map((r) => el("button", { textContent: r.name, onclick: () => look.set({ round: r.name }),
      title: `source: ${r.source}; teacher: ${r.teacher}; start: ${r.start}; labels: ${r.pseudo_label.labeler} ${r.pseudo_label.portion}` })));
    ranges("#ranges", look.MEASURES);
    ranges("#class-ranges", look.CLASS_MEASURES);
    if (!data.truth.some(Boolean)) for (const of of ["wrong_kept", "truth", "either"]) $(`[data-key=of] [value=${of}]`).remove();
    if (data.rounds.some((r) => r.hard.includes(2))) $("[data-key=subset]").append(el("option", { value: "excluded", textContent: "excluded" }));
    provenance();
    look.legend();
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
  // A control that a pointer has set gives the keys back; one that keys set, at Enter or Esc.
  let pointed = false;
  const givesBack = (event) => { if (pointed && event.target.matches("select, input[type=range]")) event.target.blur(); };

  const cleared = () => Object.fromEntries(look.LISTING.filter((key) => !["sort", "down", "of", "matrix"].includes(key)).map((key) => [key, look.DEFAULTS[key]]));
  const copy = async (text, button) => {
    try { await navigator.clipboard.writeText(text); } catch { prompt("Copy this", text); return; }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = before), 1200);
  };

  look.listen = () => {
    document.addEventListener("input", changed);
    document.addEventListener("change", givesBack);
    document.addEventListener("pointerdown", () => (pointed = true), true);
    document.addEventListener("keydown", () => (pointed = false), true);
    document.addEventListener("keydown", (event) => look.key(event));
    for (const kind of ["hashchange", "popstate"]) addEventListener(kind, () => { look.readAddress(); look.render(); });
    $("#grid").addEventListener("click", (event) => {
      const card = event.target.closest(".card");
      if (card) { look.scrolled = scrollY; scrollTo(0, 0); look.set({ image: look.data.ids[look.list[card.dataset.place]] }); }
    });
    $("#tabs").addEventListener("click", (event) => { if (event.target.dataset.tab) look.set({ tab: event.target.dataset.tab }); });
    const names = () => look.list.map((i) => look.data.names[i]).join("\n");
    const clicks = {
      "#back": () => look.set({ image: "" }), "#previous": () => look.step(-1), "#next": () => look.step(1),
      "#reset": () => look.set(cleared()), "#reset-too": () => look.set(cleared()),
      "#mark-all": () => look.mark(look.list.map((i) => look.data.ids[i]), true), "#mark-none": () => look.set({ marks: "", marked: false }),
      "#all-on": () => look.set({ off: "" }), "#all-off": () => look.toggle([...look.data.classes.keys(), 255], false),
      "#link": (e) => copy(location.href, e.target), "#names": (e) => copy(names(), e.target),
      "#help-button": () => $("#help").showModal(), "#whole": () => look.set({ whole: !look.state.whole }),
      "#menu": (e) => e.target.setAttribute("aria-expanded", document.body.classList.toggle("open")),
      "#skip": () => ($(".card") ?? $("main")).focus(), "#said": () => look.say(""),
    };
    for (const [where, act] of Object.entries(clicks)) $(where).addEventListener("click", act);
    $("#mark").addEventListener("change", (e) => look.mark([look.state.image], e.target.checked));
    $("#help dl").append(...look.keys().flatMap(([name, what]) => [el("dt", { textContent: name }), el("dd", { textContent: what })]));
    new ResizeObserver(() => document.body.style.setProperty("--head", `${$("header").offsetHeight}px`)).observe($("header"));
    look.zooming();
    look.listenToReview();
  };
})();
