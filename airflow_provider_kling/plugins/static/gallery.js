import { byId, card, el, fetchJson, isMoving, moment } from "./common.js";
import { focusOn, listen, show } from "./viewer.js";

const SIZE = 24;
const REFRESH = 10_000;
// So often the server is asked on, where few of many match, before the user is.
const SEARCHES = 20;

const grid = byId("grid");
const form = byId("filters");
const told = byId("told");
const empty = byId("empty");
const pager = byId("pager");
const make = (clip) => card(clip, { withTask: true });

// Where each page so far began; the last is the present one.
let starts = [null];
let next = null;
let running = null;

function filters() {
  const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
  return values;
}

function asked(values) {
  const parameters = { ...values };
  if (values.since) parameters.since = new Date(`${values.since}T00:00:00`).toISOString();
  if (values.until) {
    const end = new Date(`${values.until}T00:00:00`);
    end.setDate(end.getDate() + 1);
    parameters.until = end.toISOString();
  }
  return parameters;
}

async function read(signal, quiet) {
  const parameters = asked(filters());
  let clips = [];
  let cursor = starts.at(-1);
  let answer;
  for (let search = 0; search < SEARCHES; search += 1) {
    answer = await fetchJson("api/videos", { ...parameters, cursor, size: String(SIZE - clips.length) }, signal);
    clips = clips.concat(answer.clips);
    cursor = answer.next;
    if (clips.length >= SIZE || !cursor || !answer.searched_until) break;
    if (!quiet) told.textContent = `Searching … back to ${moment(answer.searched_until)}`;
  }
  return { clips, next: cursor, dagIds: answer.dag_ids, until: answer.searched_until };
}

async function load({ quiet = false } = {}) {
  running?.abort();
  const mine = (running = new AbortController());
  if (!quiet) grid.setAttribute("aria-busy", "true");
  try {
    const found = await read(mine.signal, quiet);
    if (mine.signal.aborted) return;
    next = found.next;
    offer(found.dagIds);
    show(grid, found.clips, make);
    tell(found);
  } catch (error) {
    if (error.name === "AbortError" || (quiet && !error.status)) return;
    grid.replaceChildren();
    grid.setAttribute("aria-busy", "false");
    told.textContent = "";
    empty.textContent = error.message;
    empty.hidden = false;
    pager.hidden = true;
  }
}

function tell({ clips, until }) {
  const number = starts.length;
  const filtered = Object.keys(filters()).length > 0;
  empty.hidden = clips.length > 0;
  empty.textContent = filtered ? "No video matches." : "No videos yet: they appear here when a Kling task submits its first one.";
  const moving = clips.filter(isMoving).length;
  told.textContent = clips.length ? `${clips.length}${next || number > 1 ? " on this page" : clips.length === 1 ? " video" : " videos"}${moving ? `, ${moving} running` : ""}${until && next ? `, searched back to ${moment(until)}` : ""}` : "";
  pager.hidden = number === 1 && !next;
  byId("page").textContent = `Page ${number}`;
  byId("newer").disabled = number === 1;
  byId("older").disabled = !next;
}

function offer(dagIds) {
  const select = form.elements.dag_id;
  const known = [...select.options].slice(1).map((option) => option.value);
  if (JSON.stringify(known) === JSON.stringify(dagIds)) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...dagIds.map((id) => el("option", { value: id, text: id })));
  select.value = dagIds.includes(chosen) ? chosen : "";
}

function first() {
  starts = [null];
  const url = new URL(location.href);
  url.search = new URLSearchParams(filters()).toString();
  history.replaceState(null, "", url);
  load();
}

function turn() {
  load().then(() => {
    scrollTo({ top: 0 });
    focusOn(grid, 0);
  });
}

function start() {
  const given = new URLSearchParams(location.search);
  const dagId = given.get("dag_id");
  if (dagId) form.elements.dag_id.append(el("option", { value: dagId, text: dagId }));
  for (const [name, value] of given) if (form.elements[name]) form.elements[name].value = value;
  let typing = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(first, event.target.matches("select, [type=date]") ? 0 : 300);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    first();
  });
  form.addEventListener("reset", () => setTimeout(first));
  byId("older").addEventListener("click", () => {
    starts.push(next);
    turn();
  });
  byId("newer").addEventListener("click", () => {
    starts.pop();
    turn();
  });
  listen(grid, byId("viewer"), { withTask: true });
  setInterval(() => {
    const stays = document.hidden || starts.length > 1 || byId("viewer").open || document.querySelector(".card.playing");
    if (!stays) load({ quiet: true });
  }, REFRESH);
  load();
}

start();
