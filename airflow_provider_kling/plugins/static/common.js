// What both pages use. Whatever comes from a video or a task is text, and set as text alone.

export const ROOT = new URL("../", import.meta.url);
const AIRFLOW = new URL("../", ROOT);

export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  const { className, text, data, on, ...attributes } = options;
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  Object.assign(node.dataset, data ?? {});
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const [name, handler] of Object.entries(on ?? {})) node.addEventListener(name, handler);
  node.append(...children.filter(Boolean));
  return node;
}

export const byId = (id) => document.getElementById(id);

// --- what is fetched ---------------------------------------------------------------------------------------------

export async function fetchJson(path, parameters = {}, signal = undefined) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
  if (answer.ok) return answer.json();
  const words = { 401: "You are not logged in any more: log in to Airflow and reload this page.", 403: "You may not read this DAG." };
  let detail = "";
  try {
    detail = (await answer.json()).detail;
  } catch {
    // A proxy's page says nothing of use.
  }
  const error = new Error(words[answer.status] ?? (typeof detail === "string" && detail ? detail : `The server answered ${answer.status}.`));
  error.status = answer.status;
  throw error;
}

const place = (clip) => [clip.dag_id, clip.run_id, clip.task_id, clip.map_index].map(encodeURIComponent).join("/");

export const idOf = (clip) => `${place(clip)}/${clip.number}`;
export const videoUrl = (clip) => new URL(`video/${idOf(clip)}`, ROOT).href;
export const klingUrl = (clip) => new URL(`at-kling/${idOf(clip)}`, ROOT).href;
export const taskUrl = (clip) => new URL(`task/${place(clip)}`, ROOT).href;
export const runUrl = (clip) => new URL(`dags/${encodeURIComponent(clip.dag_id)}/runs/${encodeURIComponent(clip.run_id)}`, AIRFLOW).href;
export const dagUrl = (clip) => new URL(`dags/${encodeURIComponent(clip.dag_id)}`, AIRFLOW).href;
export function instanceUrl(clip) {
  const mapped = clip.map_index >= 0 ? `/mapped/${clip.map_index}` : "";
  return `${runUrl(clip)}/tasks/${encodeURIComponent(clip.task_id)}${mapped}`;
}

// Airflow shows this page in a frame that may open nothing outside itself; a link of the page around it may.
export function outside(href, text, options = {}) {
  const link = el("a", { href, text, ...options });
  if (window.parent !== window) {
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      const owner = window.parent.document;
      const twin = owner.createElement("a");
      twin.href = href;
      if (options.target) twin.target = options.target;
      twin.rel = "noopener noreferrer";
      owner.body.append(twin);
      twin.click();
      twin.remove();
    });
  }
  return link;
}

// --- words -------------------------------------------------------------------------------------------------------

const STEPS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function ago(iso) {
  // A clock ahead of ours, as that of a fast emulator, makes nothing of the past a thing to come.
  const seconds = Math.min(0, new Date(iso) - Date.now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return "just now";
}

export const moment = (iso) => exact.format(new Date(iso));

export function time(iso, text = ago(iso)) {
  return el("time", { datetime: iso, title: moment(iso), text });
}

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

const tidy = (number) => Number(number.toFixed(2)).toString();

export function units(clip) {
  const known = clip.units !== null;
  if (known && clip.estimate !== null) return `${tidy(clip.units)} of est. ${tidy(clip.estimate)} units`;
  if (known) return `${tidy(clip.units)} units`;
  return clip.estimate !== null ? `est. ${tidy(clip.estimate)} units` : "";
}

export function retention(clip) {
  if (!clip.deleted_at) return "";
  const left = (new Date(clip.deleted_at) - Date.now()) / 86400000;
  return left < 0 ? "Deleted at Kling" : `Kling deletes it ${day.format(new Date(clip.deleted_at))}`;
}

export const LABELS = {
  done: "Done", failed: "Failed", moderated: "Moderated", running: "Running", landing: "Landing", waiting: "Waiting", approval: "To be approved", submitted: "Submitted",
};
const MOVING = new Set(["running", "landing", "waiting", "approval"]);
export const isLost = (clip) => clip.status === "failed" || clip.status === "moderated";
export const isMoving = (clip) => MOVING.has(clip.status);

// --- a card ------------------------------------------------------------------------------------------------------

// First frames are fetched when a card comes near the window, not all at once.
const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    target.preload = "metadata";
    target.src = `${target.dataset.src}#t=0.1`;
  }
}, { rootMargin: "300px" });

const label = (clip) => clip.key || clip.prompt || clip.external_task_id || clip.kling_task_id || `Video ${clip.number}`;

function thumb(clip) {
  const box = el("div", { className: "thumb" });
  if (clip.file && clip.status === "done") {
    box.append(shown(clip, false));
  } else {
    box.append(placeholder(clip));
  }
  box.append(el("span", { className: "status", data: { status: clip.status }, text: LABELS[clip.status] }));
  if (clip.seconds) box.append(el("span", { className: "length", text: `${tidy(clip.seconds)} s` }));
  return box;
}

export function shown(clip, large) {
  const broken = (event) => {
    const box = event.target.parentElement;
    event.target.replaceWith(el("div", { className: "note" }, el("strong", { text: "Cannot be shown here" }), el("span", { text: clip.file })));
    box?.classList.add("broken");
    box?.querySelector(".play")?.remove();
  };
  if (clip.kind === "image") return el("img", { src: videoUrl(clip), alt: clip.prompt ?? "", loading: "lazy", on: { error: broken } });
  if (clip.kind === "audio") return el("audio", { src: videoUrl(clip), controls: true, preload: "none", on: { error: broken } });
  const video = el("video", {
    playsinline: true, preload: large ? "auto" : "none", tabindex: large ? 0 : -1, data: { src: videoUrl(clip) },
    controls: large, loop: true, "aria-label": label(clip), on: { error: broken },
  });
  if (large) video.src = videoUrl(clip);
  else nearby.observe(video);
  return video;
}

function placeholder(clip) {
  if (isLost(clip)) {
    return el("div", { className: "note failed" }, el("strong", { text: "No video" }), el("span", { text: clip.error ?? "The log of the task says why." }));
  }
  if (isMoving(clip)) return progress(clip);
  if (clip.status === "submitted") {
    return el("div", { className: "note" }, el("strong", { text: "At Kling" }), el("span", { text: "This task does not wait for it." }));
  }
  const link = clip.at_kling ? outside(klingUrl(clip), "Open at Kling ↗", { target: "_blank", rel: "noopener noreferrer", className: "button" }) : null;
  return el("div", { className: "note" }, el("strong", { text: "At Kling only" }), el("span", { text: "It was not landed." }), link);
}

function progress(clip) {
  const box = el("div", { className: "note moving" });
  if (clip.status === "approval") {
    box.append(el("strong", { text: "Waits for somebody to approve it" }));
  } else if (clip.status === "waiting" || !clip.submitted_at) {
    box.append(el("strong", { text: "Waits for its turn" }), clip.ahead ? el("span", { text: `${clip.ahead} before it ${clip.ahead === 1 ? "waits" : "wait"} for a slot` }) : "");
  } else {
    const bar = el("progress", { max: 1, "aria-label": "Share of the usual time" });
    box.append(el("strong", { className: "elapsed" }), bar, el("span", { className: "usual" }));
    box.dataset.since = clip.submitted_at;
    box.dataset.usual = clip.usual_seconds ?? "";
    tick(box);
  }
  return box;
}

function tick(box) {
  const elapsed = (Date.now() - new Date(box.dataset.since)) / 1000;
  const usual = Number(box.dataset.usual);
  box.querySelector(".elapsed").textContent = span(elapsed);
  box.querySelector(".usual").textContent = usual ? `${elapsed > usual ? "longer than the usual" : "usually"} ${span(usual)}` : "";
  const bar = box.querySelector("progress");
  if (usual) bar.value = Math.min(0.97, elapsed / usual);
}

setInterval(() => document.querySelectorAll(".moving[data-since]").forEach(tick), 1000);

export function card(clip, { withTask }) {
  const name = clip.key ? el("h2", { text: clip.key }) : null;
  const facts = [clip.model, units(clip)].filter(Boolean).join(" · ");
  const when = clip.ended_at ?? clip.submitted_at ?? clip.reported_at;
  const node = el("article", { className: "card", role: "listitem", tabindex: -1, "aria-label": `${LABELS[clip.status]}: ${label(clip)}`, data: { id: idOf(clip), status: clip.status } },
    thumb(clip),
    el("div", { className: "body" },
      name,
      el("p", { className: "prompt", text: clip.prompt ?? clip.external_task_id ?? "", title: clip.prompt ?? "" }),
      facts && el("p", { className: "facts-line", text: facts }),
      el("p", { className: "foot" },
        withTask && el("span", { className: "where" },
          outside(runUrl(clip), clip.dag_id, { className: "run", title: `Run ${clip.run_id}`, tabindex: -1 }), " › ",
          el("a", { className: "task", href: taskUrl(clip), title: `Task ${clip.task_id}: all of its videos`, tabindex: -1, text: clip.map_index >= 0 ? `${clip.task_id} [${clip.map_index}]` : clip.task_id })),
        el("span", { className: "times" }, time(when), clip.deleted_at && el("span", { className: "kept", title: moment(clip.deleted_at), text: retention(clip) })),
      ),
    ),
  );
  node.clip = clip;
  const video = node.querySelector("video");
  if (video) {
    const button = el("button", { type: "button", className: "play", tabindex: -1, "aria-label": "Play", title: "Play (Space)" });
    const follow = () => {
      node.classList.toggle("playing", !video.paused);
      button.setAttribute("aria-label", video.paused ? "Play" : "Pause");
    };
    video.addEventListener("play", follow);
    video.addEventListener("pause", follow);
    button.addEventListener("click", () => toggle(node));
    video.addEventListener("click", () => toggle(node));
    node.querySelector(".thumb").append(button);
  }
  const open = el("button", { type: "button", className: "expand", tabindex: -1, "aria-label": "Details", title: "Details (Enter)", text: "⤢" });
  node.querySelector(".thumb").append(open);
  return node;
}

export function toggle(node) {
  const video = node.querySelector("video");
  if (!video) return false;
  if (!video.paused) {
    video.pause();
    return true;
  }
  for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
  if (!video.src) video.src = video.dataset.src;
  video.controls = true;
  if (video.currentTime < 0.2) video.currentTime = 0;
  video.play().catch(() => undefined);
  return true;
}
