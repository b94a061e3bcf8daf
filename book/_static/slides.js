// Slides: the theme, the mathematics, and each slide made to fit.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { root.dataset.theme = dark.matches ? "dark" : "light"; };
  const turn = () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; };
  follow();
  dark.addEventListener("change", follow);
  if (!window.Reveal) return;

  renderMathInElement(document.querySelector(".slides"), {
    delimiters: [{ left: "\\(", right: "\\)", display: false }, { left: "\\[", right: "\\]", display: true }],
  });

  const HEIGHT = 720, LEAST = 60; // CSS pixels of a slide, and per cent to which its type may shrink
  const fit = ({ currentSlide: slide }) => {
    const tooBig = () => slide.scrollHeight > HEIGHT || slide.scrollWidth > slide.clientWidth + 1;
    for (let size = 95; tooBig() && size >= LEAST; size -= 5) slide.style.fontSize = `${size}%`;
  };
  Reveal.on("ready", fit);
  Reveal.on("slidechanged", fit);
  Reveal.initialize({
    width: 1280, height: HEIGHT, margin: 0, center: false, hash: true, slideNumber: "c/t", transition: "none",
    keyboard: { 84: turn }, plugins: [RevealNotes],
  });
  Reveal.registerKeyboardShortcut("T", "Light or dark");
})();
