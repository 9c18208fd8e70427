/** First names for those who come as guests, drawn so that two people in a room rarely share one. Grace is the robot's. */

export const NAMES = [
  "Ada", "Linus", "Edsger", "Barbara", "Alan", "Hedy", "Radia", "Katherine", "Dennis", "Margaret", "Claude",
  "Emmy", "Sofia", "Leonhard", "Maryam", "Srinivasa", "Hypatia", "Niels", "Lise", "Marie", "Rosalind", "Jocelyn",
  "Chandra", "Vera", "Carl", "Tycho", "Caroline", "Amara", "Yuki", "Mateo", "Ines", "Noor", "Kofi", "Freya", "Anton",
  "Leila", "Tomas", "Zofia", "Henrik", "Priya", "Jonas", "Mina", "Oskar", "Thandi", "Rafael", "Aiko", "Nils", "Selma",
  "Emil", "Olga", "Bruno", "Ruth", "Samir", "Clara", "Hugo", "Nadia", "Felix", "Ilse", "Theo", "Wanda", "Arvid",
];

/** The most characters of a name that this page sends. */
export const NAME_CHARACTERS_MAX = 40;

/**
 * @param {() => number} [random] from 0 up to, not including, 1
 * @returns {string}
 */
export function drawName(random = Math.random) {
  return NAMES[Math.floor(random() * NAMES.length)] ?? NAMES[0];
}

/**
 * A typed name as it is sent: one line, no edges, not too long; empty when nothing is left.
 *
 * @param {string} typed
 */
export function cleanName(typed) {
  const line = typed.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").replace(/\s+/g, " ").trim();
  return Array.from(line).slice(0, NAME_CHARACTERS_MAX).join("").trim();
}
