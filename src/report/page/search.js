// The search: words, fields, and sequences of them.
//
//   Vote(no)                  the words stand in an event
//   node=p1 kind=crash        a field is this; also from=, to=, text=, t>0.2, t<5
//   Prepare -> Yes            Yes came of a Prepare: along causes
//   Prepare ->> Decide        Decide came later and could know of it: along causes and places
//
// A sequence is found by one pass per arrow: an event carries on what its parents carry.

// Takes a term apart: `node=p1 Yes` has a field and a word.
function testOf(term) {
  const tests = [];
  const rest = term.replace(/(\w+)(=|<|>)("[^"]*"|\S+)/g, (whole, field, sign, raw) => {
    const value = raw.replace(/^"|"$/g, "").toLowerCase();
    const field_ = {
      node: (i) => placeOf(i).toLowerCase() === value, from: (i) => E.sent[i] >= 0 && ends[E.who[E.sent[i]]].name.toLowerCase() === value,
      to: (i) => E.arrivals.has(i) && ends[E.peer[i]].name.toLowerCase() === value,
      kind: (i) => E.kinds[E.kind[i]].name === value || codeOf(i).toLowerCase().startsWith(value),
      text: (i) => textOf(i).toLowerCase().includes(value),
      t: (i) => sign === "<" ? E.at[i] < parseFloat(value) * 1e9 : sign === ">" ? E.at[i] > parseFloat(value) * 1e9 : instant(E.at[i]).startsWith(value),
    }[field];
    if (!field_ || (sign !== "=" && field !== "t")) return whole;
    tests.push(field_);
    return " ";
  }).trim().toLowerCase();
  if (rest) {
    const known = new Map();
    tests.push((i) => {
      if (!known.has(E.text[i])) known.set(E.text[i], textOf(i).toLowerCase().includes(rest));
      return known.get(E.text[i]) || wayOf(i).toLowerCase() === rest;
    });
  }
  return tests.length ? (i) => tests.every((test) => test(i)) : () => false;
}

let searched = { query: null };

// The marks of a search: 1 for each event at which it is complete.
function search(query) {
  if (searched.query === query) return searched;
  const parts = query.split(/(->>|->)/).map((part) => part.trim());
  const marks = new Uint8Array(E.n);
  if (query.trim()) {
    const first = testOf(parts[0]);
    for (let i = 0; i < E.n; i++) marks[i] = first(i) ? 1 : 0;
    for (let k = 1; k + 1 < parts.length; k += 2) follow(marks, parts[k], testOf(parts[k + 1]));
  }
  const places = [];
  for (let i = 0; i < E.n; i++) if (marks[i]) places.push(i);
  return searched = { query, marks, places };
}

// Turns marks of one term into marks of the next one behind an arrow.
function follow(marks, arrow, test) {
  const carries = new Uint8Array(E.n);
  const next = new Uint8Array(E.n);
  for (let i = 0; i < E.n; i++) {
    const parents = arrow === "->" ? [E.cause[i]] : [E.cause[i], E.before[i]];
    const comes = parents.some((p) => p >= 0 && (carries[p] || marks[p]));
    if (comes) carries[i] = 1;
    if (comes && test(i)) next[i] = 1;
  }
  marks.set(next);
}
