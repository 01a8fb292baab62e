// A label map as the PNG that the stage `correct` reads: eight bits a pixel, a palette, no smoothing.
"use strict";
(() => {
  const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const crc = (bytes) => {
    let sum = 0xffffffff;
    for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
    return (sum ^ 0xffffffff) >>> 0;
  };
  const word = (number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);
  const chunk = (kind, content) => {
    const body = new Uint8Array(4 + content.length);
    body.set(new TextEncoder().encode(kind));
    body.set(content, 4);
    return [Uint8Array.from(word(content.length)), body, Uint8Array.from(word(crc(body)))];
  };
  const deflated = async (bytes) => {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  // uint8 train ids, row by row; colours as "#rrggbb", all further ids black.
  look.png = async (label, width, height, colours) => {
    const rows = new Uint8Array(height * (width + 1)); // each after the filter that it has: none
    for (let y = 0; y < height; y++) rows.set(label.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
    const palette = new Uint8Array(768);
    colours.forEach((colour, id) => palette.set([1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)), 3 * id));
    const parts = [chunk("IHDR", [...word(width), ...word(height), 8, 3, 0, 0, 0]), chunk("PLTE", palette),
      chunk("IDAT", await deflated(rows)), chunk("IEND", [])];
    return new Blob([Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts.flat()], { type: "image/png" });
  };
})();
