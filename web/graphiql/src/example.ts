import {
  getNamedType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
} from "graphql";

type Field = GraphQLField<unknown, unknown>;

/** A first question that the schema can answer: a page of what leads to most else, and of some of what it leads to. */
export function example(schema: GraphQLSchema): string | null {
  const list = richest(connections(schema.getQueryType()));
  if (!list) return null;
  const type = rows(list);
  const within = richest(connections(type).filter((field) => rows(field) !== type));
  const lines = [`  ${list.name}(first: 5) {`, "    nodes {", ...leaves(type, 4).map((name) => `      ${name}`)];
  if (within) {
    const names = leaves(rows(within), 3).map((name) => `          ${name}`);
    lines.push(`      ${within.name}(first: 3) {`, "        nodes {", ...names, "        }", "      }");
  }
  const title = list.name[0]!.toUpperCase() + list.name.slice(1);
  return [`query ${title} {`, ...lines, "    }", "  }", "}", ""].join("\n");
}

/** The fields of a type that are pages of rows: they take `first`, and what they answer has `nodes`. */
function connections(type: GraphQLObjectType | null | undefined): Field[] {
  return Object.values(type?.getFields() ?? {}).filter(
    (field) => rows(field) && field.args.some((argument) => argument.name === "first") && isFree(field),
  );
}

/** The one whose rows lead to most other lists. */
function richest(lists: Field[]): Field | undefined {
  return lists.toSorted((a, b) => connections(rows(b)).length - connections(rows(a)).length)[0];
}

function rows(field: Field): GraphQLObjectType | null {
  const page = getNamedType(field.type);
  const nodes = isObjectType(page) ? page.getFields()["nodes"] : undefined;
  const type = nodes && getNamedType(nodes.type);
  return isObjectType(type) ? type : null;
}

function leaves(type: GraphQLObjectType | null, most: number): string[] {
  const fields = Object.values(type?.getFields() ?? {});
  const plain = fields.filter((field) => isLeafType(getNamedType(field.type)) && isFree(field));
  const telling = plain.filter((field) => field.name !== "id" && !field.name.endsWith("Id"));
  return [...plain.filter((field) => field.name === "id"), ...telling].slice(0, most).map((field) => field.name);
}

function isFree(field: Field): boolean {
  return !field.deprecationReason && !field.args.some(isRequiredArgument);
}
