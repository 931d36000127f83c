"use strict";
(() => {
  const make = (name, properties) => Object.assign(document.createElement(name), properties);

  const copy = async (source) => {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
  };
  for (const place of document.querySelectorAll(".copied")) {
    const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      await copy(place.querySelector("code, pre"));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    place.append(button);
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.key ?? cell.textContent;
    const number = Number(text.replaceAll(",", ""));
    return text === "" || Number.isNaN(number) ? text.toLowerCase() : number;
  };
  const order = (a, b) => {
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  };
  const sort = (table, column, head) => {
    const down = head.ariaSort === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.ariaSort = down ? "descending" : "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort(([a], [b]) => (down ? order(b, a) : order(a, b)));
    body.append(...rows.map(([, row]) => row));
  };
  for (const frame of document.querySelectorAll(".scroll")) {
    const table = frame.querySelector("table");
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => sort(table, column, head));
      head.replaceChildren(button);
    });
    if (!frame.classList.contains("long")) continue;
    const search = make("input", { type: "search", placeholder: "Filter rows" });
    search.setAttribute("aria-label", "Filter rows of " + frame.getAttribute("aria-label"));
    let texts;
    search.addEventListener("input", () => {
      texts ??= [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
      const wanted = search.value.toLowerCase();
      for (const [row, text] of texts) row.hidden = !text.includes(wanted);
    });
    frame.before(search);
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.remedy")) details.open = true;
  });
})();
