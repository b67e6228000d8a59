import { LABELS, ROOT, byId, card, dagUrl, el, fetchJson, instanceUrl, isLost, isMoving, moment, outside, runUrl, span } from "./common.js";
import { listen, show } from "./viewer.js";

const REFRESH = 5_000;
const grid = byId("grid");
const told = byId("told");
const place = location.pathname.split("/").slice(-4).map(decodeURIComponent);
const task = { dag_id: place[0], run_id: place[1], task_id: place[2], map_index: Number(place[3]) };
const path = `api/task/${place.map(encodeURIComponent).join("/")}`;
let clips = [];

function crumbs() {
  const index = task.map_index >= 0 ? ` [${task.map_index}]` : "";
  byId("crumbs").append(
    el("a", { href: ROOT.href, text: "Kling videos" }), " › ",
    outside(dagUrl(task), task.dag_id), " › ", outside(runUrl(task), task.run_id), " › ",
    outside(instanceUrl(task), `${task.task_id}${index}`),
  );
  document.title = `${task.task_id}${index}: Kling video`;
  byId("title").textContent = `${task.task_id}${index}`;
}

function step(name, iso, detail, state) {
  return el("li", { data: { state } }, el("strong", { text: name }), iso && el("time", { datetime: iso, text: moment(iso) }), detail && el("span", { text: detail }));
}

const apart = (from, to) => (from && to ? span((new Date(to) - new Date(from)) / 1000) : "");

function timelineOfOne(clip) {
  const lands = Boolean(clip.file);
  const failed = isLost(clip);
  const done = clip.status === "done" || clip.status === "landing";
  const usual = clip.usual_seconds ? `usually ${span(clip.usual_seconds)}` : "";
  const ended = clip.ended_at;
  const steps = [step("Submitted", clip.submitted_at, clip.submitted_at ? "" : "not yet", clip.submitted_at || clip.kling_task_id ? "past" : "future")];
  const working = apart(clip.submitted_at, ended ?? (isMoving(clip) ? new Date().toISOString() : null));
  steps.push(step("Processing", null, [working, isMoving(clip) && usual].filter(Boolean).join(", "), done ? "past" : failed ? "failed" : clip.submitted_at ? "now" : "future"));
  if (failed) steps.push(step(LABELS[clip.status], ended, clip.error, "failed"));
  else steps.push(step("Done", ended, "", done ? "past" : "future"));
  if (!failed && (lands || clip.status === "landing")) {
    steps.push(step("Landed", clip.landed_at, lands && !clip.landed_at ? "in an earlier try" : apart(ended, clip.landed_at) && `${apart(ended, clip.landed_at)} after`, lands ? "past" : "now"));
  }
  return steps;
}

function timelineOfMany(found) {
  const first = found.clips.map((clip) => clip.submitted_at).filter(Boolean).sort()[0];
  const last = found.clips.map((clip) => clip.ended_at).filter(Boolean).sort().at(-1);
  const states = { failed: "failed", moderated: "failed", done: "past" };
  return [
    step("First submitted", first, first ? "" : "not yet", first ? "past" : "future"),
    ...Object.keys(LABELS).filter((status) => found.counts[status]).map((status) =>
      step(`${found.counts[status]} ${LABELS[status].toLowerCase()}`, status === "done" ? last : null, status === "done" && last ? "the last" : "", states[status] ?? "now")),
  ];
}

function facts(found) {
  const rows = [
    ["State", found.state ?? "not started"], ["Try", found.try_number], ["Operator", found.operator], ["Capability", found.capability],
    ["Began", found.started_at && moment(found.started_at)], ["Ended", found.ended_at && moment(found.ended_at)], ["Units", found.units],
  ].filter(([, value]) => value);
  const list = (entries) => el("dl", {}, ...entries.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: typeof value === "object" ? JSON.stringify(value, null, 2) : String(value) })]));
  const request = Object.entries(found.request ?? {});
  byId("facts").replaceChildren(
    ...(request.length ? [el("h2", { text: "Request" }), list(request)] : []),
    el("h2", { text: "Task instance" }), list(rows),
  );
  byId("facts").hidden = false;
}

function draw(found) {
  clips = clips.length > found.clips.length ? clips : found.clips;
  show(grid, clips, (clip) => card(clip, { withTask: false }));
  grid.classList.toggle("alone", found.total === 1 && Boolean(clips[0].file));
  facts(found);
  const steps = found.is_batch || !clips[0] ? timelineOfMany(found) : timelineOfOne(clips[0]);
  byId("timeline").replaceChildren(...steps);
  byId("timeline").hidden = steps.length === 0;
  const noun = found.total === 1 ? "video" : "videos";
  told.textContent = found.total > 1 ? `${found.total} ${noun}` : "";
  byId("empty").hidden = true;
  byId("pager").hidden = clips.length >= found.total;
}

async function load() {
  try {
    const found = await fetchJson(path);
    draw(found);
  } catch (error) {
    if (clips.length) return;
    grid.setAttribute("aria-busy", "false");
    byId("empty").textContent = error.status === 404 ? "This task has recorded no video yet. What it submits appears here." : error.message;
    byId("empty").hidden = false;
  }
}

async function more() {
  const found = await fetchJson(path, { first: String(clips.length) });
  clips = clips.concat(found.clips);
  draw(found);
}

crumbs();
listen(grid, byId("viewer"), { withTask: false });
byId("more").addEventListener("click", more);
setInterval(() => {
  const settled = clips.length && !clips.some(isMoving);
  if (!document.hidden && !settled && !byId("viewer").open && !document.querySelector(".card.playing")) load();
}, REFRESH);
load();
