// What a stroke covers, as spans [y, from, to) of a map's rows: a brush, a polygon, a connected region.
"use strict";
look.shapes = (() => {
  // Discs of a radius along the line between two points, in pixels.
  function* brush([x0, y0], [x1, y1], radius, width, height) {
    const [low, high] = [Math.max(0, Math.floor(Math.min(y0, y1) - radius)), Math.min(height - 1, Math.ceil(Math.max(y0, y1) + radius))];
    const [dx, dy] = [x1 - x0, y1 - y0], steps = Math.ceil(Math.hypot(dx, dy) / Math.max(1, radius / 2)) || 1;
    for (let y = low; y <= high; y++) {
      let [from, to] = [Infinity, -Infinity];
      for (let step = 0; step <= steps; step++) {
        const down = y + 0.5 - (y0 + (dy * step) / steps);
        if (Math.abs(down) > radius) continue;
        const across = Math.sqrt(radius * radius - down * down), x = x0 + (dx * step) / steps;
        [from, to] = [Math.min(from, x - across), Math.max(to, x + across)];
      }
      const span = [y, Math.max(0, Math.round(from)), Math.min(width, Math.round(to))];
      if (span[1] < span[2]) yield span;
    }
  }

  // Inside by the even-odd rule, where a pixel's middle is.
  function* polygon(points, width, height) {
    const tops = points.map(([, y]) => y);
    for (let y = Math.max(0, Math.floor(Math.min(...tops))); y < Math.min(height, Math.ceil(Math.max(...tops))); y++) {
      const crossed = points.flatMap(([x0, y0], at) => {
        const [x1, y1] = points[(at + 1) % points.length], middle = y + 0.5;
        return y0 <= middle !== y1 <= middle ? [x0 + ((middle - y0) / (y1 - y0)) * (x1 - x0)] : [];
      }).sort((a, b) => a - b);
      for (let at = 0; at + 1 < crossed.length; at += 2) {
        const span = [y, Math.max(0, Math.round(crossed[at])), Math.min(width, Math.round(crossed[at + 1]))];
        if (span[1] < span[2]) yield span;
      }
    }
  }

  // All pixels that are joined to one, through neighbours above, below and beside, by their value.
  const region = (map, width, height, x, y) => {
    const value = map[y * width + x], seen = new Uint8Array(map.length), open = [y * width + x], spans = [];
    while (open.length) {
      const at = open.pop();
      if (seen[at]) continue;
      const row = Math.floor(at / width) * width;
      let [from, to] = [at, at + 1];
      while (from > row && map[from - 1] === value) from--;
      while (to < row + width && map[to] === value) to++;
      seen.fill(1, from, to);
      spans.push([row / width, from - row, to - row]);
      for (const next of [-width, width])
        for (let i = from + next; i < to + next; i++)
          if (map[i] === value && !seen[i] && (i === from + next || map[i - 1] !== value || seen[i - 1])) open.push(i);
    }
    return spans;
  };

  // Spans of a smaller map, in a larger one.
  function* enlarged(spans, [width, height], [wide, high]) {
    for (const [y, from, to] of spans)
      for (let row = Math.ceil((y * high) / height); row < Math.ceil(((y + 1) * high) / height); row++)
        yield [row, Math.ceil((from * wide) / width), Math.ceil((to * wide) / width)];
  }
  return { brush, polygon, region, enlarged };
})();
