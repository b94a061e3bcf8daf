/* What the calculator computes. The equations are generated from costlib.models; here stands only what is no equation:
   picking the facts of a state, spares, the search along the staircase, intervals, and numbers in words.
   Each has its twin in Python (named beside it), and a test holds them equal on random states. */
"use strict";

const calculator = (() => {
  const book = JSON.parse(document.getElementById("calculator-data").textContent);
  const equations = window.calculatorEquations;
  const MOST_SITES = 4, STEPS = 400, ROUNDING = 1e-12;

  /* A state that cannot be computed, and the input that can mend it. */
  class Refused extends Error {
    constructor(field, text) { super(text); this.field = field; }
  }

  const zip = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]).filter(pair => pair[1] !== null));
  const pick = (from, names) => Object.fromEntries(names.filter(name => name in from).map(name => [name, from[name]]));
  const kind = state => book.models[state.model].kind;

  /* --- facts: costlib.cases.deployment, economics.hosted and economics.bought ---------------------------------------- */

  function facts(state) {
    const model = book.models[state.model], gpu = book.accelerators[state.gpu];
    const precision = book.precisions[state.precision], sold = book.api_models[state.api_model];
    const computed = precision.computed in gpu.peaks ? precision.computed : "fp16";
    const applies = { weight_only: computed === "fp16" && precision.packed, narrow: book.narrow.includes(computed), experts: kind(state)[2] === "1" };
    const v = {
      ...book.plain, ...zip(book.constants.names, book.constants.rows[gpu.constants]), ...book.assumed, ...zip(book.shape, model.v),
      ...precision.v, ...gpu.v, bytes_per_cached_number: book.precisions[state.kv_precision].cached,
      peak_flops_per_second: gpu.peaks[computed], usd_per_gpu_second: gpu.rents[state.contract]?.price,
      input_usd_per_token: sold.input, output_usd_per_token: sold.output, cache_hit_share: 0, batch_share: 0,
      batch_discount_share: sold.batch_input === null ? 0 : 1 - sold.batch_input / sold.input,
    };
    for (const [name, [unused, condition]] of Object.entries(book.unused)) if (!applies[condition]) v[name] = unused;
    if (state.vintage === "article") for (const key of [state.model, state.gpu, state.api_model]) Object.assign(v, book.article[key]);
    for (const [name, about] of Object.entries(book.inputs)) if (about.quantity && state[name] !== null) v[about.quantity] = state[name] * about.factor;
    v.cached_input_usd_per_token = (sold.cached_input ?? sold.input) * v.input_usd_per_token / sold.input;
    if (state.n_gpus === null) v.n_gpus = fullLength(state, v).gpus_to_hold_batch;
    return v;
  }

  const fullLength = (state, v) => equations[kind(state)]({ ...v, context_tokens: v.input_tokens + v.output_tokens });

  /* costlib.cases.require_fit */
  function requireFit(state, v) {
    const model = book.models[state.model], full = fullLength(state, v);
    if (!(v.usd_per_gpu_second >= 0)) {
      throw new Refused("usd_per_gpu_hour", `no public quote is known for the ${book.accelerators[state.gpu].name} under this contract: choose another contract, or give a rent`);
    }
    if (full.context_tokens > (v.max_context_tokens ?? Infinity)) {
      throw new Refused("input_tokens", `input and output together are ${number(full.context_tokens)} tokens, but ${model.name} was built for a context of at most ${number(v.max_context_tokens)}`);
    }
    if (v.batch > full.largest_batch) {
      const gpus = full.gpus_to_hold_batch, holds = full.largest_batch ? `holds ${number(full.largest_batch)} sequences` : "holds no sequence";
      throw new Refused("n_gpus", `a batch of ${number(v.batch)} does not fit: beside ${words("weight_bytes", full.weight_bytes)} of weights the memory ${holds} of ${number(full.context_tokens)} tokens; ${number(gpus)} GPUs per replica would hold the batch`);
    }
  }

  /* --- spares: costlib.availability ---------------------------------------------------------------------------------- */

  function reliability(v) {
    const down = 1 - v.node_availability ** Math.ceil(v.n_gpus / book.node_gpus), common = v.common_failure_share;
    let sites = 1;
    while (!(common * down < (1 - 1e-9) * (1 - v.availability_target) ** (1 / sites))) {
      sites += 1;
      if (sites > MOST_SITES) throw new Refused("availability_target", `not even ${MOST_SITES} sites reach this when failures that take a whole site last ${number(100 * common * down)}% of the time: promise less, or a smaller common part`);
    }
    return { sites, common, down, up: 1 - (1 - common) * down };
  }

  /* The fewest replicas beyond `needed`: per site, a quantile of the negative binomial distribution. */
  function spares(needed, v, { sites, common, down, up }) {
    const asked = (1 - (1 - v.availability_target) ** (1 / sites)) / (1 - common * down);
    let spare = 0, term = needed * Math.log(up), covered = Math.exp(term);
    while (covered < asked && spare < 1e6) {
      term += Math.log((needed + spare) / (spare + 1) * (1 - up));
      spare += 1;
      covered += Math.exp(term);
    }
    return sites * (needed + spare) - needed;
  }

  /* --- the staircase: costlib.economics.staircase, costlib.breakeven.Staircase ---------------------------------------- */

  function staircase(v, parts) {
    const fixed = pick(v, book.bill_inputs), bill = more => equations.bill({ ...fixed, ...more }).self_usd_per_second;
    const bills = Array.from({ length: STEPS }, (_, i) => bill({ replicas_needed: i + 1, spare_replicas: spares(i + 1, v, parts) }));
    const marginal = (bill({ replicas: 2 }) - bill({ replicas: 1 })) * parts.sites / parts.up, step = v.step_tokens_per_second;
    return { step, bills, marginal, floor: Math.min(marginal / step, ...bills.map((each, i) => each / ((i + 1) * step))) };
  }

  const billOf = (stairs, needed) => stairs.bills[Math.min(needed, STEPS) - 1] + Math.max(needed - STEPS, 0) * stairs.marginal;
  const cost = (stairs, volume) => billOf(stairs, Math.max(Math.ceil(volume / stairs.step * (1 - ROUNDING)), 1));

  /* The volumes at which hosting is cheaper than `price` per token, as [low, high], in order. */
  function wins({ step, bills }, price) {
    const found = [];
    bills.forEach((bill, i) => {
      const low = Math.max(bill / price, step * i), end = step * (i + 1), last = found.at(-1);
      if (low >= end) return;
      if (last && Math.abs(last[1] - low) <= 1e-12 * low) last[1] = end;
      else found.push([low, end]);
    });
    return found;
  }

  function firstWin(stairs, price) {
    const [first] = wins(stairs, price);
    if (first) return first[0];
    const gain = price * stairs.step - stairs.marginal;
    if (gain <= 0) return Infinity;
    const needed = Math.max(Math.floor((stairs.bills[STEPS - 1] - STEPS * stairs.marginal) / gain) + 1, STEPS + 1);
    return Math.max(billOf(stairs, needed) / price, (needed - 1) * stairs.step);
  }

  /* --- results ------------------------------------------------------------------------------------------------------- */

  function solve(state, given) {
    const parts = reliability(given), evaluate = equations[kind(state)];
    const known = { ...given, paid_per_needed_replica: parts.sites / parts.up };
    const needed = evaluate({ ...known, spare_replicas: 0 }).replicas_needed;
    const v = evaluate({ ...known, spare_replicas: spares(needed, given, parts) });
    const stairs = staircase(v, parts), first = firstWin(stairs, v.api_usd_per_token);
    const shown = { ...v, breakeven_tokens_per_second: first, floor_usd_per_token: stairs.floor };
    return { v, shown, stairs, first, parts, losses: Math.max(wins(stairs, v.api_usd_per_token).length - 1, 0) };
  }

  /* The 90% interval of a modelled speed or time: costlib.replicas.bounds. */
  function interval(state, metric, value, batch) {
    const { quantiles, widening, few } = book.errors;
    const name = metric === "throughput" ? `throughput batch ${batch <= few ? "few" : "many"}` : `${metric} batch`;
    const [low, middle, high] = quantiles[name] ?? quantiles.all;
    const fresh = [true, !book.accelerators[state.gpu].known, !book.models[state.model].known];
    const wide = Math.sqrt(1 + ["source", "gpu", "model"].reduce((sum, each, i) => sum + fresh[i] * (widening[each] ** 2 - 1), 0));
    return [low, high].map(each => value * Math.exp(middle + (each - middle) * wide));
  }

  /* All that follows from a state; throws Refused. `slow` and `fast`: at the ends of the interval of the throughput. */
  function calculate(state) {
    const given = facts(state);
    requireFit(state, given);
    const [slow, , fast] = book.throughput_error;
    const at = factor => solve(state, { ...given, throughput_error_factor: factor });
    return { state, given, ...solve(state, given), slow: at(slow), fast: at(fast) };
  }

  /* The values on the step where hosting first wins, or on the first step if it never does. */
  function meeting({ state, given, first, stairs, parts }) {
    const needed = Number.isFinite(first) ? Math.max(Math.ceil(first / stairs.step * (1 - ROUNDING)), 1) : 1;
    const demand = Number.isFinite(first) ? first : stairs.step;
    return equations[kind(state)]({ ...given, paid_per_needed_replica: parts.sites / parts.up, demand_tokens_per_second: demand, replicas_needed: needed, spare_replicas: spares(needed, given, parts) });
  }

  /* --- states: costlib.calculator.parameters -------------------------------------------------------------------------- */

  /* The value that `text` gives to an input, null for "from the tables"; throws Refused. */
  function read(name, text) {
    const about = book.inputs[name], bare = text.trim();
    if (about.table) {
      if (!Object.hasOwn(book[about.table], bare)) throw new Refused(name, `${about.label} “${bare}” is not known: choose one of the list`);
      return bare;
    }
    if (bare === "" && !about.needed) return null;
    const value = Number(bare.replace(/[,_\s]/g, "")), low = about.low / about.factor, high = (about.high ?? Infinity) / about.factor;
    const fits = Number.isFinite(value) && (about.above ? value > low : value >= low) && value <= high && value <= book.largest && !(about.whole && value % 1);
    if (bare === "" || !fits) throw new Refused(name, `${about.label} = ${bare || "nothing"} is not allowed: it must be ${about.allowed}`);
    return value;
  }

  /* A state from the part of an address after #, with what could not be taken from it. */
  function fromAddress(hash) {
    const state = { ...book.presets.current.state }, problems = [];
    for (const [name, text] of new URLSearchParams(hash)) {
      try {
        if (!Object.hasOwn(book.inputs, name)) throw new Refused(name, `“${name}” is no input of the calculator`);
        state[name] = read(name, text);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        problems.push(error.message);
      }
    }
    return { state, problems };
  }

  const toAddress = state => new URLSearchParams(Object.entries(state).filter(([name, value]) => value !== book.presets.current.state[name]).map(([name, value]) => [name, value ?? ""])).toString();

  /* --- numbers in words: costlib.units -------------------------------------------------------------------------------- */

  function number(value, digits = 3) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
    if (Number.isInteger(value) && Math.abs(value) < 1e6) return value.toLocaleString("en-US");
    if (Math.abs(value) >= 1e15 || Math.abs(value) < 1e-6) return value.toExponential(digits - 1).replace(/e([+-])(\d)$/, "e$10$2");
    const decimals = Math.max(digits - 1 - Math.floor(Math.log10(Math.abs(Number(value.toExponential(digits - 1))))), 0);
    return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  }

  /* [number, unit] of a value in base units. */
  function quote(name, value) {
    const { one, steps } = book.quantities[name], amount = one === 0.01 ? 100 * value : value / one;
    const [factor, label] = (Number.isFinite(amount) && steps.find(([each]) => Math.abs(amount) >= 0.9995 * each)) || steps.at(-1);
    return [number(amount / factor), amount === 1 ? label : label.replace(/^(token|GPU)(?=\/|$)/, "$1s")];
  }

  function words(name, value) {
    const [amount, label] = quote(name, value);
    return amount + (label === "%" || !label ? label : ` ${label}`);
  }

  /* A value for a formula: costlib.render.quoted_latex. */
  function latex(name, value) {
    const [amount, label] = quote(name, value);
    const plain = label.replace(/%/g, "\\%").replace(/·/g, "{\\cdot}").replace(/²/g, "^2").replace(/µ/g, "\\mu{}").replace(/ /g, "\\ ");
    const magnitude = amount.replace(/e([+-])0*(\d+)$/, (_, sign, power) => ` \\times 10^{${sign === "-" ? "-" : ""}${power}}`).replace(/,/g, "{,}").replace("∞", "\\infty");
    return magnitude + (plain && `\\,\\mathrm{${plain}}`);
  }

  /* The formula of a quantity, and the same with numbers, as LaTeX; null for what is given. */
  function formula(state, name, v, result = v[name]) {
    const made = book.formulas[book.kinds[kind(state)][name]];
    if (!made) return null;
    const filled = made.template.replace(/@(\w+)@/g, (_, each) => latex(each, v[each]));
    return { ...made, numbers: `= ${filled} = \\mathbf{${latex(name, result)}}` };
  }

  return { book, Refused, facts, calculate, meeting, interval, cost, read, fromAddress, toAddress, number, quote, words, latex, formula };
})();
window.calculator = calculator;
