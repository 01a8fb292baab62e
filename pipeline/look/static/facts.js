// What is known of one image, in every round and of its classes, and how to correct it elsewhere.
"use strict";
(() => {
  const { $, el } = look;

  // A word of a shell command, whatever a file is called.
  look.quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

  const commands = (round, name) => {
    const label = look.quoted(`data/rounds/${round.name}/labels/${name}.png`);
    const place = look.quoted(`data/corrections/${round.name}/${name}.png`);
    return `mkdir -p data/corrections/${round.name}\ncp ${label} \\\n   ${place}\n# edit it, then:\ndvc repro\n\n`
      + `# other rounds from this round's model:\nsegue branch ${round.name} NEW_NAME --rounds 1\ndvc repro`;
  };

  const rounds = (index) => {
    const { data } = look;
    const lines = [["labelled", (r) => look.percent(r.columns.coverage[index], 1)],
      ["entropy", (r) => look.percent(r.columns.entropy[index], 1)], ["confidence", (r) => look.percent(r.columns.confidence[index], 1)],
      ["label quality", (r) => look.percent(r.columns.quality[index], 1)], ["unlike its mirror", (r) => look.percent(r.columns.flip?.[index], 1)],
      ["split", (r) => look.SUBSETS[r.hard[index]]], ["rank", (r) => `${r.rank[index] + 1}.`],
      ["changed", (r) => look.percent(r.columns.change?.[index], 1)]];
    if (data.truth[index]) lines.push(["wrong labels", (r) => look.percent(r.columns.wrong[index], 1)],
      ["wrong prediction", (r) => look.percent(r.columns.wrong_prediction[index], 1)]);
    if (data.rounds.some((r) => look.corrected(r, index)))
      lines.push(["label", (r) => (look.corrected(r, index) ? el("span", { className: "badge corrected", textContent: "corrected" }) : "made")]);
    const row = (tag, title, value) => el("tr", {}, el(tag, { textContent: title }), ...data.rounds.map((r) =>
      el(tag, { className: r.name === look.state.round ? "now" : "" }, value(r))));
    return el("table", {}, row("th", "", (r) => r.name), ...lines.map(([title, value]) => row("td", title, value)));
  };

  // Its classes, the least sure first; a class is a link to all images that have it.
  const classes = (index, round) => {
    const side = look.data.classes.length, of = (key, id) => round.shares[key][index * side + id] / 65535;
    const there = [...look.data.classes.keys()].filter((id) => of("predicted", id) > 0).sort((a, b) => of("quality", a) - of("quality", b));
    const row = (id) => el("tr", {}, el("td", {}, ...look.swatch(id).slice(0, 1), el("button", { textContent: look.data.classes[id],
      className: "plain", title: "All images with it", onclick: () => look.set({ image: "", class: look.data.classes[id] }) })),
      ...["predicted", "kept", "quality"].map((key) => el("td", { textContent: look.percent(key === "quality" ? of(key, id) || null : of(key, id), 1) })));
    return el("table", {}, el("tr", {}, ...["", "predicted", "labelled", "quality"].map((textContent) => el("th", { textContent }))), ...there.map(row));
  };

  look.facts = (index, round) => {
    const more = el("details", { open: $("#facts details")?.open ?? false }, el("summary", { textContent: "Its classes, the least sure first" }),
      el("div", { className: "scroll" }, classes(index, round)));
    $("#facts").replaceChildren(el("div", { className: "scroll" }, rounds(index)),
      el("p", { className: "path", textContent: look.data.images[index] }), more);
    $("#commands").textContent = commands(round, look.data.names[index]);
  };
})();
