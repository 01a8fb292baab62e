// Verdicts on the page: of the image, of all, their files, and views that were saved.
"use strict";
(() => {
  const { $, el } = look;
  const KEYS = { good: "g", fix: "r", exclude: "x" };
  const shown = () => look.data.names[look.opened()];

  look.give = (verdict, index = look.opened()) => {
    if (index < 0 || index === undefined || !look.round()) return;
    look.review.give(look.state.round, look.data.names[index], verdict);
    look.refresh();
  };

  // Of the image that is opened: its verdict, its note, and who says otherwise.
  look.judging = () => {
    const given = look.review.of(look.state.round, shown());
    $("#verdicts").replaceChildren(...look.VERDICTS.map((verdict) => {
      const button = el("button", { textContent: verdict, title: KEYS[verdict], onclick: () => look.give(verdict) });
      button.dataset.verdict = verdict;
      button.setAttribute("aria-pressed", given?.verdict === verdict);
      return button;
    }));
    if ($("#note") !== document.activeElement) $("#note").value = given?.note ?? "";
    $("#others").textContent = (given?.others ?? []).map((o) => `${o.from} says ${o.verdict}${o.note && `: ${o.note}`}`).join("; ");
  };

  // Of all of the round; and what can be done with them.
  look.reviewing = () => {
    const { round } = look.state, all = look.review.all(round);
    const of = (verdict) => all.filter((given) => given.verdict === verdict).length;
    const differ = all.filter((given) => given.others).length;
    $("#given").textContent = all.length ? `${look.VERDICTS.map((verdict) => `${of(verdict)} ${verdict}`).join(", ")}${differ ? `; ${differ} contradictions` : ""}` : "No verdict yet.";
    $("#export").textContent = `Export ${round}.csv`;
    $("#export").disabled = !all.length;
    $("#project").hidden = !("showDirectoryPicker" in window) || look.writes();
    const { views } = look.review;
    $("#views").replaceChildren(el("option", { value: "", textContent: views.length ? "saved views" : "no saved views" }),
      ...views.map(({ name, address }) => el("option", { value: address, textContent: name })));
    $("#views").value = views.find(({ address }) => address === look.address())?.address ?? "";
    $("#drop-view").hidden = !$("#views").value;
  };

  // A file that is there may be somebody else's: it is taken in first.
  const bringOut = async () => {
    const { round } = look.state, path = `data/review/${round}.csv`;
    const before = look.writes() ? await look.kept(path) : null;
    const told = before === null ? "" : look.review.merge(round, "the project's file", before);
    if (told.endsWith("taken.")) return look.say(`${told} Mend it, then export again.`);
    const said = await look.keep(path, new Blob([look.review.text(round)], { type: "text/csv" }));
    look.say(told.includes("contradict") ? `${said} ${told}` : said);
    look.refresh();
  };
  const takeIn = async (files) => {
    const said = [];
    for (const file of files) {
      const round = look.data.rounds.find(({ name }) => file.name === `${name}.csv`)?.name ?? look.state.round;
      said.push(look.review.merge(round, file.name, await file.text()));
    }
    look.say(said.join(" "));
    look.refresh();
  };

  const views = (changed) => { look.review.views = changed; look.review.write("views", changed); look.reviewing(); };
  const named = () => {
    const { state } = look, differ = Object.keys(look.DEFAULTS).filter((key) => state[key] !== look.DEFAULTS[key]);
    const name = prompt("A name for what is shown", differ.map((key) => (state[key] === true ? key : `${key} ${state[key]}`)).join(", ").slice(0, 60) || "all images");
    if (name) views([...look.review.views.filter((view) => view.name !== name), { name, address: look.address() }]);
  };

  look.listenToReview = () => {
    const note = () => { look.review.note(look.state.round, shown(), $("#note").value.trim()); look.refresh(); };
    $("#note").addEventListener("change", note);
    $("#export").addEventListener("click", bringOut);
    $("#import").addEventListener("click", () => $("#files").click());
    $("#files").addEventListener("change", (event) => takeIn([...event.target.files]).then(() => (event.target.value = "")));
    $("#project").addEventListener("click", look.chooseProject);
    $("#views").addEventListener("change", (event) => { if (event.target.value) location.hash = event.target.value; });
    $("#save-view").addEventListener("click", named);
    $("#drop-view").addEventListener("click", () => views(look.review.views.filter(({ address }) => address !== $("#views").value)));
  };
})();
