// Runs the script of a report's page without a browser: `node page_of_bench.js FILE.html WIDTH`
// prints what it puts into the page, and into each plot.
"use strict";
const html = require("fs").readFileSync(process.argv[2], "utf8"), width = +process.argv[3];
const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)[1];
const script = /<script>\n(.*?)<\/script>/s.exec(html)[1];
const page = { innerHTML: "" }, plots = [];
const document = {
  title: "",
  getElementById: (id) => id === "data" ? { textContent: data } : page,
  querySelectorAll: () => {
    const n = page.innerHTML.split("<svg").length - 1;
    while (plots.length < n) plots.push({ clientWidth: width, innerHTML: "" });
    return plots;
  },
};
new Function("document", "addEventListener", script)(document, () => {});
console.log(JSON.stringify({ title: document.title, page: page.innerHTML, plots: plots.map((p) => p.innerHTML) }));
