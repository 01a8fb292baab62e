// The images as cards; only those on the screen exist.
"use strict";
(() => {
  const CAPTION = 44, GAP = 10;
  const cards = new Map(); // place in the list -> card
  let list = [], columns = 1, height = 1, version = 0;

  const badge = (text, title, kind) => look.el("span", { className: `badge ${kind}`, textContent: text, title });

  // The number that the order goes by.
  const told = (round, index, { sort, of, cell, class: name }) => {
    const share = (value, what, digits = 1) => `${look.percent(value, digits)} ${what}`;
    if (sort === "share") return share(look.share(round, index), `${of === "wrong_kept" ? "wrongly " : ""}${name}`);
    if (sort in look.CLASS_MEASURES && name) return share(look.ofClass(sort, round)(index), look.CLASS_MEASURES[sort].toLowerCase().replace("its", name));
    if (sort === "worst" && (cell || name)) { const value = look.worst(round)(index); return share(value === null ? null : -value, cell ? "of it" : `wrong ${name}`, 2); }
    const key = sort === "worst" ? "wrong" : round.columns[sort] ? sort : "coverage";
    return share(round.columns[key][index], key === "wrong_prediction" ? "wrong prediction" : (look.MEASURES[key] ?? key).toLowerCase());
  };
  const judged = (round, index) => {
    const given = look.review.of(round.name, look.data.names[index]);
    return given ? [badge(given.others ? `${given.verdict}?` : given.verdict, given.note || "a person's verdict", given.verdict)] : [];
  };

  const fill = (card, index) => {
    const { data, state } = look;
    const round = look.round();
    const name = data.images[index];
    const caption = look.el("span", { className: "caption" },
      look.el("span", { className: "title", textContent: name.split("/").pop(), title: name }));
    if (round) {
      caption.append(look.el("span", { className: "numbers" },
        badge(look.SUBSETS[round.hard[index]], "the round's split", look.SUBSETS[round.hard[index]]), ...judged(round, index),
        look.corrected(round, index) ? badge("corrected", "a person's label is in force", "corrected") : "",
        look.marks().has(data.ids[index]) ? badge("marked", "marked", "marked") : "",
        told(round, index, state)));
    }
    const canvas = look.el("canvas");
    card.replaceChildren(look.el("span", { className: "picture" },
      look.el("img", { src: look.picture(index), alt: "", decoding: "async" }), canvas), caption);
    card.setAttribute("aria-label", name);
    card.classList.toggle("seen", look.review.seen.has(data.ids[index]));
    paint(card, canvas, index);
  };

  const paint = async (card, canvas, index) => {
    const asked = version;
    const round = look.round();
    canvas.style.opacity = look.state.opacity / 100;
    if (!round || look.state.layer === "none") return;
    const planes = await look.planes(round, index);
    if (asked === version && card.isConnected) look.paint(canvas, look.state.layer, planes, look.spotlight);
  };

  const measure = () => {
    const width = look.$("#grid").clientWidth;
    const least = width < 500 ? 150 : 210;
    columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const [w, h] = look.data.size;
    const card = (width - GAP * (columns - 1)) / columns;
    height = Math.round((card * h) / w) + CAPTION + GAP;
    look.$("#grid").style.height = `${Math.ceil(list.length / columns) * height}px`;
    return card;
  };

  const place = () => {
    const grid = look.$("#grid");
    if (grid.hidden) return;
    const card = measure();
    const top = -grid.getBoundingClientRect().top;
    const first = Math.max(0, (Math.floor(top / height) - 1) * columns);
    const last = Math.min(list.length, (Math.ceil((top + innerHeight) / height) + 1) * columns);
    for (const [at, old] of cards) if (at < first || at >= last) { old.remove(); cards.delete(at); }
    for (let at = first; at < last; at++) {
      let made = cards.get(at);
      if (!made) {
        made = look.el("button", { className: "card" });
        made.dataset.place = at;
        made.setAttribute("role", "listitem");
        cards.set(at, made);
        grid.append(made);
        fill(made, list[at]);
      }
      made.style.width = `${card}px`;
      made.style.transform = `translate(${(at % columns) * (card + GAP)}px, ${Math.floor(at / columns) * height}px)`;
    }
  };

  look.grid = (shown) => {
    const same = list.length === shown.length && list.every((index, at) => index === shown[at]);
    list = shown;
    version++;
    if (same) for (const [at, card] of cards) fill(card, list[at]);
    else { for (const card of cards.values()) card.remove(); cards.clear(); }
    place();
  };
  look.gridRepaint = () => {
    version++;
    for (const [at, card] of cards) paint(card, card.querySelector("canvas"), list[at]);
  };
  look.gridRefill = () => { version++; for (const [at, card] of cards) fill(card, list[at]); };
  look.focusCard = (step, from = document.activeElement) =>
    focus(Number(from?.dataset?.place ?? -1) + (Math.abs(step) > 1 ? Math.sign(step) * columns : step));
  // Back from an image: to its card, or to what stands where it stood.
  look.returned = () => {
    scrollTo(0, look.scrolled ?? 0);
    const at = list.indexOf(look.last);
    focus(at >= 0 ? at : Math.min(look.stood ?? 0, list.length - 1));
  };
  const focus = (at) => {
    if (at < 0 || at >= list.length) return;
    const top = Math.floor(at / columns) * height + look.$("#grid").offsetTop;
    const head = look.$("header").offsetHeight;
    if (top < scrollY + head) scrollTo(0, top - head - GAP);
    if (top + height > scrollY + innerHeight) scrollTo(0, top + height - innerHeight);
    place();
    cards.get(at)?.focus({ preventScroll: true });
  };
  look.placeGrid = place;
  addEventListener("scroll", () => requestAnimationFrame(place), { passive: true });
  addEventListener("resize", () => requestAnimationFrame(place));
})();
