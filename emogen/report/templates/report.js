"use strict";
// Shows the gallery's rows that all filters let through, and the images that have any.
const filters = [...document.querySelectorAll("select[data-filter]")];
const cards = [...document.querySelectorAll(".card")];
const found = document.getElementById("found");

function apply() {
  const wanted = Object.fromEntries(filters.map((filter) => [filter.dataset.filter, filter.value]));
  let shown = 0;
  for (const card of cards) {
    let any = false;
    for (const row of card.querySelectorAll(".row")) {
      const fits =
        (!wanted.type || row.dataset.type === wanted.type) &&
        (!wanted.state || row.dataset.state === wanted.state) &&
        (!wanted.reason || JSON.parse(row.dataset.reasons).includes(wanted.reason));
      row.hidden = !fits;
      any ||= fits;
    }
    card.hidden = !any || (wanted.emotion && card.dataset.emotion !== wanted.emotion);
    shown += !card.hidden;
  }
  found.textContent = `${shown} of ${cards.length} images`;
}

for (const filter of filters) filter.addEventListener("change", apply);
apply();
