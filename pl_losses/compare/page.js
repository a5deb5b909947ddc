// Sorts the runs by a column; a run and its seeds stay together. The page is whole without it.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.querySelectorAll("th[data-column]")];
  const figure = (body, column) => {
    const cell = body.rows[0].querySelector(`td[data-column="${column}"][data-value]`);
    return cell ? Number(cell.dataset.value) : NaN;
  };
  for (const head of heads) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.dataset.better === "low" ? "ascending" : "descending";
      const second = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const bodies = [...table.tBodies].sort((a, b) => {
        const [x, y] = [figure(a, head.dataset.column), figure(b, head.dataset.column)];
        // Runs without the figure go last, whichever the order.
        return isNaN(x) - isNaN(y) || sign * (x - y) || 0;
      });
      table.append(...bodies);
    });
  }
}
