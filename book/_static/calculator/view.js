/* The calculator's page: reads the inputs, shows what follows, and keeps the state in the address. */
"use strict";

(() => {
  const { book, Refused, words, number } = calculator;
  const root = document.getElementById("calculator-app"), form = root.querySelector("form"), at = id => document.getElementById(`calc-${id}`);
  const scripts = new URL("../", document.currentScript.src);
  const DEPENDENT = {  // what choosing anew takes from the tables again
    model: ["n_gpus", "measured_tokens_per_second"], gpu: ["n_gpus", "usd_per_gpu_hour", "measured_tokens_per_second"], contract: ["usd_per_gpu_hour"],
    api_model: ["input_usd_per_million_tokens", "output_usd_per_million_tokens"], vintage: ["usd_per_gpu_hour", "input_usd_per_million_tokens", "output_usd_per_million_tokens"],
  };
  let draft, good, invalid = {};  // what the form says, the last state that could be computed with its results, fields that cannot be read

  const element = (tag, text, className) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: className ?? "" });

  /* --- inputs --------------------------------------------------------------------------------------------------------- */

  const written = value => Number(value.toPrecision(12)).toLocaleString("en-US", { maximumFractionDigits: 12 });

  /* Where the value of an input comes from, for its note. */
  function origin(name, about) {
    if (about.table || about.needed) return name === "tokens_per_month" ? words(about.quantity, draft[name] * about.factor) : "";
    if (draft[name] !== null) return "yours; clear it to take it from the tables";
    const stated = draft.vintage === "article" && [draft.gpu, draft.api_model].some(key => about.quantity in (book.article[key] ?? {}));
    if (stated) return "as the article states it";
    if (name === "n_gpus") return "the fewest that hold the batch";
    if (name === "usd_per_gpu_hour") return book.accelerators[draft.gpu].rents[draft.contract]?.note ?? "no public quote";
    if (name.endsWith("_per_million_tokens")) return book.api_models[draft.api_model].note;
    return name in book.assumed ? "assumed" : "empty: modelled";
  }

  function showInputs() {
    const given = calculator.facts(draft);
    for (const [name, about] of Object.entries(book.inputs)) {
      const field = at(name), note = at(`${name}-note`), effective = about.quantity && given[about.quantity] / about.factor;
      const modelled = draft[name] === null && !Number.isFinite(effective);
      if (field !== document.activeElement || field.tagName === "SELECT") {
        if (!(name in invalid)) field.value = about.table ? draft[name] : modelled ? "" : written(draft[name] ?? effective);
      }
      note.textContent = [note.dataset.meaning, origin(name, about)].filter(Boolean).join(" · ");
    }
    const same = Object.entries(book.presets).find(([, { state }]) => Object.keys(state).every(name => state[name] === draft[name]));
    at("preset").value = same ? same[0] : "";
  }

  function showProblems(problems) {
    for (const name of Object.keys(book.inputs)) {
      const text = problems[name], error = at(`${name}-error`);
      error.hidden = !text;
      error.textContent = text ?? "";
      at(name).setAttribute("aria-invalid", Boolean(text));
      if (text) at(name).closest("details").open = true;
    }
    const texts = Object.values(problems);
    at("problem").hidden = !texts.length;
    at("problem").textContent = texts.length ? `${texts.join(". ")}.${good ? " The results are those of the last inputs that could be computed." : ""}` : "";
  }

  /* --- results -------------------------------------------------------------------------------------------------------- */

  function recompute() {
    if (Object.keys(invalid).length) return showProblems(invalid);
    try {
      good = calculator.calculate({ ...draft });
      showProblems({});
      showResults();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      showProblems({ [error.field]: error.message });
    }
  }

  const range = (name, [low, high]) => `${words(name, low).split(" ")[0]} to ${words(name, high)}`;

  function said(name) {
    const { state, shown, slow, fast } = good;
    if (name === "breakeven_tokens_per_second" && !Number.isFinite(good.first)) return ["never"];
    const metric = book.metrics[name], measured = state.measured_tokens_per_second !== null;
    const ends = metric ? calculator.interval(state, metric, shown[name], shown.batch)
      : !measured && ["self_usd_per_token", "self_usd_per_second"].includes(name) ? [fast.shown[name], slow.shown[name]] : null;
    return [words(name, shown[name]), ends && ends[0] !== ends[1] && !(metric === "throughput" && measured) ? `90%: ${range(name, ends)}` : ""];
  }

  function decision() {
    const { state, shown: v, first, losses, slow, fast } = good;
    const api = book.api_models[state.api_model].name, hosts = v.saving_usd_per_second > 0;
    const [less, more] = [v.self_usd_per_second, v.api_usd_per_second].sort((a, b) => a - b);
    const volume = words("demand_tokens_per_second", v.demand_tokens_per_second);
    const bills = `Hosting costs ${words("self_usd_per_second", v.self_usd_per_second)}, ${api} ${words("api_usd_per_second", v.api_usd_per_second)}`;
    const again = losses ? `, though the API is cheaper again ${losses === 1 ? "once" : `${number(losses)} times`} beyond it` : "";
    const from = Number.isFinite(first) ? `Hosting wins from ${words("breakeven_tokens_per_second", first)} on${again}.`
      : `Hosting wins at no volume: ${api} asks ${words("api_usd_per_token", v.api_usd_per_token)}, and a token costs at least ${words("floor_usd_per_token", v.floor_usd_per_token)} here however many there are.`;
    const firm = [slow, fast].every(each => each.v.saving_usd_per_second > 0 === hosts);
    const error = state.measured_tokens_per_second !== null ? "" : firm ? " The error of the modelled speed does not change which is cheaper." : " Within the error of the modelled speed the other could be cheaper.";
    return { winner: hosts ? "Hosting" : "The API", by: ` is ${number(more / less)} times cheaper at ${volume}.`, rest: `${bills}. ${from}${error}` };
  }

  function showResults() {
    const { winner, by, rest } = decision();
    at("decision").replaceChildren(element("strong", winner), by);
    at("bills").textContent = rest;
    for (const place of root.querySelectorAll(".calculator-result")) {
      const { per } = place.closest("section").dataset, [value, span] = said(place.dataset.name).map(each => each.replace(per, ""));
      const shown = place.querySelector(".calculator-value");
      shown.replaceChildren(element("span", value));
      if (span) shown.append(" ", element("small", span));
      if (place.open) explain(place);
    }
    for (const chart of ["costs", "roofline"]) {
      const drawn = calculatorCharts[chart](good);
      calculatorCharts.table(at(`${chart}-table`), drawn);
      if (wanted) calculatorCharts.draw(at(chart), drawn).catch(() => { at(chart).textContent = "The chart could not be drawn: the table says the same."; });
    }
  }

  /* --- formulas ------------------------------------------------------------------------------------------------------- */

  let katexReady;
  const loadKatex = () => katexReady ??= window.katex ? Promise.resolve() : new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src: new URL("katex.min.js", scripts), onload: done, onerror: failed }));
  });

  function typeset(place, latex, displayMode = true) {
    place.textContent = latex;
    loadKatex().then(() => katex.render(latex, place, { displayMode, throwOnError: false })).catch(() => {});
    return place;
  }

  /* A formula, the formula with numbers, and what it uses; what is computed itself opens into its own. */
  function why(name, v) {
    const made = calculator.formula(good.state, name, v);
    if (!made) return [element("p", name === "n_gpus" ? origin("n_gpus", book.inputs.n_gpus) : "an input")];
    const math = element("div", "", "calculator-math");
    math.tabIndex = 0;
    math.setAttribute("role", "group");
    math.setAttribute("aria-label", "Formula");
    math.append(typeset(element("div"), made.latex), typeset(element("div"), made.numbers));
    const list = element("ul");
    for (const each of made.uses) {
      const row = element("li"), about = book.quantities[each];
      const line = [typeset(element("span"), about.symbol, false), ` ${about.meaning}: `, element("b", words(each, v[each]))];
      if (each in book.kinds[book.models[good.state.model].kind] && calculator.formula(good.state, each, v)) {
        const inner = element("details"), summary = element("summary");
        summary.append(...line);
        inner.append(summary);
        inner.addEventListener("toggle", () => { if (inner.open && inner.childElementCount === 1) inner.append(...why(each, v)); });
        row.append(inner);
      } else row.append(...line);
      list.append(row);
    }
    return [element("p", made.meaning), math, list];
  }

  function explain(place) {
    const name = place.dataset.name, meets = name === "breakeven_tokens_per_second";
    const notes = meets && !Number.isFinite(good.first) ? [element("p", "On the first step, for instance, the API's price would buy more than the step carries:")]
      : meets ? [element("p", "On the step where hosting first wins:")] : [];
    place.querySelector(".calculator-why").replaceChildren(...notes, ...why(name, meets ? calculator.meeting(good) : good.v));
  }

  for (const place of root.querySelectorAll(".calculator-result")) place.addEventListener("toggle", () => { if (place.open) explain(place); });

  /* --- share and download --------------------------------------------------------------------------------------------- */

  const csvCell = value => {  // a spreadsheet must not run what a cell says
    const text = typeof value === "number" ? String(value) : String(value).replace(/^([=+\-@\t\r])/, "'$1");
    return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };

  function csv() {
    const { state, given, shown } = good, plain = name => book.quantities[name].steps.find(([factor]) => factor === 1)?.[1] ?? "";
    const inputs = Object.entries(book.inputs).map(([name, about]) => ["input", name, about.label, state[name] ?? (about.quantity in given ? given[about.quantity] / about.factor : ""), about.unit ?? ""]);
    const results = Object.entries(book.results).map(([name, label]) => ["result", name, label, shown[name] / book.quantities[name].one, plain(name)]);
    const { winner, by, rest } = decision();
    const rows = [["kind", "name", "label", "value", "unit"], ...inputs, ...results, ["decision", "", "", `${winner}${by} ${rest}`, ""], ["link", "", "", location.href, ""]];
    return rows.map(row => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
  }

  calculator.csvCell = csvCell;
  at("download").addEventListener("click", () => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })), download: "token-cost.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href));
  });

  at("share").addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    at("done").textContent = copied ? "The link to these inputs is copied." : `Copy this link: ${location.href}`;
  });

  /* --- events --------------------------------------------------------------------------------------------------------- */

  function take(name, text) {
    delete invalid[name];
    try {
      const value = calculator.read(name, text);
      if (value !== draft[name]) for (const each of DEPENDENT[name] ?? []) { draft[each] = null; delete invalid[each]; }
      draft[name] = value;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      invalid[name] = error.message;
    }
  }

  function keep() {
    const address = `#${calculator.toAddress(good.state)}`;
    if (address !== (location.hash || "#")) history.pushState(null, "", address);
    at("done").textContent = "";
  }

  form.addEventListener("submit", event => event.preventDefault());
  for (const kind of ["input", "change"]) form.addEventListener(kind, ({ target }) => {
    if (target === at("preset")) {
      if (!target.value || kind === "input") return;
      [draft, invalid] = [{ ...book.presets[target.value].state }, {}];
    } else if (kind === "input" || target.tagName !== "SELECT") take(target.name, target.value);
    recompute();
    if (kind === "change" && good) keep();
    showInputs();
  });
  form.addEventListener("focusout", () => setTimeout(showInputs));

  function load() {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=") && good) return;  // a link to a place on the page
    const { state, problems } = calculator.fromAddress(hash.includes("=") ? hash : "");
    [draft, invalid] = [state, {}];
    recompute();
    if (!good) {  // nothing to fall back to but the first state
      problems.push(at("problem").textContent);
      draft = { ...book.presets.current.state };
      recompute();
    }
    showInputs();
    if (problems.length) {
      at("problem").hidden = false;
      at("problem").textContent = `From the link: ${problems.join("; ")}. The other values are shown; these are as in “${book.presets.current.name}”.`;
    }
  }

  let wanted = false;  // whether to draw charts: their library is large, and waits until one is in view or a reader does something
  window.addEventListener("popstate", load);
  document.querySelector(".calculator-static").hidden = true;
  root.hidden = false;
  load();
  const want = () => { if (!wanted) { wanted = true; showResults(); } };
  const inView = new IntersectionObserver(seen => seen.some(each => each.isIntersecting) && want());
  for (const chart of ["costs", "roofline"]) inView.observe(at(chart));
  for (const sign of ["pointermove", "pointerdown", "keydown", "scroll"]) addEventListener(sign, want, { once: true, passive: true });
  new MutationObserver(() => wanted && showResults()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  new ResizeObserver(() => wanted && showResults()).observe(at("costs"));
})();
