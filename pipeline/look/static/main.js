// What is drawn when something changes, and how the page begins.
"use strict";
(() => {
  const { $ } = look;
  let list = [];
  look.list = list;
  look.spotlight = null;
  look.hidden = false;
  look.round = () => look.data.rounds.find((r) => r.name === look.state.round);
  const PAINTED = ["opacity", "outline", "pattern", "off"];
  // Of an opened image alone: what changes nothing else.
  const OPENED = { at: () => look.swiped(), view: () => look.zoomed(), whole: () => look.widened() };
  // Tabs of files of their own: what draws one, its keys, and whether there is anything to show.
  look.tabs = {};
  look.tab = () => { const tab = look.tabs[look.state.tab]; return tab?.there() ? tab : undefined; };
  look.opened = () => look.data.ids.indexOf(look.state.image);

  // The list stays as it was when an image was opened, whatever round is looked at then, until it is
  // asked for otherwise; a verdict on an image takes it out of no list that is looked at.
  const listed = (changes, opened) => {
    const keys = Object.keys(changes);
    if (opened && keys.length && !keys.some((key) => look.LISTING.includes(key))) return;
    const { round, listed: by } = look.state;
    list = look.chosen(look.data.rounds.find((r) => r.name === by) ?? look.data.rounds.find((r) => r.name === round));
    look.list = list;
  };

  look.render = (changes = {}) => {
    const { state, data } = look;
    if (!look.round() && data.rounds.length) state.round = data.rounds.at(-1).name;
    if (!(state.layer in look.LAYERS)) state.layer = look.DEFAULTS.layer;
    if (!(state.sort in look.SORTS)) state.sort = look.DEFAULTS.sort;
    const keys = Object.keys(changes), only = (some) => keys.length && keys.every((key) => some.includes(key));
    look.show();
    const other = look.tab(), index = look.opened();
    look.follows();
    for (const name of Object.keys(look.tabs)) $(`#${name}`).hidden = !other || name !== state.tab;
    if (other) {
      for (const part of ["#charts", "#detail", "#grid", "#empty"]) $(part).hidden = true;
      listed({}, false);
      return other.draw();
    }
    if (only(PAINTED)) return state.tab === "charts" ? look.charts() : repaint();
    if (only(Object.keys(OPENED))) return keys.forEach((key) => OPENED[key]());
    const [charts, detail] = [state.tab === "charts", state.tab === "images" && index >= 0];
    const leaving = !$("#detail").hidden && !detail;
    listed(changes, detail && !$("#detail").hidden);
    $("#charts").hidden = !charts;
    $("#detail").hidden = !detail;
    $("#grid").hidden = charts || detail;
    $("#empty").hidden = charts || detail || list.length > 0;
    $("#verdict").hidden = detail;
    look.widened();
    look.count();
    if (charts) look.charts();
    else if (detail) look.detail(index);
    else look.grid(list);
    if (leaving && !charts) look.returned();
  };

  const repaint = () => { if ($("#detail").hidden) look.gridRepaint(); else { look.detailRepaint(); look.strip(); look.editRepaint(); } };
  // Anew what is said of the images that are shown, not which they are.
  look.refresh = () => {
    look.show();
    look.count();
    if (!$("#grid").hidden) look.gridRefill();
    if (!$("#detail").hidden) look.judging();
  };

  const told = (number) => number.toLocaleString("en");
  look.count = () => {
    const { data, state } = look, at = list.indexOf(look.opened());
    const all = list.length === data.images.length ? `${told(list.length)} images` : `${told(list.length)} of ${told(data.images.length)} images`;
    $("#count").textContent = !state.image || look.opened() < 0 ? all : at < 0 ? "not in the list" : `${told(at + 1)} of ${told(list.length)}`;
    const seen = list.reduce((sum, i) => sum + look.review.seen.has(data.ids[i]), 0);
    $("#progress").textContent = list.length ? `seen ${told(seen)} of ${told(list.length)}` : "";
  };

  look.open = async (data) => {
    look.data = data;
    for (const round of data.rounds) {
      for (const [name, packed] of Object.entries(round.shares)) round.shares[name] = new Uint16Array((await look.unpack(packed)).buffer);
      round.rank = ranks(round.columns.score, data.images);
    }
    look.prune(data);
    look.review.begin();
    look.readAddress();
    look.build();
    look.listen();
    look.render();
    document.body.dataset.ready = Math.round(performance.now());
    if (look.round()) setTimeout(() => look.errors(look.round(), "label", true), 200); // what the matrix and classes ask for
  };
  // As the split breaks ties: by name.
  const ranks = (scores, images) => {
    const order = [...scores.keys()].sort((a, b) => scores[a] - scores[b] || (images[a] < images[b] ? -1 : 1));
    const rank = Array(order.length);
    order.forEach((image, place) => (rank[image] = place));
    return rank;
  };
})();
