/**
 * The papers tell of what there is: every block of code in them parses and is typed against the client, the hooks and
 * what browsers have; every element and every method that their prose names exists.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ts = createRequire(import.meta.url)("../node_modules/typescript/lib/typescript.js");
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path) => readFileSync(ROOT + path, "utf8");

/** The papers with code for the browser, and what their blocks take for granted: values that the prose before them made. */
const CLIENT = 'declare const client: import("copresence").Client<any>;';
const ROOM = 'declare const room: import("copresence").Room<any>;';
const NOTIFICATIONS = 'declare const notifications: import("copresence").Client<any>["notifications"];';
const PAPERS = {
  "README.md": [],
  "docs/client.md": [CLIENT, "declare function draw(notifications: object): void;"],
  "docs/react.md": [],
  "docs/elements.md": [],
  "docs/protocol.md": [],
  "docs/operations.md": [],
  "static/client/README.md": [],
};
/** Languages of blocks: what is checked here, and what is read elsewhere or is no code of ours. */
const TYPED = ["js", "jsx", "ts", "tsx", "html"];
const OTHERS = ["json", "sh", "toml", "", "text", "nginx", "ini", "sql"];

/** @returns {{ language: string, code: string, line: number }[]} the fenced blocks of a paper */
function blocks(path) {
  return [...read(path).matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language, 2: code, index }) => ({
    language, code, line: read(path).slice(0, index).split("\n").length,
  }));
}

/** The scripts of a page; what they load from the node is what the package has. */
const scripts = (html) => [...html.matchAll(/<script type="module">\n?(.*?)<\/script>/gs)].map(([, code]) => code.replaceAll('"/client/index.js"', '"copresence"').replaceAll('"/client/ui/index.js"', '"copresence/ui"'));

const OPTIONS = {
  allowJs: true, checkJs: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler, jsx: ts.JsxEmit.ReactJSX, lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"], types: [],
  paths: {
    copresence: [`${ROOT}static/client/index.js`], "copresence/core": [`${ROOT}static/client/core.js`], "copresence/parts": [`${ROOT}static/client/parts.js`], "copresence/react": [`${ROOT}static/client/react/index.js`], "copresence/ui": [`${ROOT}static/client/ui/index.js`],
    react: [`${ROOT}tests/client/react/node_modules/@types/react/index.d.ts`], "react/jsx-runtime": [`${ROOT}tests/client/react/node_modules/@types/react/jsx-runtime.d.ts`],
  },
};

/** What was read from disk, for every program that is made here. @type {Map<string, object>} */
const parsed = new Map();

/**
 * @param {Record<string, string>} files by a path that is not there
 * @returns {string[]} what is wrong with them
 */
function complaints(files, options = OPTIONS) {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => Object.hasOwn(files, path) || fileExists.call(host, path);
  host.readFile = (path) => files[path] ?? readFile.call(host, path);
  host.getSourceFile = (path, version, ...rest) => {
    if (Object.hasOwn(files, path)) return ts.createSourceFile(path, files[path], version, true);
    if (!parsed.has(path)) parsed.set(path, getSourceFile.call(host, path, version, ...rest));
    return parsed.get(path);
  };
  const program = ts.createProgram(Object.keys(files), options, host);
  return Object.keys(files).flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(({ messageText, start }) => {
      const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
      return `${path.replace(ROOT, "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")} in \`${file.text.split("\n")[line].trim()}\``;
    });
  });
}

/** A block as a module of its own; TypeScript reads JavaScript as well, and more strictly than it is read as such. */
function modules(path) {
  const found = {};
  for (const { language, code, line } of blocks(path)) {
    if (!TYPED.includes(language)) continue;
    for (const [at, script] of (language === "html" ? scripts(code) : [code]).entries()) {
      const given = PAPERS[path].filter((declaration) => !new RegExp(`\\b(const|let|function|class)\\s+${/(?:const|function) (\w+)/.exec(declaration)[1]}\\b`).test(script));
      // A module even when it imports nothing, so that blocks do not share their names.
      found[`${ROOT}${path}.${line}.${at}.${/jsx|tsx/.test(language) ? "tsx" : "ts"}`] = `${given.join("\n")}\nexport {};\n${script}`;
    }
  }
  return found;
}

// A reader's JavaScript declares no types, so what has none is anything; what has one is used as it is.
const LOOSE = { ...OPTIONS, strict: false, noImplicitAny: false };

test("every block of code is in a language that is checked or known not to be ours", () => {
  for (const path of Object.keys(PAPERS)) {
    for (const { language, line } of blocks(path)) assert.ok([...TYPED, ...OTHERS].includes(language), `${path}:${line}: \`${language}\``);
  }
});

test("the code of the papers parses, and what it imports and calls is there", () => {
  const files = Object.assign({}, ...Object.keys(PAPERS).map(modules));
  assert.ok(Object.keys(files).length >= 6, Object.keys(files).join());
  assert.deepEqual(complaints(files, LOOSE), []);
});

test("a slip in a block would be found", () => {
  const codes = ['room.publish("note", { text: "hi" });', "room.publsh('note', {});", 'import { createClint } from "copresence";', "client.connect(;", "room.state.set({}, { ifOfset: 1 });", "nobody.said();"];
  const files = codes.map((code, at) => [`${ROOT}docs/slip${at}.ts`, `${CLIENT}\n${ROOM}\nexport {};\n${code}`]);
  const said = complaints(Object.fromEntries(files), LOOSE);
  assert.deepEqual(codes.map((_, at) => said.some((each) => each.startsWith(`docs/slip${at}.ts`))), [false, true, true, true, true, true], said.join("\n"));
});

test("what the examples of docs/examples/ call is there", () => {
  const folder = "docs/examples/";
  const sources = readdirSync(ROOT + folder, { recursive: true }).map(String).filter((name) => /\.(jsx|html)$/.test(name));
  assert.ok(sources.length >= 3, sources.join());
  const files = {};
  for (const name of sources) {
    const text = read(folder + name);
    if (name.endsWith(".html")) {
      for (const [at, script] of scripts(text).entries()) files[`${ROOT}${folder}${name}.${at}.ts`] = `export {};\n${script}`;
    } else files[`${ROOT}${folder}${name}`] = text;
  }
  // React's renderer comes without types here.
  const declarations = `${ROOT}docs/given.d.ts`;
  files[declarations] = 'declare module "react-dom/client" { export function createRoot(element: Element | null): { render(node: unknown): void } }\n';
  // What a page finds by name has a type of which only the page knows; Chromium runs it.
  const isOfThePage = (each) => /does not exist on type '(Element|HTMLElement|EventTarget)'/.test(each);
  assert.deepEqual(complaints(files, LOOSE).filter((each) => !isOfThePage(each)), []);
});

test("every element, event of an element and attribute that the papers show is there", () => {
  const folder = "static/client/ui/";
  const sources = readdirSync(ROOT + folder).filter((name) => name.endsWith(".js")).map((name) => read(folder + name)).join("\n");
  const elements = new Set([...sources.matchAll(/define\("(cp-[a-z-]+)"/g)].map(([, name]) => name));
  assert.ok(elements.size >= 6, [...elements].join());
  const papers = [...Object.keys(PAPERS), "docs/examples/plain/index.html"].map((path) => [path, read(path)]);
  for (const [path, text] of papers) {
    for (const [, name] of text.matchAll(/<\/?(cp-[a-z-]+)/g)) assert.ok(elements.has(name), `${path}: <${name}>`);
    for (const [, name, attributes] of text.matchAll(/<(cp-[a-z-]+)((?: [a-z-]+(?:="[^"]*")?)*)>/g)) {
      for (const [, attribute] of attributes.matchAll(/ (?!id=|class=|hidden|slot=|lang=|dir=)([a-z-]+)/g)) assert.match(sources, new RegExp(`["'\`]${attribute}["'\`]`), `${path}: <${name} ${attribute}>`);
    }
  }
  const [, table] = /\| element \|(.*?)\n\n/s.exec(read("docs/elements.md"));
  for (const name of elements) assert.ok(table.includes(`<${name}>`), `docs/elements.md does not have <${name}>`);
  for (const [, event] of table.matchAll(/`(cp-[a-z]+)[` ]/g)) assert.match(sources, new RegExp(`"${event.slice(3)}"`), event);
});

test("every method and property that the prose names is there", () => {
  const prose = read("docs/client.md").replace(/^```.*?^```$/gms, "");
  const mentions = new Set([...prose.matchAll(/`(?:await )?((?:client|room|notifications)(?:\.[a-zA-Z]+)+)/g)].map(([, mention]) => mention));
  assert.ok(mentions.size >= 8, [...mentions].join());
  const bare = ["hold", "release", "archive", "snooze", "acknowledge", "undo", "follow", "mute", "updatePreferences"].filter((name) => prose.includes(`\`${name}`)).map((name) => `notifications.${name}`);
  const text = [CLIENT, ROOM, NOTIFICATIONS, "export {};", ...[...mentions, ...bare].map((mention) => `void ${mention};`)].join("\n");
  assert.deepEqual(complaints({ [`${ROOT}docs/prose.ts`]: text }, LOOSE), []);
});
