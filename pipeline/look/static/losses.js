// Training curves, and the names at the ends of a chart's lines.
"use strict";
(() => {
  const FONT = "12px system-ui", LEAD = 14, LINE = 13;
  const POINTS = 101; // of a curve, over its own training
  const TITLES = { source: "Training loss on the source", target: "Training loss on the target" };
  look.NAMED = 24; // lines of a chart that have their names beside them

  const pen = document.createElement("canvas").getContext("2d");
  const width = (text) => { pen.font = FONT; return pen.measureText(text).width; };
  const LONGEST = 110; // pixels of a name at a line's end
  look.cut = (text, most) => {
    if (width(text) <= most) return text;
    let kept = text;
    while (kept && width(`${kept}…`) > most) kept = kept.slice(0, -1);
    return `${kept}…`;
  };

  // What the names take on the right of a chart.
  look.room = (series) => LEAD + 6 + Math.ceil(Math.max(...series.map((s) => width(look.cut(s.name, LONGEST)))));

  // Each name at the height of its line's end, moved where two would lie on each other.
  look.nameEnds = (u, series) => {
    const ratio = devicePixelRatio, ctx = u.ctx, right = u.bbox.left + u.bbox.width;
    const ends = series.map((s) => {
      const at = s.values.findLastIndex((v) => v !== null && v !== undefined);
      return { s, x: u.valToPos(at, "x", true), end: u.valToPos(s.values[at], "y", true) };
    }).sort((a, b) => a.end - b.end);
    ends.forEach((e, i) => (e.y = Math.max(e.end, i ? ends[i - 1].y + LINE * ratio : -Infinity)));
    let below = u.bbox.top + u.bbox.height + LINE * ratio;
    for (const e of ends.toReversed()) below = e.y = Math.min(e.y, below - LINE * ratio);
    ctx.save();
    ctx.font = FONT.replace("12", 12 * ratio);
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.setLineDash([]);
    for (const { s, x, end, y } of ends) {
      ctx.strokeStyle = s.colour;
      ctx.lineWidth = ratio;
      ctx.beginPath();
      ctx.moveTo(x, end);
      ctx.lineTo(right + LEAD * ratio, y);
      ctx.stroke();
      ctx.fillStyle = getComputedStyle(look.$("#charts")).getPropertyValue("--ink");
      ctx.fillText(look.cut(s.name, LONGEST), right + (LEAD + 3) * ratio, y);
    }
    ctx.restore();
  };

  // A curve's values at equal shares of its training, and the steps that they are of.
  const spread = (steps, values) => {
    const places = Array.from({ length: POINTS }, (_, i) => (i / (POINTS - 1)) * (steps.length - 1));
    const between = (of) => places.map((p) => {
      const [low, high] = [of[Math.floor(p)] ?? null, of[Math.ceil(p)] ?? null];
      return low === null || high === null ? null : low + (high - low) * (p % 1);
    });
    return { values: between(values), at: between(steps).map((step) => `step ${Math.round(step)} of ${steps.at(-1)}`) };
  };

  look.losses = () => {
    const termsOf = (columns) => Object.keys(columns).filter((key) => key !== "step");
    const curves = Object.entries(look.data.curves).filter(([, columns]) => columns.step.length && termsOf(columns).length);
    const terms = new Set(curves.flatMap(([, columns]) => termsOf(columns)));
    const ticks = Array.from({ length: POINTS }, (_, i) => (i % 25 ? undefined : `${i} %`));
    for (const term of terms) {
      const series = curves.map(([name, columns], i) => ({ name, colour: look.COLOURS[i % 6], dash: look.DASHES[Math.floor(i / 6) % 4],
        ...spread(columns.step, columns[term] ?? []) }));
      look.chart(TITLES[term] ?? `Training: ${term}`, "over each model's own training", ticks, series, "", { size: POINTS, ratio: true });
    }
  };
})();
