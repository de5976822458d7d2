// The view: what is selected, shown and hidden. It lives in the address, so it can be pasted.
//
//   #e=61&f=t15&q=Vote&s=hybrid ──read──▶ view ──change()──▶ listeners ──write──▶ #e=62&…
//
// Everything that shows something listens; nothing keeps a copy.

const view = {
  e: -1, // the selected event, an index
  f: "", // words: only what is about one of them, and faults
  q: "", // what is searched
  only: "", // "1": only what the search finds
  r: "1", // "": leave out what has happened twice before
  hide: [], // endpoints without a column
  kinds: [], // codes of kinds that are not shown
  s: "hybrid", z: 1, // scale and zoom
  cone: "", // "past", "future", "concurrent": the rest is dimmed
  tab: "event", n: -1, // the panel, and the node whose state is shown
};
const listeners = [];

function change(changes, source = "") {
  Object.assign(view, changes);
  for (const listener of listeners) listener(changes, source);
  writeAddress();
}

function writeAddress() {
  const parts = new URLSearchParams();
  if (view.e >= 0) parts.set("e", numberOf(view.e));
  parts.set("f", view.f);
  for (const key of ["q", "only", "cone"]) if (view[key]) parts.set(key, view[key]);
  if (!view.r) parts.set("r", "0");
  if (view.hide.length) parts.set("hide", view.hide.map((end) => ends[end].name).join(","));
  if (view.kinds.length) parts.set("kinds", view.kinds.join(","));
  if (view.s !== "hybrid") parts.set("s", view.s);
  if (view.z !== 1) parts.set("z", view.z.toFixed(3));
  if (view.tab !== "event") parts.set("tab", view.tab);
  if (view.n >= 0) parts.set("n", ends[view.n].name);
  const address = "#" + parts.toString();
  if (address === location.hash) return;
  try { history.replaceState(null, "", address); } catch { location.hash = address; }
}

// What an address says; nothing of it is trusted.
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const end = (name) => ends.findIndex((one) => one.name === name);
  const words = (key) => (parts.get(key) || "").split(",").filter(Boolean);
  const event = indexOf(Number(parts.get("e")));
  const one = (key, choices) => choices.includes(parts.get(key)) ? parts.get(key) : choices[0];
  return {
    e: parts.has("e") && Number.isInteger(event) && isTold(event) ? event : -1,
    f: parts.has("f") ? parts.get("f") : usualFocus(),
    q: parts.get("q") || "", r: parts.get("r") === "0" || !parts.has("r") && !parts.has("f") && usualFocus() ? "" : "1",
    only: parts.get("only") === "1" ? "1" : "",
    hide: words("hide").map(end).filter((found) => found >= 0),
    kinds: words("kinds"), s: one("s", ["hybrid", "order", "time"]),
    z: Math.min(64, Math.max(0.25, Number(parts.get("z")) || 1)),
    cone: one("cone", ["", "past", "future", "concurrent"]),
    tab: one("tab", ["event", "state", "operations", "checks", "charts", "scenario"]),
    n: end(parts.get("n")),
  };
}

// What the first violation is about: the names of transactions and operations in its evidence.
function usualFocus() {
  const cited = background.checks.flatMap((check) => check.citations.map((one) => one.says));
  const names = new Set(cited.flatMap((says) => says.match(/\b[a-z]\d+\b/g) || []));
  for (const end of ends) names.delete(end.name);
  const focus = [...names].slice(0, 4).join(",");
  if (!focus || E.n < 120) return "";
  const found = eventsAbout(focus.split(",")).reduce((sum, one) => sum + one, 0);
  return found >= 4 && found <= 1500 ? focus : "";
}

// Which events are about one of these words, or are faults; steps stay with what they belong to.
function eventsAbout(words) {
  const about = new Uint8Array(E.n);
  const tests = words.map((word) => new RegExp(`(^|[^A-Za-z0-9_])${word.replace(/[^A-Za-z0-9_]/g, "\\$&")}([^A-Za-z0-9_]|$)`));
  const faults = new Set(["Crash", "Boot", "Cut", "Mend", "Pause", "Resume", "Disturb", "Heal"]);
  const known = new Map();
  for (let i = 0; i < E.n; i++) {
    const code = codeOf(i);
    if (!known.has(E.text[i])) known.set(E.text[i], tests.some((test) => test.test(textOf(i))));
    const own = known.get(E.text[i]) || E.cited[i] || (faults.has(code) && E.at[i] > 0);
    const belongs = code === "Step" && E.cause[i] >= 0 && about[E.cause[i]] && !faults.has(codeOf(E.cause[i]));
    about[i] = own || belongs ? 1 : 0;
  }
  return about;
}

// The events that are shown, in order.
function shownEvents() {
  const about = view.f ? eventsAbout(view.f.split(",").map((word) => word.trim()).filter(Boolean)) : null;
  const found = view.only && view.q ? search(view.q).marks : null;
  const hidden = new Set(view.hide), kinds = new Set(view.kinds);
  const shown = [], times = view.r ? null : new Map();
  for (let i = 0; i < E.n; i++) {
    if (about && !about[i] || found && !found[i]) continue;
    if (!isEverywhere(i) && hidden.has(E.who[i]) || kinds.has(codeOf(i).split("(")[0])) continue;
    if (times && !E.cited[i] && isRepeated(times, i)) continue;
    shown.push(i);
  }
  return Int32Array.from(shown);
}

// Whether the same has happened twice before: nobody reads the tenth question after an answer.
function isRepeated(times, i) {
  if (["Crash", "Boot", "Cut", "Mend", "Pause", "Resume", "Disturb", "Heal", "Invoke", "End"].includes(codeOf(i))) return false;
  const what = `${E.kind[i]} ${E.who[i]} ${E.peer[i]} ${E.text[i]}`, before = times.get(what) || 0;
  times.set(what, before + 1);
  return before >= 2;
}
