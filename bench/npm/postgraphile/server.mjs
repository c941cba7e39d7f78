// PostGraphile over grafserv on Node's own HTTP server, for production: planned queries, prepared statements, no page to
// ask from, no watching. Nobody signs in, so the database is asked without settings and without a transaction.
//
// What Headwater computes is computed by SQL in fields of its own, written as its documentation teaches.

import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { TYPES } from "postgraphile/@dataplan/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { extendSchema } from "postgraphile/utils";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

const computed = extendSchema((build) => {
  const { sql } = build;
  return {
    typeDefs: /* GraphQL */ `
      extend type Project {
        taskCount: BigInt!
      }
      extend type Task {
        spent: BigInt!
        isLate: Boolean!
      }
    `,
    objects: {
      Project: {
        plans: {
          taskCount: ($project) =>
            $project.select(
              sql`(select count(*) from public.tasks c where c.project_id = ${$project}.id)`,
              TYPES.bigint,
            ),
        },
      },
      Task: {
        plans: {
          spent: ($task) =>
            $task.select(
              sql`(select coalesce(sum(l.hours), 0)::bigint from public.time_logs l where l.task_id = ${$task}.id)`,
              TYPES.bigint,
            ),
          isLate: ($task) =>
            $task.select(
              sql`coalesce(${$task}.deadline < now() and ${$task}.status not in ('approved', 'completed'), false)`,
              TYPES.boolean,
            ),
        },
      },
    },
  };
}, "Computed");

const preset = {
  extends: [PostGraphileAmberPreset, PostGraphileConnectionFilterPreset],
  plugins: [computed],
  // It would leave out the filters and orders of columns that have no index.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  pgServices: [makePgService({ connectionString: process.env.BENCH_DATABASE_URL, schemas: ["public"] })],
  schema: { dynamicJson: true },
  grafast: { explain: false },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false, outputDataAsString: true },
};

const instance = postgraphile(preset);
const server = createServer();
await instance.createServ(grafserv).addTo(server, false);
await instance.getSchema();
server.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
