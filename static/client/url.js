/** Where the API is. */

import { UsageError } from "./errors.js";

/** @param {string | undefined} given @param {Pick<import("./environment.js").Environment, "location">} env @returns {string} absolute, without a slash at its end */
export function apiUrl(given, { location }) {
  const base = location?.origin;
  if (given === undefined && base === undefined) throw new UsageError("outside of a page `url` has to be given, such as http://127.0.0.1:8080/v1");
  try {
    return new URL(given ?? "/v1", base).href.replace(/\/+$/, "").replace(/^ws/, "http");
  } catch {
    throw new UsageError(`"${given}" is no address of an API`);
  }
}
