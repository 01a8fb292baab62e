// Which model is best, with links to the images that show what is said.
"use strict";
(() => {
  // How many images a state shows; the page's own state stays as it is.
  const count = (state) => {
    const before = look.state;
    look.state = { ...look.DEFAULTS, ...state };
    const found = look.round() ? look.chosen(look.round()).length : 0;
    look.state = before;
    return found;
  };

  // A link, or its text alone where no image would be shown.
  const part = ([text, state]) => {
    const images = state ? count(state) : 0;
    if (!images) return text;
    const href = look.address({ ...look.DEFAULTS, ...state });
    return look.el("a", { href, textContent: text, title: `${images} ${images === 1 ? "image" : "images"}, the worst first` });
  };

  look.verdict = () => look.$("#verdict").replaceChildren(...look.data.verdict.map(part));
})();
