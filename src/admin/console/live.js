// Shows new rows of the list of messages without a reload. Without this script the page works as well: reloaded.
//
// In: a table body with `data-live`, the address of the rows that are newer than `data-end`. Out: new rows above the others.
"use strict";
(() => {
  const EVERY = 5000;
  const MOST = 200;
  const rows = document.querySelector("[data-live]");
  if (!rows) return;
  let end = rows.dataset.end;
  const look = async () => {
    if (document.hidden) return true;
    const address = rows.dataset.live + "&newer=" + encodeURIComponent(end);
    const answer = await fetch(address, { redirect: "error", cache: "no-store" });
    if (answer.status !== 200 && answer.status !== 204) return answer.status >= 500;
    end = answer.headers.get("X-Popgate-End") || end;
    if (answer.status === 200) {
      rows.insertAdjacentHTML("afterbegin", await answer.text());
      while (rows.children.length > MOST) rows.lastElementChild.remove();
      for (const empty of document.querySelectorAll("[data-empty]")) empty.remove();
    }
    return true;
  };
  // It ends with the session. A server that restarts does not answer for a while.
  const again = () => setTimeout(async () => {
    if (await look().catch(() => true)) again();
  }, EVERY);
  again();
})();
