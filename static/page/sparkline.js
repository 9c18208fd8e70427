/** A small line without axes: a path in a box of our own SVG, stretched to whatever room there is. */

const WIDTH = 100;
const HEIGHT = 24;
/** Half a stroke, so that the line is not cut at the top. */
const EDGE = 1.5;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {readonly { at: number, value: number }[]} points in order of time
 * @param {number} [width] @param {number} [height]
 * @returns {string} a path's `d`; empty for fewer than two points
 */
export function pathOf(points, width = WIDTH, height = HEIGHT) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || last.at <= first.at) return "";
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (/** @type {number} */ at) => ((at - first.at) / (last.at - first.at)) * width;
  // What never changed lies in the middle.
  const y = (/** @type {number} */ value) => (high === low ? height / 2 : EDGE + (1 - (value - low) / (high - low)) * (height - 2 * EDGE));
  // In steps: a value holds until there is another.
  return points.map(({ at, value }, n) => (n === 0 ? `M${short(x(at))} ${short(y(value))}` : `H${short(x(at))}V${short(y(value))}`)).join("");
}

/**
 * @param {SVGSVGElement} svg
 * @param {readonly { at: number, value: number }[]} points
 */
export function drawSparkline(svg, points) {
  let path = svg.querySelector("path");
  if (!path) {
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    path = document.createElementNS(SVG, "path");
    path.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(path);
  }
  const d = pathOf(points);
  if (path.getAttribute("d") !== d) path.setAttribute("d", d);
}

/** @param {number} value */
function short(value) {
  return String(Math.round(value * 10) / 10);
}
