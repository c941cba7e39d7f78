// Reads a job, finds the GraphQL of a client's files, and makes TypeScript of it. What it found, what is wrong with
// it, and the files that were made go into one file of JSON. Nothing of the client is written here.

import { readFileSync, writeFileSync } from "node:fs";
import { preset } from "@graphql-codegen/client-preset";
import { codegen } from "@graphql-codegen/core";
import * as nodes from "@graphql-codegen/typed-document-node";
import * as operations from "@graphql-codegen/typescript-operations";
import { gqlPluckFromCodeString } from "@graphql-tools/graphql-tag-pluck";
import {
  Kind,
  LoneAnonymousOperationRule,
  NoUnusedFragmentsRule,
  Source,
  UniqueFragmentNamesRule,
  UniqueOperationNamesRule,
  buildSchema,
  parse,
  specifiedRules,
  validate,
} from "graphql";

// Names are looked at by whoever reads the result. A fragment that no operation spreads may be one that the code
// reads from a cache.
const LEFT_OUT = [
  LoneAnonymousOperationRule,
  NoUnusedFragmentsRule,
  UniqueFragmentNamesRule,
  UniqueOperationNamesRule,
];

const EXECUTABLE = [Kind.OPERATION_DEFINITION, Kind.FRAGMENT_DEFINITION];

const [jobFile, resultFile] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, "utf8"));

const found = []; // { file, line, text }
const wrong = []; // { file, line, message, isRead }, of which isRead tells GraphQL that could be read
const files = {};
let failed = null;

for (const { file, text, isCode } of job.texts) {
  if (!isCode) {
    found.push({ file, line: 1, text });
    continue;
  }
  try {
    // Text as the code has it: the types of `graphql()` know a document by that.
    for (const source of await gqlPluckFromCodeString(file, text, { skipIndent: true })) {
      found.push({ file, line: source.locationOffset.line, text: source.body });
    }
  } catch (error) {
    wrong.push({ file, line: error.loc?.line ?? 1, message: `${error.message}.`, isRead: false });
  }
}

const documents = [];
for (const { file, line, text } of found) {
  try {
    const document = parse(new Source(text, file, { line, column: 1 }));
    // A copy of the schema is no document.
    const definitions = document.definitions.filter((definition) => EXECUTABLE.includes(definition.kind));
    if (definitions.length > 0) {
      documents.push({ location: file, document: { ...document, definitions }, rawSDL: text });
    }
  } catch (error) {
    wrong.push({ ...placed(error), isRead: false });
  }
}

if (wrong.length === 0 && documents.length > 0) {
  const schemaAst = buildSchema(job.schema);
  const definitions = documents.flatMap(({ document }) => document.definitions);
  const rules = specifiedRules.filter((rule) => !LEFT_OUT.includes(rule));
  wrong.push(...validate(schemaAst, { kind: Kind.DOCUMENT, definitions }, rules).map(placed));
  if (wrong.length === 0) {
    try {
      await make({ schemaAst, schema: parse(job.schema), documents });
    } catch (error) {
      failed = error.message;
    }
  }
}

writeFileSync(resultFile, JSON.stringify({ found, wrong, failed, files }));

async function make(given) {
  const shared = { ...given, config: job.config, documentTransforms: [] };
  const outputs = job.preset
    ? await preset.buildGeneratesSection({
        ...shared,
        baseOutputDir: "./",
        plugins: [],
        pluginMap: {},
        presetConfig: { fragmentMasking: false },
      })
    : [
        {
          ...shared,
          filename: "./documents.ts",
          plugins: [{ operations: {} }, { nodes: {} }],
          pluginMap: { operations, nodes },
        },
      ];
  for (const output of outputs) {
    // They are valid: that has been looked at, so that what is wrong has its place.
    const made = await codegen({ ...output, schemaAst: given.schemaAst, skipDocumentsValidation: true });
    files[output.filename.replace("./", "")] = made.replace("/* eslint-disable */\n", "").trim() + "\n";
  }
}

function placed(error) {
  const { name, locationOffset } = error.source;
  const line = error.locations[0].line + locationOffset.line - 1;
  return { file: name, line, message: error.message, isRead: true };
}
