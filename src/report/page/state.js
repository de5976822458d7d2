// States: what every node is like after every step, put together from its changes.
//
//   change = field, hunks; hunk = letters kept, letters dropped, what stands there now
//
// Going anywhere starts from the last stand that was kept, one in some hundred changes.

const STANDS = 400;

const stops = (() => {
  const told = data.states.stops, all = new Int32Array(told.length);
  let event = 0;
  told.forEach((step, place) => { event += step; all[place] = event; });
  return all;
})();

// The step that an event belongs to, or the last one that is told.
const stopOf = (i) => Math.min(stops.length - 1, lowerBound(stops, numberOf(i)));

const stands = data.states.nodes.map((node) => [{ next: 0, values: node.fields.map(() => "") }]);

// Where the hunks of each change of a node begin.
const hunksFrom = data.states.nodes.map((node) => {
  const from = new Int32Array(node.hunks.length + 1);
  node.hunks.forEach((count, k) => { from[k + 1] = from[k] + count; });
  return from;
});

// The hunks of change k of a node.
function* hunksOf(node, k) {
  const told = data.states.nodes[node];
  for (let h = hunksFrom[node][k]; h < hunksFrom[node][k + 1]; h++) yield { keep: told.keep[h], drop: told.drop[h], insert: data.strings[told.insert[h]] };
}

function applied(old, hunks) {
  let at = 0, now = "";
  for (const { keep, drop, insert } of hunks) {
    now += old.slice(at, at + keep) + insert;
    at += keep + drop;
  }
  return now + old.slice(at);
}

// The fields of a node after a step; before the first step all are empty.
function stateAt(node, stop) {
  const told = data.states.nodes[node], kept = stands[node];
  const last = lowerBound(told.stop, stop + 1);
  const stand = kept[Math.min(kept.length - 1, Math.floor(last / STANDS))];
  const values = stand.values.slice();
  for (let k = stand.next; k < last; k++) {
    const field = told.field[k];
    values[field] = applied(values[field], hunksOf(node, k));
    if ((k + 1) % STANDS === 0 && kept.length === (k + 1) / STANDS) kept.push({ next: k + 1, values: values.slice() });
  }
  return values;
}

// A long text that has not changed, folded to its ends until somebody wants to see it.
function folded(text) {
  const SHOWN = 60;
  if (text.length < 4 * SHOWN) return [text];
  const fold = element("button", { type: "button", class: "fold", title: "show what has not changed", on: { click: () => fold.classList.toggle("open") } }, text.slice(SHOWN, -SHOWN));
  return [text.slice(0, SHOWN), fold, text.slice(-SHOWN)];
}

// A value with the parts marked that have changed.
function marked(old, hunks) {
  const fragment = element("span");
  let at = 0;
  for (const { keep, drop, insert } of hunks) {
    fragment.append(...folded(old.slice(at, at + keep)));
    if (drop) fragment.append(element("del", {}, clip(old.slice(at + keep, at + keep + drop), 400)));
    if (insert) fragment.append(element("ins", {}, insert));
    at += keep + drop;
  }
  fragment.append(...folded(old.slice(at)));
  return fragment;
}

// What a node has handed to its disk up to an event, the latest first, and whether it is there.
function logAt(node, i) {
  const durable = new Set(), lines = [];
  for (let j = i; j >= 0 && lines.length < 8; j--) {
    if (E.who[j] !== node) continue;
    const code = codeOf(j);
    if (code === "Durable") durable.add(E.cause[j]);
    if (code === "Force" || code === "Write") lines.push({ i: j, isDurable: durable.has(E.cause[j]) || code === "Write" && durable.size > 0 });
  }
  return lines;
}

function showState(panel) {
  const i = view.e >= 0 ? view.e : 0;
  if (!E.n || !stops.length) return panel.replaceChildren("No states were recorded.");
  const node = view.n >= 0 ? view.n : isEverywhere(i) || isClient(E.who[i]) ? 0 : E.who[i];
  const stop = stopOf(i), choice = element("select", { id: "state-node", on: { change: (event) => change({ n: Number(event.target.value) }) } });
  for (let end = 0; end < NODES; end++) choice.append(element("option", { value: end, selected: end === node }, ends[end].name));
  const from = (stop ? stops[stop - 1] : 0) + 1, to = stops[stop];
  const when = from === to ? `after #${to}` : `after the step #${from} to #${to}`;
  const head = element("p", { class: "bar" }, element("label", {}, "Node ", choice), ` ${when}`);
  const now = stateAt(node, stop), old = stop ? stateAt(node, stop - 1) : now, rows = [];
  const told = data.states.nodes[node], changes = new Map();
  for (let k = lowerBound(told.stop, stop); k < told.stop.length && told.stop[k] === stop; k++) changes.set(told.field[k], k);
  told.fields.forEach((field, place) => {
    if (!now[place] && !old[place]) return;
    const isChanged = now[place] !== old[place];
    const value = isChanged ? marked(old[place], hunksOf(node, changes.get(place))) : now[place];
    rows.push(element("tr", { class: isChanged ? "changed" : "", "data-field": field },
      element("th", { scope: "row" }, (isChanged ? "● " : "") + field), element("td", {}, value)));
  });
  const log = logAt(node, i).map((one) => element("li", {}, eventButton(one.i), " " + clip(textOf(one.i), 160) + (one.isDurable ? "" : " (not yet durable)")));
  panel.replaceChildren(head, element("table", { class: "state" }, element("tbody", {}, ...rows)),
    element("h3", {}, "Handed to its disk, latest first"), log.length ? element("ul", { class: "plain" }, ...log) : element("p", {}, "nothing yet"));
  if (numberOf(i) > data.states.upto) panel.prepend(element("p", { class: "note" }, `States are told up to #${data.states.upto}.`));
}
