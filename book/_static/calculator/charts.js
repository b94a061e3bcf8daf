/* The calculator's two charts, as Vega-Lite specifications with the same numbers in a table. The library is loaded after
   the page is painted; until then, and without it, the tables say the same. */
"use strict";

const calculatorCharts = (() => {
  const { cost, number, words, quote } = calculator;
  const vendored = new URL("../vendor/", document.currentScript.src);
  const PADDING = { left: 62, right: 14, top: 30, bottom: 44 };
  const geometric = (low, high, count) => Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* --- what is drawn: { title, alt, head, rows, spec } ---------------------------------------------------------------- */

  function costs({ state, v, stairs, first }) {
    const { one } = calculator.book.quantities.demand_tokens_per_second, usd = calculator.book.quantities.api_usd_per_second.one;
    const demand = v.demand_tokens_per_second, reach = [demand, stairs.step, ...(Number.isFinite(first) ? [first] : [])];
    const low = Math.min(...reach) / 10, high = 6 * Math.max(...reach);
    const ends = stairs.bills.map((_, i) => stairs.step * (i + 1)).filter(end => end > low && end < high).slice(0, 120);
    const volumes = [...geometric(low, high, 120), ...ends, ...ends.map(end => end * (1 + 1e-6)), demand].sort((a, b) => a - b);
    const api = calculator.book.api_models[state.api_model].name;
    const row = (volume, who, bill) => ({ volume: volume / one, who, usd: bill / usd });
    const lines = volumes.flatMap(each => [row(each, "hosting", cost(stairs, each)), row(each, api, each * v.api_usd_per_token)]);
    const marks = [row(demand, "hosting", v.self_usd_per_second), row(demand, api, v.api_usd_per_second)];
    const meets = Number.isFinite(first) ? [row(first, "hosting", first * v.api_usd_per_token)] : [];
    const at = [...geometric(low, high, 7), demand, ...(Number.isFinite(first) ? [first] : [])].sort((a, b) => a - b);
    const from = Number.isFinite(first) ? `Hosting first wins from ${words("breakeven_tokens_per_second", first)} on.` : "Hosting wins at no volume.";
    return {
      alt: `Cost of a month against volume, both on logarithmic axes: a staircase for hosting and a straight line for ${api}. ${from}`,
      head: ["Volume", "Hosting", api],
      rows: at.map(each => [
        words("demand_tokens_per_second", each) + (each === demand ? " (yours)" : each === first ? " (break-even)" : ""),
        words("self_usd_per_second", cost(stairs, each)), words("api_usd_per_second", each * v.api_usd_per_token),
      ]),
      spec: {
        layer: [
          { data: { values: [row(demand, "", 0)] }, mark: { type: "rule", strokeDash: [4, 3], color: color("--cost-idle") }, encoding: { y: null, color: null } },
          { data: { values: lines }, mark: { type: "line", strokeWidth: 2.5 }, encoding: { order: { field: "volume" } } },
          { data: { values: [row(demand, "", 0)] }, mark: label("your volume", { align: "left", dx: 5 }), encoding: { y: { value: 192 }, color: null } },
          { data: { values: marks }, mark: { type: "point", filled: true, size: 60, opacity: 1 } },
          { data: { values: meets }, mark: { type: "point", shape: "diamond", filled: true, size: 110, opacity: 1 } },
          { data: { values: meets }, mark: label("break-even", { align: "right", dx: -8, dy: -9 }), encoding: { color: null } },
        ],
        encoding: {
          x: axis("volume", "tokens a month"), y: axis("usd", "USD a month"),
          color: { field: "who", scale: { domain: ["hosting", api], range: [color("--cost-self"), color("--cost-api")] }, legend: { title: null, orient: "top" } },
        },
      },
    };
  }

  function roofline({ v }) {
    const peak = v.peak_flops_per_second, bandwidth = v.memory_bytes_per_second, roof = at => Math.min(at * bandwidth, peak);
    const named = [["decode", v.decode_intensity], ["prefill", v.prefill_intensity]], ridge = v.ridge_flops_per_byte;
    const all = [ridge, ...named.map(each => each[1])], low = Math.min(...all) / 4, high = Math.max(...all) * 4;
    const line = [...geometric(low, high, 60), ridge].sort((a, b) => a - b).map(at => ({ at, roof: roof(at) / 1e12 }));
    const points = named.map(([phase, at]) => ({ phase, at, roof: roof(at) / 1e12 }));
    const limit = at => at < ridge ? "memory" : "arithmetic";
    const says = ([phase, at]) => `${phase} at ${words("decode_intensity", at)}, limited by ${limit(at)}`;
    return {
      alt: `Roofline of one GPU, both axes logarithmic, with a ridge at ${words("ridge_flops_per_byte", ridge)}: ${named.map(says).join("; ")}.`,
      head: ["Phase", "Arithmetic per byte", "Most that a GPU reaches", "Limited by"],
      rows: named.map(([phase, at]) => [phase, words("decode_intensity", at), words("attainable_flops_per_second", roof(at)), limit(at)]),
      spec: {
        layer: [
          { data: { values: line }, mark: { type: "line", strokeWidth: 2.5, color: color("--cost-idle") } },
          { data: { values: points }, mark: { type: "point", filled: true, size: 110, opacity: 1 }, encoding: { color: { field: "phase", scale: { domain: ["decode", "prefill"], range: [color("--cost-decode"), color("--cost-prefill")] }, legend: { title: null, orient: "top" } } } },
        ],
        encoding: { x: axis("at", "arithmetic per byte (FLOP/B)", false), y: axis("roof", "TFLOP/s per GPU", false) },
      },
    };
  }

  const label = (text, place) => ({ type: "text", text, fontSize: 12, color: color("--pst-color-text-base"), ...place });
  const axis = (field, title, grid = true) => ({ field, type: "quantitative", title, scale: { type: "log", nice: false }, axis: { grid, format: "~s", labelExpr: "replace(datum.label, 'G', 'B')", tickCount: 5 } });

  /* --- drawing --------------------------------------------------------------------------------------------------------- */

  const script = name => new Promise((done, failed) => {
    const made = document.head.appendChild(document.createElement("script"));
    Object.assign(made, { src: new URL(name, vendored), onload: done, onerror: failed });
  });
  let library;
  const load = () => library ??= script("vega/vega.min.js").then(() => script("vega-lite/vega-lite.min.js"));

  function config() {
    const text = color("--pst-color-text-base") || "black", quiet = color("--pst-color-text-muted") || text, grid = color("--pst-color-border");
    const font = getComputedStyle(document.body).fontFamily;
    return {
      aria: false, font, background: "transparent", view: { stroke: null },
      axis: { labelColor: quiet, titleColor: text, gridColor: grid, gridOpacity: 0.5, domainColor: grid, tickColor: grid, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      legend: { labelColor: text, labelFontSize: 12, symbolFillColor: text, symbolStrokeWidth: 0, columnPadding: 12, offset: 8 },
    };
  }

  const views = new Map(), wanted = new Map();
  async function draw(place, drawn) {
    wanted.set(place, drawn);
    await load();
    if (wanted.get(place) !== drawn) return;  // newer results came meanwhile
    const { alt, spec } = drawn;
    views.get(place)?.finalize();
    const width = Math.max(place.clientWidth - PADDING.left - PADDING.right, 160), whole = { width, height: 200, padding: PADDING, autosize: "none", config: config(), ...spec };
    const view = new vega.View(vega.parse(vegaLite.compile(whole).spec), { renderer: "svg", container: place });
    views.set(place, view);
    await view.runAsync();
    const picture = place.querySelector("svg");
    for (const part of picture.querySelectorAll("[role]")) for (const name of ["role", "aria-roledescription"]) part.removeAttribute(name);
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", alt);
  }

  function table(place, { head, rows }) {
    const made = document.createElement("table"), line = (cells, tag) => {
      const row = document.createElement("tr");
      for (const cell of cells) row.appendChild(Object.assign(document.createElement(tag), { textContent: cell }));
      return row;
    };
    made.append(line(head, "th"), ...rows.map(cells => line(cells, "td")));
    place.replaceChildren(made);
  }

  return { costs, roofline, draw, table };
})();
