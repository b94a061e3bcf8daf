// Sets the mathematics of a page piece by piece, so that scrolling and clicking never wait for a long page's formulas.
// html.math-set says that all is done.
document.addEventListener("DOMContentLoaded", () => {
  const delimiters = [
    { left: "\\(", right: "\\)", display: false },
    { left: "\\[", right: "\\]", display: true },
  ];
  const waiting = [...document.querySelectorAll(".math")];
  const set = (enough) => {
    while (waiting.length && !enough()) renderMathInElement(waiting.shift(), { delimiters });
    if (!waiting.length) document.documentElement.classList.add("math-set");
  };
  const slice = () => {
    const end = performance.now() + 8;
    set(() => performance.now() > end);
    if (waiting.length) setTimeout(slice);
  };
  addEventListener("beforeprint", () => set(() => false));
  slice();
});
