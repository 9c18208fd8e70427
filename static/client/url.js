/** Where the API is. */

import { UsageError } from "./errors.js";

/** @param {string | undefined} given @param {Pick<import("./environment.js").Environment, "location">} env @returns {string} absolute, without a slash at its end */
export function apiUrl(given, { location }) {
  try {
    return new URL(given ?? "/v1", location?.origin).href.replace(/\/+$/, "").replace(/^ws/, "http");
  } catch {
    throw new UsageError(`url: "${given}" is no address of an API`);
  }
}
