/**
 * Lets what lies in static/ find React among what is installed here, of the version that REACT names, 19 when unset; and
 * the examples of docs/ find the client.
 *
 *   node --import ./resolve.mjs --test
 */

import { register } from "node:module";

const base = new URL(process.env.REACT === "18" ? "./react18/" : "./", import.meta.url).href;
const client = new URL("../../../static/client/", import.meta.url).href;
const hooks = `
  const own = { copresence: "index.js", "copresence/react": "react/index.js" };
  export function resolve(specifier, context, next) {
    if (Object.hasOwn(own, specifier)) return next(${JSON.stringify(client)} + own[specifier], context);
    const isReact = /^react(-dom)?(\\/|$)/.test(specifier);
    return next(specifier, isReact ? { ...context, parentURL: ${JSON.stringify(base)} } : context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
