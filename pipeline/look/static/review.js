// Verdicts of people: kept in this browser by report; CSV files in and out, and two made one.
"use strict";
look.VERDICTS = ["good", "fix", "exclude"];
look.HEADER = "image,verdict,note";

look.joined = (before, note) => (!note || before.split("; ").includes(note) ? before : before ? `${before}; ${note}` : note);

// Rows of a CSV text; fields in double quotes may have commas, quotes twice and line ends.
look.rows = (text) => {
  const rows = [[]];
  for (const [, separator, quoted, plain] of text.replace(/^\uFEFF/, "").matchAll(/(^|,|\r?\n)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)) {
    if (separator.endsWith("\n")) rows.push([]);
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
  }
  return rows.filter((row) => row.length > 1 || row[0]);
};
const field = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

look.review = (() => {
  const own = new Map(); // round -> {name: {verdict, note, over, others: [{verdict, note, from}]}}: what was said here
  const project = new Map(); // round -> Map of name -> {verdict, note}: data/review, as the report found it
  const place = (part) => `segue ${look.data.report} ${location.pathname} ${part}`;
  const review = { seen: new Set(), made: new Set(), views: [] };

  review.read = (part, normal) => {
    try { return JSON.parse(localStorage.getItem(place(part))) ?? normal; } catch { return normal; }
  };
  review.write = (part, value) => {
    try { localStorage.setItem(place(part), JSON.stringify(value)); }
    catch { look.say("This browser keeps nothing of this page, or is full: export your verdicts before you close it."); }
  };
  review.begin = () => {
    for (const { name } of look.data.rounds) {
      own.set(name, Object.assign(Object.create(null), review.read(`verdicts ${name}`, {})));
      project.set(name, new Map((look.data.verdicts[name] ?? []).map(([image, verdict, note]) => [image, { verdict, note }])));
    }
    review.seen = new Set(review.read("seen", []));
    review.made = new Set(review.read("corrected", []));
    review.views = review.read("views", []);
  };
  addEventListener("storage", () => { review.begin(); look.refresh(); }); // of another window

  // What was said here holds over what the project said by then (`over`); null takes that back. What
  // the project says since is joined, or stands beside as a contradiction.
  review.of = (round, name) => {
    const here = own.get(round)?.[name], there = project.get(round)?.get(name);
    if (!here) return there;
    if (!there || here.over === there.verdict) return here.verdict ? here : undefined;
    if (!here.verdict) return there;
    if (here.verdict === there.verdict) return { ...here, note: look.joined(there.note, here.note) };
    return { ...here, others: [...(here.others ?? []), { ...there, from: "the project" }] };
  };
  review.all = (round) => [...new Set([...(project.get(round)?.keys() ?? []), ...Object.keys(own.get(round) ?? {})])]
    .map((name) => review.of(round, name)).filter(Boolean);
  const save = (round) => review.write(`verdicts ${round}`, own.get(round));
  const put = (round, name, given) => {
    const there = project.get(round).get(name);
    own.get(round)[name] = there ? { ...given, over: there.verdict } : given;
  };

  // A person's word settles what files say otherwise; the note keeps what they said.
  const settled = ({ note, others = [] }) => others.reduce((text, o) => look.joined(text, `${o.from}: ${[o.verdict, o.note].filter(Boolean).join(", ")}`), note);
  review.give = (round, name, verdict) => {
    const before = review.of(round, name), back = before?.verdict === verdict && !before.others; // the same key again
    if (!back) put(round, name, { verdict, note: before ? settled(before) : "" });
    else if (project.get(round).has(name)) put(round, name, { verdict: null, note: "" });
    else delete own.get(round)[name];
    save(round);
  };
  review.note = (round, name, note) => {
    const before = review.of(round, name);
    if (!before && !note) return;
    put(round, name, { verdict: "fix", ...before, note });
    save(round);
  };
  review.see = (id) => {
    if (review.seen.has(id)) return;
    review.seen.add(id);
    review.write("seen", [...review.seen]);
  };
  review.correct = (round, name) => {
    review.made.add(`${round}/${name}`);
    review.write("corrected", [...review.made]);
    if (review.of(round, name)?.verdict === "fix") review.give(round, name, "good");
  };
  review.passes = (round, name, wanted) => {
    const given = review.of(round, name);
    if (wanted === "none") return !given;
    if (wanted === "both") return Boolean(given?.others);
    if (wanted === "note") return Boolean(given?.note);
    return given?.verdict === wanted;
  };

  review.text = (round) => {
    const rows = look.data.names.map((name) => [name, review.of(round, name)]).filter(([, given]) => given);
    return [look.HEADER, ...rows.map(([name, given]) => [name, given.verdict, settled(given)].map(field).join(","))].join("\n") + "\n";
  };

  const wrong = (rows, names) => {
    if (rows[0]?.join() !== look.HEADER) return `its first line is “${rows[0]?.join() ?? ""}”; it must be “${look.HEADER}”`;
    for (const [at, row] of rows.entries()) {
      if (!at) continue;
      if (row.length !== 3) return `row ${at + 1} has ${row.length} fields, not 3; put a note that has a comma in double quotes`;
      if (!look.VERDICTS.includes(row[1])) return `row ${at + 1}, ${row[0]}: “${row[1]}” is no verdict; choose ${look.VERDICTS.join(", ")}`;
      if (!names.has(row[0])) return `row ${at + 1}: no image is called “${row[0]}”; names are those of the labels, without .png`;
    }
    return "";
  };
  // Adds a file's verdicts to those of a round; what contradicts stays beside. Says what came of it.
  review.merge = (round, file, text) => {
    const rows = look.rows(text), problem = wrong(rows, new Set(look.data.names));
    if (problem) return `${file}: ${problem}. Nothing was taken.`;
    let differ = 0;
    for (const [name, verdict, note] of rows.slice(1)) {
      const before = review.of(round, name);
      if (before?.verdict !== verdict && own.get(round)[name]?.over === verdict) continue; // what is said here came after
      if (!before) put(round, name, { verdict, note });
      else if (before.verdict === verdict) put(round, name, { ...before, note: look.joined(before.note, note) });
      else {
        differ++;
        const others = (before.others ?? []).filter((o) => o.from !== file || o.verdict !== verdict);
        put(round, name, { ...before, others: [...others, { verdict, note, from: file }] });
      }
    }
    save(round);
    const told = `${file}: ${rows.length - 1} verdicts of ${round}`;
    return differ ? `${told}; ${differ} contradict yours. Choose “contradictions” to see them: your next verdict on one settles it.` : `${told}.`;
  };
  return review;
})();

look.corrected = (round, index) => Boolean(round.corrected[index]) || look.review.made.has(`${round.name}/${look.data.names[index]}`);
