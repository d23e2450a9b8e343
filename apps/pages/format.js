// Numbers as people read them, and tables that turn into cards on a narrow screen.

const percent = (share) => (100 * share).toFixed(1) + " %";

function duration(us) {
  if (us < 1e3) return us.toFixed(0) + " µs";
  if (us < 1e6) return (us / 1e3).toFixed(1) + " ms";
  return (us / 1e6).toFixed(1) + " s";
}

function bytes(count) {
  if (count === 0) return "";
  const power = Math.min(4, Math.floor(Math.log(count) / Math.log(1000)));
  return power === 0 ? count + " B" : (count / 1000 ** power).toFixed(1) + " " + " kMGT"[power] + "B";
}

const rate = (perSecond) => perSecond.toFixed(perSecond < 10 ? 2 : 0) + "/s";

const messageName = (type) => type.replace(/^.*[.:]/, "");

const clipped = (text, length) => text.length <= length ? text : text.slice(0, length - 1) + "…";

// A column: its title, the text of a row's cell ("" where it does not apply), and whether it is a number.
function tableHead(table, columns) {
  const head = table.selectAll("thead").data([columns]);
  const cells = head.enter().append("thead").append("tr").selectAll("th").data(columns);
  cells.enter().append("th").attr("scope", "col").classed("number", (c) => c.number).text((c) => c.title);
}

// Fills each row with a cell per column; the title is shown beside the cell where there is no head.
function cells(rows, columns) {
  const cell = rows.selectAll("td").data((row) => columns.map((column) => ({column, text: column.text(row)})));
  cell.enter().append("td").attr("data-title", (c) => c.column.title).classed("number", (c) => c.column.number);
  cell.text((c) => c.text).attr("class", (c) =>
      (c.column.number ? "number " : "") + (c.column.className ? c.column.className(c.text) : ""));
}
