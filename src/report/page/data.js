// The data, taken apart: events as columns, arrows from sends to arrivals, what happened before what.
//
//   columns of differences ──▶ E.at[i], E.kind[i], …     i = number of the event − E.first
//   cause of an arrival    ──▶ E.sent[i]                 −1 where there is none
//
// An event is an index everywhere in the program; only people see numbers.

const data = JSON.parse(document.getElementById("data").textContent);
const ends = data.ends;
const NODES = data.about.nodes;
const END = data.about.end;
const background = data.background;

const E = (() => {
  const told = data.events;
  const n = told.at.length;
  const e = {
    first: told.first, n, kinds: told.kinds,
    at: new Float64Array(n), kind: Uint8Array.from(told.kind), who: Uint16Array.from(told.who),
    peer: Uint16Array.from(told.peer), label: Uint16Array.from(told.label),
    cause: new Int32Array(n), text: told.text, sent: new Int32Array(n).fill(-1),
    before: new Int32Array(n).fill(-1), arrivals: new Map(), copy: new Uint8Array(n),
    late: new Uint8Array(n), cited: new Uint8Array(n),
  };
  let now = 0;
  for (let i = 0; i < n; i++) {
    now += told.at[i];
    e.at[i] = now;
    e.cause[i] = told.cause[i] ? i - told.cause[i] : -1;
  }
  for (const event of told.late) e.late[event - e.first] = 1;
  return e;
})();

const codeOf = (i) => E.kinds[E.kind[i]].code;
const isLoss = (i) => codeOf(i).startsWith("Lose");
const isEverywhere = (i) => E.kinds[E.kind[i]].everywhere;
const textOf = (i) => data.strings[E.text[i]];
const numberOf = (i) => E.first + i;
const indexOf = (event) => event - E.first;
const isTold = (i) => i >= 0 && i < E.n;
const isClient = (end) => end >= NODES;

// Whose event it is, as rows and searches name it: everywhere has no place.
const placeOf = (i) => isEverywhere(i) ? "" : ends[E.who[i]].name;

(function connect() {
  const latest = new Int32Array(ends.length).fill(-1);
  const starts = new Set(["Send", "Invoke", "Reply"]);
  for (let i = 0; i < E.n; i++) {
    const code = codeOf(i), cause = E.cause[i];
    const began = cause >= 0 && starts.has(codeOf(cause)) ? cause : -1;
    if (code === "Deliver" || code === "End") E.sent[i] = began;
    if (code.startsWith("Lose")) {
      // A reply that is lost at once names its handler, and stands right behind the reply.
      E.sent[i] = began >= 0 ? began : i > 0 && codeOf(i - 1) === "Reply" ? i - 1 : -1;
    }
    if (E.sent[i] >= 0) {
      const arrivals = E.arrivals.get(E.sent[i]) || [];
      if (code === "Deliver" && arrivals.some((other) => codeOf(other) === "Deliver")) E.copy[i] = 1;
      arrivals.push(i);
      E.arrivals.set(E.sent[i], arrivals);
    }
    if (!isEverywhere(i) && !code.startsWith("Lose")) {
      E.before[i] = latest[E.who[i]];
      latest[E.who[i]] = i;
    }
  }
  for (const check of background.checks) {
    for (const cited of check.citations) if (isTold(indexOf(cited.event))) E.cited[indexOf(cited.event)] = 1;
  }
})();

// What happened before an event in the sense of Lamport: its cause, and what came before it there.
const parentsOf = (i) => [E.cause[i], E.before[i]].filter((p) => p >= 0);

// 1 for what an event could know of, 2 for what could know of it, 3 for the event.
function coneOf(i) {
  const cone = new Uint8Array(E.n);
  cone[i] = 1;
  for (let j = i; j >= 0; j--) if (cone[j] === 1) for (const p of parentsOf(j)) cone[p] = 1;
  cone[i] = 3;
  for (let j = i + 1; j < E.n; j++) if (parentsOf(j).some((p) => cone[p] >= 2)) cone[j] = 2;
  return cone;
}

// What an event brought about directly.
function effectsOf(i) {
  const effects = [];
  for (let j = i + 1; j < E.n && effects.length < 60; j++) if (E.cause[j] === i) effects.push(j);
  return effects;
}

// The last index whose instant is not after `at`; −1 when all are.
function lastAt(at) {
  let low = 0, high = E.n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (E.at[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}
