// What leaves the page: into the project's folder where the browser may write there, else as a download.
"use strict";
(() => {
  const { $, el } = look;
  let project = null;

  look.say = (text) => { $("#said").textContent = text; $("#said").hidden = !text; };
  look.writes = () => Boolean(project);

  const folder = async (parts, create) => {
    let at = project;
    for (const part of parts) at = await at.getDirectoryHandle(part, { create });
    return at;
  };
  look.chooseProject = async () => {
    try {
      const chosen = await showDirectoryPicker({ id: "segue", mode: "readwrite" });
      await chosen.getFileHandle("dvc.yaml");
      project = chosen;
      look.say(`Verdicts and corrections are now written below ${chosen.name}.`);
    } catch (error) {
      if (error.name === "AbortError") return;
      look.say(error.name === "NotFoundError" ? "That folder has no dvc.yaml: choose the project's own." : `The folder cannot be used: ${error.message}`);
    }
    look.refresh();
  };

  // The text of a file of the project, or null.
  look.kept = async (path) => {
    const parts = path.split("/"), name = parts.pop();
    try { return await (await (await folder(parts, false)).getFileHandle(name)).getFile().then((file) => file.text()); } catch { return null; }
  };
  // Writes a file where it belongs, or downloads it and says where that is.
  look.keep = async (path, blob) => {
    const parts = path.split("/"), name = parts.pop();
    if (project) {
      try {
        const sink = await (await (await folder(parts, true)).getFileHandle(name, { create: true })).createWritable();
        await sink.write(blob);
        await sink.close();
        return `${path} is written. Next: dvc repro`;
      } catch (error) { project = null; look.say(`${path} cannot be written: ${error.message}`); }
    }
    const link = el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    return `${name} is in your downloads. Next: mkdir -p ${parts.join("/")} && mv ~/Downloads/${look.quoted(name)} ${parts.join("/")}/ && dvc repro`;
  };
})();
