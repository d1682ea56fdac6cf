"use strict";
// One sample at a time. What comes from the data is set as text, never as markup.
const $ = (id) => document.getElementById(id);
const DONE = { accept: "Accepted", reject: "Rejected", edit: "Edited" };
const drafts = new Map(); // place → what was written and not saved
let reasons = [];
let progress = { total: 0, decided: 0, counts: {}, undo: 0, first: null };
let sample = null;

function element(name, text, parent, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  if (parent) parent.append(made);
  return made;
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

// Does one thing after the other: a key that comes meanwhile is passed over, so that nobody decides what they did not see.
async function alone(work) {
  const main = $("sample");
  if (main.getAttribute("aria-busy") === "true") return false;
  main.setAttribute("aria-busy", "true");
  try { return await work(); } finally { main.setAttribute("aria-busy", "false"); }
}

// Returns [status, answer]; status 0 where nobody answered.
async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  try {
    const response = await fetch(path, options);
    return [response.status, await response.json()];
  } catch {
    return [0, { error: "The program does not answer: it has ended, or begun anew. Nothing was kept of this; run `emogen review` again." }];
  }
}

function showProgress() {
  const { total, decided, counts } = progress;
  $("progress").max = Math.max(1, total);
  $("progress").value = decided;
  const number = (value) => value.toLocaleString("en");
  $("counts").textContent = `${number(decided)} of ${number(total)} decided: ${number(counts.accept)} accepted, ` +
    `${number(counts.reject)} rejected, ${number(counts.edit)} edited`;
  $("total").textContent = number(total);
  document.querySelector("[data-do=undo]").disabled = !progress.undo;
  document.querySelector("[data-do=undecided]").disabled = decided === total;
}

function turnList(turns, parent) {
  parent.replaceChildren();
  for (const turn of turns) {
    const box = element("div", "", parent, "turn");
    element("h3", turn.kind, box);
    const list = element("dl", "", box);
    element("dt", turn.question, list);
    element("dd", turn.answer, list);
  }
}

function said(review) {
  const reason = (reasons.find(([code]) => code === review.reason) || ["", review.reason])[1];
  return [DONE[review.decision], [reason, review.note].filter(Boolean).join(". ")].filter(Boolean).join(": ");
}

function draw() {
  $("name").textContent = sample.id;
  document.title = `${sample.position + 1}: ${sample.id}`;
  const tags = $("tags");
  tags.replaceChildren();
  if (sample.emotion) element("span", sample.emotion, tags, "emotion");
  element("span", sample.instruction, tags);
  for (const flag of sample.mine?.decision === "edit" ? sample.mine.flags : sample.flags) element("span", flag, tags, "bad");
  $("caption").textContent = sample.caption;
  $("known").replaceChildren();
  for (const [name, value] of sample.known) {
    element("dt", name, $("known"));
    element("dd", value, $("known"));
  }
  const image = $("image");
  image.hidden = false;
  $("no-image").hidden = true;
  image.alt = sample.caption || sample.image;
  image.src = `images/${sample.position}`;
  const mine = sample.mine;
  $("mine").hidden = !mine && !sample.outdated;
  $("mine").className = `mine ${mine ? mine.decision : ""}`;
  $("mine").textContent = mine ? said(mine) : "It has changed since you decided about it.";
  $("others").replaceChildren();
  for (const other of sample.others) {
    const box = element("div", "", $("others"), `other ${other.decision}`);
    element("p", `${other.reviewer}: ${said(other)}`, box);
    if (other.turns.length) turnList(other.turns, element("div", "", box));
  }
  turnList(mine?.turns.length ? mine.turns : sample.turns, $("turns"));
  $("original").hidden = !mine?.turns.length;
  turnList(mine?.turns.length ? sample.turns : [], $("original").lastElementChild);
  leaveEdit();
}

async function go(position) {
  if (position === null || position < 0 || position >= progress.total) return;
  const [status, answer] = await ask(`samples/${position}`);
  complain(answer.error || "");
  if (status !== 200 && status !== 422) return;
  // What cannot be read can be passed by, and not be decided about.
  const broken = status === 422;
  sample = broken ? { position, next: position + 1 < progress.total ? position + 1 : null } : answer;
  document.querySelector(".sides").hidden = $("decide").hidden = broken;
  $("place").value = position + 1;
  if (broken) return;
  history.replaceState(null, "", `#${position + 1}`);
  draw();
  scrollTo(0, 0);
  $("sample").focus({ preventScroll: true });
  const after = sample.next;
  if (after !== null && after !== position) new Image().src = `images/${after}`;
}

async function decide(body) {
  const at = sample.position;
  const [status, answer] = await ask("decisions", { position: at, ...body });
  if (status === 422) { showFaults(answer.faults); return false; }
  if (status !== 200) { complain(answer.error || "It was not kept."); return false; }
  drafts.delete(at);
  progress = answer.progress;
  showProgress();
  const done = `${DONE[body.decision]}: ${sample.id}.`;
  await go(answer.next === null ? at : answer.next);
  $("status").textContent = answer.next === null ? `${done} That was the last one: all are decided.` : done;
  return true;
}

async function undo() {
  const [status, answer] = await ask("undo", {});
  if (status !== 200) { complain(answer.error || "It was not kept."); return; }
  progress = answer.progress;
  showProgress();
  if (answer.position === null) return;
  await go(answer.position);
  $("status").textContent = `Taken back: ${sample.id}.`;
}

function openReject() {
  const mine = sample.mine?.decision === "reject" ? sample.mine : null;
  $("note").value = mine ? mine.note : "";
  $("reasons").replaceChildren();
  reasons.forEach(([code, text], number) => {
    const label = element("label", "", $("reasons"));
    const radio = element("input", "", label);
    Object.assign(radio, { type: "radio", name: "reason", value: code, checked: mine ? mine.reason === code : !number });
    element("span", text, label);
    element("kbd", String(number + 1), label);
  });
  $("rejecting").showModal();
  $("reasons").querySelector(":checked").focus();
}

async function reject() {
  const reason = $("reasons").querySelector(":checked").value;
  const done = await alone(() => decide({ decision: "reject", reason, note: $("note").value }));
  if (done || !$("problem").hidden) $("rejecting").close();
}

function openEdit() {
  const turns = sample.mine?.turns.length ? sample.mine.turns : sample.turns;
  const draft = drafts.get(sample.position) || turns.map((turn) => [turn.raw_question, turn.raw_answer]);
  const fields = $("fields");
  fields.replaceChildren();
  turns.forEach((turn, number) => {
    const box = element("div", "", fields, "turn");
    element("h3", turn.kind, box);
    for (const [place, name] of ["question", "answer"].entries()) {
      const label = element("label", name === "question" ? "Question" : "Answer", box);
      label.htmlFor = `${name}-${number}`;
      const area = element("textarea", "", box);
      area.id = label.htmlFor;
      area.rows = place ? 4 : 2;
      area.value = draft[number][place];
      area.readOnly = turn.kind === "categorical" && name === "answer"; // the record's label
      area.addEventListener("input", () => drafts.set(sample.position, written()));
    }
  });
  $("faults").replaceChildren();
  $("anyway").hidden = true;
  $("turns").hidden = $("decide").hidden = true;
  $("edit").hidden = false;
  $("status").textContent = "";
  fields.querySelector("textarea").focus();
}

function leaveEdit() {
  $("edit").hidden = true;
  $("turns").hidden = $("decide").hidden = false;
  const kept = sample && drafts.has(sample.position);
  $("status").textContent = kept ? "Your draft is kept while the page is open: e goes on with it." : "";
}

function leave() {
  leaveEdit();
  $("sample").focus({ preventScroll: true });
}

function written() {
  return [...$("fields").children].map((box) => [...box.querySelectorAll("textarea")].map((area) => area.value));
}

function save(anyway) {
  return alone(() => decide({ decision: "edit", turns: written(), anyway }));
}

function showFaults(faults) {
  for (const area of $("fields").querySelectorAll("textarea")) area.removeAttribute("aria-invalid");
  $("faults").replaceChildren();
  for (const fault of faults) {
    const area = fault.turn === null ? null : $(`${fault.field}-${fault.turn}`);
    area?.setAttribute("aria-invalid", "true");
    const where = area ? `${fault.field} ${fault.turn + 1}: ` : "";
    element("p", where + fault.text, $("faults"), "fault");
  }
  $("anyway").hidden = faults.some((fault) => fault.final);
  ($("fields").querySelector("[aria-invalid]") || $("faults")).focus();
  $("faults").scrollIntoView({ block: "nearest" });
}

const actions = {
  accept: () => decide({ decision: "accept" }),
  reject: openReject,
  edit: openEdit,
  undo,
  next: () => go(sample.position + 1),
  previous: () => go(sample.position - 1),
  undecided: () => go(sample.next),
  help: () => $("help").showModal(),
};

function act(name) {
  const button = document.querySelector(`[data-do=${name}]`);
  if (sample && !button.disabled && !button.closest("[hidden]")) alone(actions[name]);
}
const keys = {
  a: "accept", r: "reject", e: "edit", u: "undo", j: "next", ArrowRight: "next", k: "previous", ArrowLeft: "previous",
  n: "undecided", "?": "help",
};

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if ($("rejecting").open) {
    const radios = $("reasons").querySelectorAll("input");
    const typing = event.target === $("note");
    if (!typing && radios[event.key - 1]) { radios[event.key - 1].checked = true; radios[event.key - 1].focus(); }
    else if (event.key === "Enter" && !event.shiftKey && event.target.tagName !== "BUTTON") { event.preventDefault(); reject(); }
    return;
  }
  if ($("help").open) return;
  if (!$("edit").hidden) {
    if (event.key === "Escape") leave();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(false); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !$("keys").checked) return;
  if (event.target.matches("input, textarea")) return;
  const name = Object.hasOwn(keys, event.key) ? keys[event.key] : "";
  if (!name || (event.repeat && name !== "next" && name !== "previous")) return;
  event.preventDefault();
  act(name);
});

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => act(button.dataset.do));
}
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
$("rejecting").querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); reject(); });
$("edit").addEventListener("submit", (event) => { event.preventDefault(); save(false); });
$("anyway").addEventListener("click", () => save(true));
$("leave").addEventListener("click", leave);
$("afresh").addEventListener("click", () => { drafts.delete(sample.position); openEdit(); });
$("place").addEventListener("change", () => {
  const wanted = Number.parseInt($("place").value.replaceAll(",", ""), 10);
  if (wanted >= 1 && wanted <= progress.total) alone(() => go(wanted - 1));
  else $("place").value = sample.position + 1;
});
$("image").addEventListener("error", async () => {
  $("image").hidden = true;
  $("no-image").hidden = false;
  $("no-image").textContent = "The image cannot be shown.";
  const at = sample.position;
  try {
    const why = await (await fetch(`images/${at}`)).text();
    if (at === sample.position) $("no-image").textContent = why;
  } catch { /* it was said already */ }
});
addEventListener("beforeunload", (event) => { if (drafts.size) event.preventDefault(); });

async function begin() {
  const [status, answer] = await ask("state");
  if (status !== 200) { complain(answer.error); return; }
  ({ reasons, progress } = answer);
  $("run").textContent = answer.run;
  $("who").textContent = `reviewed by ${answer.reviewer}`;
  showProgress();
  const at = Number.parseInt(location.hash.slice(1), 10);
  await go(at >= 1 && at <= progress.total ? at - 1 : progress.first ?? 0);
  if (progress.first === null) $("status").textContent = "All are decided.";
}

alone(begin);
