"use strict";
(() => {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  document.body.append(tip);
  let shown = null;

  const hide = () => {
    tip.hidden = true;
    shown = null;
  };
  const show = (mark) => {
    shown = mark;
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const at = mark.getBoundingClientRect();
    const box = tip.getBoundingClientRect();
    const edge = document.documentElement.clientWidth - box.width - 8;
    tip.style.left = Math.max(8, Math.min(at.left + at.width / 2 - box.width / 2, edge)) + "px";
    const above = at.top - box.height - 8;
    tip.style.top = (above > 4 ? above : at.bottom + 8) + "px";
  };

  // A chart is one stop of the Tab key; arrows go from value to value.
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  for (const chart of document.querySelectorAll("figure svg")) {
    const marks = [...chart.querySelectorAll(".mark")];
    marks.forEach((mark, i) => {
      const title = mark.querySelector("title");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", title.textContent);
      mark.setAttribute("tabindex", i === 0 ? "0" : "-1");
      title.remove();
    });
    const go = (from, to) => {
      from.setAttribute("tabindex", "-1");
      to.setAttribute("tabindex", "0");
      to.focus();
    };
    chart.addEventListener("keydown", (event) => {
      const i = marks.indexOf(document.activeElement);
      if (i < 0) return;
      let to = -1;
      if (event.key in step) to = i + step[event.key];
      if (event.key === "Home") to = 0;
      if (event.key === "End") to = marks.length - 1;
      if (to < 0 || to >= marks.length) return;
      event.preventDefault();
      go(marks[i], marks[to]);
    });
    const mark_of = (event) => event.target.closest(".mark");
    chart.addEventListener("focusin", (event) => mark_of(event) && show(mark_of(event)));
    chart.addEventListener("focusout", hide);
    chart.addEventListener("pointerover", (event) => mark_of(event) && show(mark_of(event)));
    chart.addEventListener("pointerout", (event) => {
      if (event.pointerType === "mouse" && shown !== document.activeElement) hide();
    });
    chart.addEventListener("click", (event) => (mark_of(event) ? show(mark_of(event)) : hide()));
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", hide, { passive: true, capture: true });
  addEventListener("resize", hide);

  // Rows that say something else than figures stay where they are: at the end.
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const rows = [...body.rows];
        const full = rows.filter((row) => row.cells.length === heads.length);
        const other = rows.filter((row) => row.cells.length !== heads.length);
        const empty = (row) => row.cells[column].textContent === "";
        full.sort((a, b) => {
          if (empty(a) !== empty(b)) return empty(a) ? 1 : -1;
          const order = compare(value(a, column), value(b, column));
          return descending ? -order : order;
        });
        body.append(...full, ...other);
      });
    });
  }

  for (const command of document.querySelectorAll("pre.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", () => {
      const range = document.createRange();
      range.selectNodeContents(command.querySelector("code"));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl-C";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    command.append(button);
  }
  document.documentElement.classList.add("ready");
})();
