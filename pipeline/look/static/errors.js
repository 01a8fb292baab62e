// What was taken for what: each image's confusion matrix, loaded when it is first asked for.
"use strict";
(() => {
  // Of a round, {predicted, label}: uint16 shares, of each image with a truth a row a true class.
  const load = async (round) => {
    const planes = await look.load(`look/${round.name}/confusion`, 0).catch(() => ({}));
    round.errors = Object.fromEntries(Object.entries(planes).map(([name, bytes]) => [name, new Uint16Array(bytes.buffer)]));
  };
  // Nothing until it is there; the page is then drawn anew, if it asked and not only looked ahead.
  let waiting = false;
  look.errors = (round, of, ahead = false) => {
    if (!look.data.truth.some(Boolean)) return undefined;
    waiting ||= !round.errors && !ahead;
    round.loading ??= load(round).then(() => { if (waiting) { waiting = false; look.render(); } });
    return round.errors?.[of];
  };
  look.judged = () => (look.state.of === "predicted" ? "predicted" : "label");

  // The row of an image among those with a truth; -1 without one.
  const rows = () => {
    let next = 0;
    return (look.data.known ??= look.data.truth.map((has) => (has ? next++ : -1)));
  };
  const entry = (round, of) => {
    const table = look.errors(round, of), known = rows(), side = look.data.classes.length;
    return table ? (i, truth, made) => table[(known[i] * side + truth) * side + made] / 65535 : null;
  };

  // The share of an image's pixels that are a class in its truth; of no truth, nothing.
  look.inTruth = (round, index, id) => {
    const table = look.errors(round, "predicted"), side = look.data.classes.length;
    if (!table || !look.data.truth[index]) return 0;
    const from = (rows()[index] * side + id) * side;
    let sum = 0;
    for (let at = from; at < from + side; at++) sum += table[at];
    return sum / 65535;
  };

  // The share of an image's pixels in the chosen cell of the matrix.
  look.ofCell = (round) => {
    const [truth, made] = look.state.cell.split("-").map(Number);
    const at = entry(round, look.state.matrix);
    return (i) => (at && look.data.truth[i] ? at(i, truth, made) : null);
  };

  // Of the class that is chosen: pixels taken for it, that are it, and that are both.
  const counted = (round) => {
    const id = look.data.classes.indexOf(look.state.class), at = entry(round, look.judged());
    if (!at || id < 0) return () => null;
    return (i) => {
      if (!look.data.truth[i]) return null;
      let [made, truth] = [0, 0];
      for (let other = 0; other < look.data.classes.length; other++) { made += at(i, other, id); truth += at(i, id, other); }
      return { made, truth, both: at(i, id, id) };
    };
  };
  const part = (one, whole) => (whole > 0 ? one / whole : null);
  const measures = {
    class_error: ({ made, truth, both }) => part(made + truth - 2 * both, made + truth - both),
    class_precision: ({ made, both }) => part(both, made),
  };
  look.ofClass = (key, round) => {
    const id = look.data.classes.indexOf(look.state.class), side = look.data.classes.length;
    if (key === "class_quality")
      return (i) => (id >= 0 && round.shares.quality[i * side + id] > 0 ? round.shares.quality[i * side + id] / 65535 : null);
    const of = counted(round);
    return (i) => { const found = of(i); return found && measures[key](found); };
  };

  // The most wrong first: pixels in the chosen cell, else of the chosen class, else of all labels.
  look.worst = (round) => {
    const { state } = look;
    if (state.cell) { const of = look.ofCell(round); return (i) => { const share = of(i); return share === null ? null : -share; }; }
    if (state.class) { const of = counted(round); return (i) => { const c = of(i); return c && c.made + c.truth > 0 ? 2 * c.both - c.made - c.truth : null; }; }
    return (i) => { const wrong = round.columns.wrong[i]; return wrong === null ? null : -wrong; };
  };

  // The sums of a list's matrices, and how many images they are of.
  look.confusion = (round, list, of) => {
    const table = look.errors(round, of), known = rows(), cells = look.data.classes.length ** 2;
    const sums = new Float64Array(cells);
    if (!table) return null;
    const counted = list.filter((i) => known[i] >= 0);
    for (const i of counted) for (let at = 0, from = known[i] * cells; at < cells; at++) sums[at] += table[from + at];
    return { sums, images: counted.length };
  };
})();
