// node parse.mjs FILE: what the official AsyncAPI parser makes of a document, as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const addresses = document?.channels().all().map((channel) => channel.address()) ?? [];
const operations = document?.operations().all().map((operation) => operation.id()) ?? [];
const errors = diagnostics
  .filter((found) => found.severity === 0)
  .map((found) => `${found.path.join("/")}: ${found.message}`);
console.log(JSON.stringify({ parsed: document !== undefined, addresses, operations, errors }));
