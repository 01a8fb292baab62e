// Which images are shown, and in which order.
"use strict";
look.MEASURES = {
  coverage: "Coverage", entropy: "Entropy", confidence: "Confidence", change: "Changed",
  quality: "Label quality", flip: "Unlike its mirror", wrong: "Wrong labels",
};
look.CLASS_MEASURES = { class_error: "Its error", class_precision: "Its precision", class_quality: "Its label quality" };
look.SORTS = {
  worst: "most wrong first", place: "as in the data", name: "name", coverage: "coverage", entropy: "entropy",
  confidence: "confidence", quality: "label quality", flip: "unlike its mirror image", rank: "rank, easy to hard", change: "change since last round",
  wrong: "wrong labels", wrong_prediction: "wrong prediction", share: "share of the class",
  class_error: "error of the class", class_precision: "precision of the class", class_quality: "label quality of the class",
};

// Takes out what no image has: layers, orders and ranges of a truth, or of a round before.
look.prune = (data) => {
  const of = (key) => data.rounds.some((r) => r.columns[key]?.some((v) => v !== null && v !== undefined));
  for (const key of ["wrong", "wrong_prediction", "change", "flip"]) if (!of(key)) { delete look.MEASURES[key]; delete look.SORTS[key]; }
  if (!of("wrong")) delete look.SORTS.worst;
  if (!data.truth.some(Boolean)) {
    for (const key of ["truth", "wrong"]) delete look.LAYERS[key];
    for (const key of ["class_error", "class_precision"]) { delete look.SORTS[key]; delete look.CLASS_MEASURES[key]; }
  }
  if (look.SORTS.worst) Object.assign(look.DEFAULTS, { sort: "worst", of: "either" }); // a class that was missed is wrong as well
  if (!data.rounds.some((r) => r.before)) delete look.LAYERS.change;
};

look.marks = () => new Set(look.state.marks ? look.state.marks.split(",") : []);
look.off = () => new Set(look.state.off ? look.state.off.split(",").map(Number) : []);
look.percent = (value, digits = 0) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`);

const between = (range) => {
  const [from, to] = range.split("-");
  const [least, most] = [from === "" ? -Infinity : Number(from) / 100, to ? Number(to) / 100 : Infinity];
  return (value) => value !== null && value !== undefined && value >= least && value <= most;
};

look.share = (round, index, id = look.data.classes.indexOf(look.state.class)) => {
  if (id < 0) return null;
  const of = (shares) => shares[index * look.data.classes.length + id] / 65535;
  if (look.state.of === "truth") return look.inTruth(round, index, id);
  if (look.state.of === "either") return Math.max(of(round.shares.kept), look.inTruth(round, index, id));
  return of(round.shares[look.state.of] ?? round.shares.kept);
};

// Terms of classes beside the first one, such as "and3,not5": their words and ids.
look.terms = () => [...look.state.terms.matchAll(/(and|or|not)(\d+)/g)].map(([, word, id]) => [word, Number(id)]);
const ofClasses = (state, data, round) => {
  const least = Number(state.least || 0) / 100;
  const has = (i, id) => { const share = look.share(round, i, id); return share > 0 && share >= least; };
  const first = data.classes.indexOf(state.class), more = look.terms();
  return (i) => more.reduce((held, [word, id]) => (word === "or" ? held || has(i, id) : held && has(i, id) === (word === "and")),
    first < 0 || has(i, first));
};

// Tests that an image's place must pass.
const tests = (state, data, round) => {
  const found = [];
  for (const key of Object.keys(look.MEASURES)) {
    if (!state[key]) continue;
    const passes = between(state[key]), column = round.columns[key] ?? [];
    found.push((i) => passes(column[i]));
  }
  if (state.subset) found.push((i) => look.SUBSETS[round.hard[i]] === state.subset);
  if (state.class || state.terms) found.push(ofClasses(state, data, round));
  for (const key of Object.keys(look.CLASS_MEASURES)) {
    if (!state.class || !state[key]) continue;
    const passes = between(state[key]), value = look.ofClass(key, round);
    found.push((i) => passes(value(i)));
  }
  if (state.cell) { const value = look.ofCell(round); found.push((i) => value(i) > 0); }
  if (state.corrected) found.push((i) => look.corrected(round, i));
  if (state.verdict) found.push((i) => look.review.passes(round.name, data.names[i], state.verdict));
  if (state.unseen) found.push((i) => !look.review.seen.has(data.ids[i]));
  if (state.marked) { const marks = look.marks(); found.push((i) => marks.has(data.ids[i])); }
  if (state.name) {
    const part = state.name.toLowerCase();
    found.push((i) => data.images[i].toLowerCase().includes(part));
  }
  return found;
};
look.SUBSETS = ["easy", "hard", "excluded"];

const column = (state, data, round) => {
  if (state.sort === "worst") return look.worst(round);
  if (state.sort === "share") return (i) => look.share(round, i);
  if (state.sort in look.CLASS_MEASURES) return look.ofClass(state.sort, round);
  if (state.sort === "rank") return (i) => round.rank[i];
  const values = state.sort === "name" ? data.images : round.columns[state.sort];
  return values ? (i) => values[i] : (i) => i;
};

look.chosen = (round) => {
  const { state, data } = look;
  const passed = round ? tests(state, data, round) : [];
  const list = [...data.images.keys()].filter((i) => passed.every((test) => test(i)));
  if (!round) return list;
  const of = column(state, data, round), values = data.images.map((_, i) => of(i) ?? null);
  const sign = state.down ? -1 : 1;
  return list.sort((a, b) => {
    const [x, y] = [values[a], values[b]];
    if (x === null || y === null) return (x === null) - (y === null) || a - b; // what has no number comes last
    return x < y ? -sign : x > y ? sign : a - b;
  });
};
