// Which images are shown, and in which order.
"use strict";
look.MEASURES = {
  coverage: "Coverage", entropy: "Entropy", confidence: "Confidence", change: "Changed",
  wrong: "Wrong labels",
};
look.SORTS = {
  place: "as in the data", name: "name", coverage: "coverage", entropy: "entropy",
  confidence: "confidence", rank: "rank, easy to hard", change: "change since last round",
  wrong: "wrong labels", wrong_prediction: "wrong prediction",
  share: "share of the class",
};

// Takes out what no image has: layers, orders and ranges of a truth, or of a round before.
look.prune = (data) => {
  const of = (key) => data.rounds.some((r) => r.columns[key]?.some((v) => v !== null && v !== undefined));
  for (const key of ["wrong", "wrong_prediction", "change"]) if (!of(key)) { delete look.MEASURES[key]; delete look.SORTS[key]; }
  if (!data.truth.some(Boolean)) { delete look.LAYERS.truth; delete look.LAYERS.wrong; }
  if (!data.rounds.some((r) => r.before)) delete look.LAYERS.change;
};

look.marks = () => new Set(look.state.marks ? look.state.marks.split(",") : []);
look.off = () => new Set(look.state.off ? look.state.off.split(",").map(Number) : []);
look.percent = (value, digits = 0) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`);

const parsed = (range) => {
  const [from, to] = range.split("-");
  return [from === "" ? -Infinity : Number(from) / 100, to ? Number(to) / 100 : Infinity];
};

look.share = (round, index) => {
  const { state, data } = look;
  const at = data.classes.indexOf(state.class);
  const shares = round.shares[state.of] ?? round.shares.kept;
  return at < 0 ? null : shares[index * data.classes.length + at] / 65535;
};

// Tests that an image's place must pass.
const tests = (state, data, round) => {
  const found = [];
  for (const key of Object.keys(look.MEASURES)) {
    if (!state[key]) continue;
    const [from, to] = parsed(state[key]);
    const column = round.columns[key] ?? [];
    found.push((i) => column[i] !== null && column[i] >= from && column[i] <= to);
  }
  if (state.subset) found.push((i) => round.hard[i] === (state.subset === "hard" ? 1 : 0));
  if (state.class) {
    const least = Number(state.least || 0) / 100;
    found.push((i) => { const share = look.share(round, i); return share > 0 && share >= least; });
  }
  if (state.corrected) found.push((i) => round.corrected[i]);
  if (state.marked) { const marks = look.marks(); found.push((i) => marks.has(data.ids[i])); }
  if (state.name) {
    const part = state.name.toLowerCase();
    found.push((i) => data.images[i].toLowerCase().includes(part));
  }
  return found;
};

const column = (state, data, round) => {
  if (state.sort === "share") return (i) => look.share(round, i);
  if (state.sort === "rank") return (i) => round.rank[i];
  const values = state.sort === "name" ? data.images : round.columns[state.sort];
  return values ? (i) => values[i] : (i) => i;
};

look.chosen = (round) => {
  const { state, data } = look;
  const passed = round ? tests(state, data, round) : [];
  const list = [...data.images.keys()].filter((i) => passed.every((test) => test(i)));
  if (!round) return list;
  const value = column(state, data, round);
  const sign = state.down ? -1 : 1;
  const none = (v) => v === null || v === undefined;
  return list.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (none(x) || none(y)) return none(x) - none(y) || a - b; // what has no number comes last
    return x < y ? -sign : x > y ? sign : a - b;
  });
};
