// The grid's keyboard, and the large view of one clip.

import { LABELS, byId, el, instanceUrl, klingUrl, moment, outside, retention, runUrl, shown, span, taskUrl, toggle, units, videoUrl } from "./common.js";

const cards = (grid) => [...grid.querySelectorAll(".card")];

function columns(grid) {
  const all = cards(grid);
  const top = all[0]?.offsetTop;
  const first = all.findIndex((card) => card.offsetTop !== top);
  return first < 0 ? Math.max(1, all.length) : first;
}

// One card at a time can be reached by Tab; arrows go from one to the next.
export function focusOn(grid, number, really = true) {
  const all = cards(grid);
  const wanted = all[Math.max(0, Math.min(number, all.length - 1))];
  for (const card of all) card.tabIndex = card === wanted ? 0 : -1;
  if (really) wanted?.focus();
  return wanted;
}

export function listen(grid, viewer, { withTask }) {
  grid.addEventListener("keydown", (event) => {
    const card = event.target.closest(".card");
    if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target !== card) {
      if (event.key === "Escape") card.focus();
      return;
    }
    const at = cards(grid).indexOf(card);
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(grid), ArrowUp: -columns(grid), Home: -at, End: cards(grid).length };
    if (event.key in moves) focusOn(grid, at + moves[event.key]);
    else if (event.key === " ") toggle(card) || open(card);
    else if (event.key === "Enter") open(card);
    else if (event.key === "Escape") card.querySelector("video")?.pause();
    else return;
    event.preventDefault();
  });
  grid.addEventListener("focusin", (event) => {
    const card = event.target.closest(".card");
    if (card) focusOn(grid, cards(grid).indexOf(card), false);
  });
  grid.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (!card || event.target.closest("a, .play, video, audio")) return;
    open(card);
  });

  let current = null;

  function open(card) {
    current = card;
    for (const video of document.querySelectorAll("video")) video.pause();
    viewer.replaceChildren(...content(card.clip));
    if (!viewer.open) viewer.showModal();
    viewer.querySelector("video")?.play().catch(() => undefined);
  }

  function step(by) {
    const all = cards(grid);
    const next = all[all.findIndex((card) => card.dataset.id === current.dataset.id) + by];
    if (next) open(next);
  }

  function content(clip) {
    const all = cards(grid);
    const at = all.findIndex((card) => card.dataset.id === current.dataset.id);
    const button = (text, name, action, disabled) => el("button", { type: "button", text, "aria-label": name, title: name, disabled, on: { click: action } });
    const media = clip.file && clip.status === "done" ? shown(clip, true) : el("div", { className: "note" }, el("strong", { text: LABELS[clip.status] }), clip.error && el("span", { text: clip.error }));
    const rows = [
      ["Prompt", clip.prompt], ["Reason", clip.error], ["Model", clip.model],
      ["Length", clip.seconds && `${clip.seconds} s`], ["Units", units(clip)],
      ["Took", clip.submitted_at && clip.ended_at && span((new Date(clip.ended_at) - new Date(clip.submitted_at)) / 1000)],
      ["Submitted", clip.submitted_at && moment(clip.submitted_at)], ["Done", clip.ended_at && moment(clip.ended_at)],
      ["Landed", clip.landed_at && moment(clip.landed_at)], ["File", clip.file], ["At Kling", retention(clip)],
      ["Task at Kling", clip.kling_task_id], ["External id", clip.external_task_id],
    ].filter(([, value]) => value);
    return [
      el("header", {},
        el("h2", { text: clip.key || clip.prompt || `Video ${clip.number}` }),
        el("span", { className: "steps" }, button("←", "Previous (←)", () => step(-1), at <= 0), button("→", "Next (→)", () => step(1), at >= all.length - 1), button("✕", "Close (Esc)", () => viewer.close())),
      ),
      el("div", { className: "stage" }, media),
      el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })])),
      el("footer", {},
        withTask && el("a", { className: "button", href: taskUrl(clip), text: "All of this task" }),
        outside(instanceUrl(clip), "Task instance", { className: "button" }),
        outside(runUrl(clip), "Run", { className: "button" }),
        clip.file && clip.status === "done" && el("a", { className: "button", href: videoUrl(clip), download: clip.file.split("/").pop(), text: "Download" }),
        clip.at_kling && outside(klingUrl(clip), "At Kling ↗", { className: "button", target: "_blank", rel: "noopener noreferrer" }),
      ),
    ];
  }

  viewer.addEventListener("keydown", (event) => {
    // With the video in focus, arrows are the player's.
    if (event.target.closest("video") && event.key !== "Escape") return;
    if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key === " " && !event.target.closest("button, a")) {
      const video = viewer.querySelector("video");
      if (video) video.paused ? video.play() : video.pause();
    } else return;
    event.preventDefault();
  });
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) viewer.close();
  });
  viewer.addEventListener("close", () => {
    viewer.replaceChildren();
    const all = cards(grid);
    const at = all.findIndex((card) => card.dataset.id === current?.dataset.id);
    if (at >= 0) focusOn(grid, at);
  });
}

// Put new clips in place of the old ones; a card that has not changed, or plays, is left as it is.
export function show(grid, clips, make) {
  const known = new Map(cards(grid).map((card) => [card.dataset.id, card]));
  const had = document.activeElement?.closest?.(".card")?.dataset.id;
  const nodes = clips.map((clip) => {
    const fresh = make(clip);
    const old = known.get(fresh.dataset.id);
    const same = old && (old.classList.contains("playing") || JSON.stringify(old.clip) === JSON.stringify(clip));
    return same ? old : fresh;
  });
  if (nodes.length !== grid.children.length || nodes.some((node, at) => node !== grid.children[at])) grid.replaceChildren(...nodes);
  grid.setAttribute("aria-busy", "false");
  const at = nodes.findIndex((node) => node.dataset.id === had);
  focusOn(grid, Math.max(0, at), at >= 0 && !byId("viewer").open);
}
