
// --- base: elements of the document. All texts from outside become text nodes, never markup.

const byId = (id) => document.getElementById(id);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === null || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }
  return node;
}

// An element with attributes and children, which are elements or texts. A function among the
// attributes listens to the event of that name.
function element(tag, attributes = {}, ...children) {
  const node = setAttributes(document.createElement(tag), attributes);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function drawing(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  node.append(...children);
  return setAttributes(node, attributes);
}

const kept = new WeakMap();

// Makes the children of a parent those of `items`, in order. An item whose key was there before
// keeps its element, so that focus, selection and open details stay.
function keep(parent, items, keyOf, make, change = () => {}) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    let key = keyOf(item);
    while (after.has(key)) key = `${key} again`;
    const node = before.get(key) ?? make(item);
    before.delete(key);
    after.set(key, node);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    change(node, item); // in its place, where it has a size
  }
  for (const node of before.values()) node.remove();
  kept.set(parent, after);
}

// A table's rows from lists of cells. A cell is a text, or {text, number, class}.
function fillTable(body, rows) {
  const cellOf = (cell) => (typeof cell === "object" && cell !== null ? cell : { text: cell });
  keep(body, rows, (row) => row.key, () => element("tr"), (tr, row) => {
    keep(tr, row.cells.map((cell, i) => ({ i, ...cellOf(cell) })), (cell) => cell.i,
      (cell) => element(cell.i === 0 ? "th" : "td", cell.i === 0 ? { scope: "row" } : {}),
      (td, cell) => {
        setText(td, cell.text);
        setAttributes(td, { class: [cell.number ? "number" : "", cell.class ?? ""].join(" ").trim()
          || null });
      });
  });
}

// A list of terms and texts: [[term, text], …].
function fillTerms(dl, terms) {
  keep(dl, terms, (term) => term[0],
    (term) => element("div", {}, element("dt", {}, term[0]), element("dd")),
    (div, term) => {
      setText(div.lastChild, term[1]);
      setAttributes(div, { class: term[2] ?? null });
    });
}
