// Writes src/api/schema.d.ts from the server's OpenAPI document: docs/openapi.json, which a test of the server holds to the
// code. HEADEND_OPENAPI names another file. An API that changed shape fails the type check that comes next.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const source = process.env.HEADEND_OPENAPI ?? new URL("../../docs/openapi.json", import.meta.url);
const document = JSON.parse(await readFile(source, "utf8"));
const types = astToString(await openapiTS(document));
await writeFile(new URL("../src/api/schema.d.ts", import.meta.url), types);
